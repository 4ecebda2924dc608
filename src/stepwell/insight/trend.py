"""Where a series of measurements is going: its level, its growth, and when it will reach a limit, with an interval.

In this order: the median of each day; what each weekday adds, if weekdays differ; single outliers are set aside; a step
of the level is found; a line is fitted by least squares on what is left, with one slope on both sides of the step. Each
part is taken only where the data insist, so that noise is left alone. No library: a command must start in no time.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import NormalDist, fmean, median
from typing import NamedTuple

ENOUGH = 10  # days with measurements: with fewer, nothing is said
CERTAIN = 4.0  # standard errors that a slope must be away from none: noise gets there once in ten thousand times
HELD = 0.98  # of an interval that is told as one of 95 %: finding weekdays, steps and outliers costs the difference
_RECENT = 180  # days with measurements that are looked at
_MAD = 1.4826  # times the median of deviations is the standard deviation, of normal noise
_FAR = 4.0  # deviations of an outlier
_AROUND = 3  # days on either side that a day is compared with
_STEP = 30.0  # the F that a step must reach
_SEASON = 4.5  # the F that the differences between weekdays must reach
_SIDE = 5  # days on either side of a step, at least

Day = tuple[int, float]  # the day's ordinal, and its value


class Trend(NamedTuple):
    """`level` at the day `centre`, `slope` a day, `deviation` around both; `days` were used, `of_level` since a step.

    `spread` is the sum of squares of the days, `since` the day of the last step of the level, if there was one.
    `doubtful`: two levels without any slope would do as well as the line.
    """

    level: float
    centre: float
    slope: float
    deviation: float
    days: int
    of_level: int
    spread: float
    freedom: int
    since: int | None
    last: int
    doubtful: bool = False

    def at(self, day: float) -> float:
        return self.level + self.slope * (day - self.centre)

    def error(self, day: float) -> float:
        """The standard error of the line on a day."""
        return self.deviation * sqrt(1 / self.of_level + (day - self.centre) ** 2 / self.spread)

    @property
    def slope_error(self) -> float:
        return self.deviation / sqrt(self.spread)

    @property
    def grows(self) -> bool:
        return self.slope > CERTAIN * self.slope_error and self.slope > 0 and not self.doubtful

    def is_over(self, limit: float, confidence: float = HELD) -> bool:
        """Whether the line is above the limit on the last day, beyond doubt."""
        return self.at(self.last) - student(confidence, self.freedom) * self.error(self.last) > limit

    def crossing(self, limit: float, confidence: float = HELD) -> tuple[float, float, float] | None:
        """The day on which the line reaches the limit, and the days between which that is (Fieller's interval).

        None if it does not grow for sure, or had reached it before the last day.
        """
        if not self.grows or self.at(self.last) >= limit:
            return None
        away = limit - self.level
        quantile = (student(confidence, self.freedom) * self.deviation) ** 2
        # Where |line - limit| is quantile standard errors: a quadratic in the days from the centre.
        a = self.slope**2 - quantile / self.spread
        b = self.slope * away
        root = sqrt(max(0.0, b * b - a * (away * away - quantile / self.of_level)))
        first, last = (b - root) / a, (b + root) / a
        return self.centre + away / self.slope, self.centre + first, self.centre + last


def trend(values: Sequence[tuple[int, float]]) -> Trend | None:
    """Of measurements (day, value), in any number a day; None if there are too few days."""
    days = _daily(values)[-_RECENT:]
    if len(days) < ENOUGH:
        return None
    days, effects = _without_weekdays(days)
    days = _without_outliers(days, [stray or 0.0 for stray in _strays(days)])
    step, doubtful = _step(days)
    for _ in range(2):
        residuals = _fit(days, step, effects)[1]
        kept = _without_outliers(days, residuals)
        if len(kept) == len(days) or len(kept) < ENOUGH:
            break
        days = kept
    return _fit(days, step, effects)[0]._replace(doubtful=doubtful)


def student(confidence: float, freedom: int) -> float:
    """The two-sided quantile of Student's t (Hill's expansion, good to a thousandth from 4 degrees of freedom on)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n = float(max(4, freedom))
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)


def _daily(values: Sequence[tuple[int, float]]) -> list[Day]:
    by_day: dict[int, list[float]] = {}
    for day, value in values:
        by_day.setdefault(day, []).append(value)
    return [(day, median(found)) for day, found in sorted(by_day.items())]


# What each weekday adds


def _without_weekdays(days: list[Day]) -> tuple[list[Day], int]:
    """The days less what their weekday adds to a week's median, and how many figures that took; only if they differ."""
    groups: dict[int, list[float]] = {}
    for (day, _), stray in zip(days, _strays(days, _AROUND), strict=True):
        if stray is not None:
            groups.setdefault(day % 7, []).append(stray)
    if (
        len(groups) < len({day % 7 for day, _ in days})
        or len(groups) < 2
        or min(map(len, groups.values())) < 3
        or _f_of(list(groups.values())) < _SEASON
    ):
        return days, 0
    effect = {weekday: median(found) for weekday, found in groups.items()}
    middle = fmean(effect.values())
    return [(day, value - effect[day % 7] + middle) for day, value in days], len(groups) - 1


def _f_of(groups: list[list[float]]) -> float:
    """How much the groups differ, beside how much there is inside of them; outliers count as much as what is far."""
    reach = _FAR * _deviation([value for group in groups for value in group])
    held = [[max(-reach, min(reach, value)) for value in group] for group in groups]
    everything = [value for group in held for value in group]
    whole, means = fmean(everything), [fmean(group) for group in held]
    between = sum(len(group) * (own - whole) ** 2 for group, own in zip(held, means, strict=True)) / (len(held) - 1)
    inside = sum((value - own) ** 2 for group, own in zip(held, means, strict=True) for value in group)
    freedom = len(everything) - len(held)
    return between * freedom / inside if inside else 0.0


def _strays(days: list[Day], least: int = 0) -> list[float | None]:
    """How far each day is from the median of the days around it, three on each side or as many as there are.

    As many on one side as on the other, so that growth does not matter; None with fewer than `least` on each side.
    """
    values = [value for _, value in days]
    sides = [min(_AROUND, i, len(values) - 1 - i) for i in range(len(values))]
    return [
        None if side < least else value - median(values[i - side : i + side + 1])
        for i, (value, side) in enumerate(zip(values, sides, strict=True))
    ]


def _deviation(values: Sequence[float]) -> float:
    return _MAD * median([abs(value) for value in values])


def _without_outliers(days: list[Day], residuals: list[float]) -> list[Day]:
    middle = median(residuals)
    limit = _FAR * max(_deviation([r - middle for r in residuals]), 1e-9 * (abs(days[-1][1]) + 1))
    return [day for day, residual in zip(days, residuals, strict=True) if abs(residual - middle) <= limit]


# A step of the level


class _Sums:
    """Sums over the first days, so that the line of any piece is known at once."""

    def __init__(self, days: list[Day]) -> None:
        self._origin = days[0][0]
        self._sums = [(0, 0.0, 0.0, 0.0, 0.0, 0.0)]
        for day, value in days:
            t, s = float(day - self._origin), self._sums[-1]
            self._sums.append((s[0] + 1, s[1] + t, s[2] + value, s[3] + t * t, s[4] + t * value, s[5] + value * value))

    def of(self, first: int, end: int) -> tuple[int, float, float, float, float, float]:
        """Of a piece: days, mean of the days, mean of the values, and the sums of squares and products around them."""
        n, t, y, tt, ty, yy = (b - a for a, b in zip(self._sums[first], self._sums[end], strict=True))
        return int(n), t / n + self._origin, y / n, tt - t * t / n, ty - t * y / n, yy - y * y / n


def _step(days: list[Day]) -> tuple[int | None, bool]:
    """The first day of a new level, if one line is clearly worse; else whether two flat levels do as well as it."""
    sums = _Sums(days)
    one = _left(*sums.of(0, len(days))[3:])
    sloped, flat = (one, 0), one
    for split in range(_SIDE, len(days) - _SIDE + 1):
        left, right = sums.of(0, split), sums.of(split, len(days))
        sloped = min(sloped, (_left(*(a + b for a, b in zip(left[3:], right[3:], strict=True))), split))
        flat = min(flat, left[5] + right[5])
    if (one - sloped[0]) * (len(days) - 3) > _STEP * sloped[0]:
        return days[sloped[1]][0], False
    return None, flat < one


def _left(squares: float, products: float, total: float) -> float:
    """The sum of squares that a line leaves."""
    return max(0.0, total - products * products / squares)


# The line


def _fit(days: list[Day], step: int | None, effects: int) -> tuple[Trend, list[float]]:
    """One slope, and a level on each side of the step; and what is left of each day."""
    sums = _Sums(days)
    split = 0 if step is None else sum(day < step for day, _ in days)
    ends = [0, split, len(days)] if split else [0, len(days)]
    pieces = [sums.of(a, b) for a, b in pairwise(ends)]
    squares, products, total = (sum(piece[i] for piece in pieces) for i in (3, 4, 5))
    slope = products / squares
    residuals = [
        value - piece[2] - slope * (day - piece[1])
        for (a, b), piece in zip(pairwise(ends), pieces, strict=True)
        for day, value in days[a:b]
    ]
    freedom = max(1, len(days) - 1 - len(pieces) - effects)
    deviation = sqrt(_left(squares, products, total) / freedom) * _persistence(residuals)
    n, centre, level = pieces[-1][:3]
    return Trend(level, centre, slope, deviation, len(days), n, squares, freedom, step, days[-1][0]), residuals


def _persistence(residuals: list[float]) -> float:
    """How much wider errors are since a day resembles the one before it."""
    square = sum(r * r for r in residuals)
    likeness = sum(a * b for a, b in pairwise(residuals)) / square if square else 0.0
    likeness = min(0.8, max(0.0, likeness))
    return sqrt((1 + likeness) / (1 - likeness))
