"""How good the forecast is: made-up histories of which the truth is known, 1,000 of each kind.

Of each kind: how often nothing false is said (of growth: the day on which the true line reaches the limit lies within
the stated interval; of what does not grow: no day is named), and how often a day is named at all.
"""

import json
import random
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

from stepwell.insight.trend import trend

LIMIT = 720.0  # seconds
FIRST = 739_000  # a day's ordinal


class History(NamedTuple):
    """Measurements by day; the day on which the truth reaches the limit, None if it never will."""

    values: list[tuple[int, float]]
    truth: float | None


class Verdict(NamedTuple):
    """`told`: a day was named; `right`: nothing false was said."""

    told: bool
    right: bool
    wide: float = 0.0


def steady(rng: random.Random) -> History:
    return _made(rng, lambda base, _: lambda day: base)


def growth(rng: random.Random) -> History:
    return _made(rng, _line(rng), grows=True)


def step(rng: random.Random) -> History:
    """A level that changes once, up to 60 % higher."""
    part, jump = rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.6)
    return _made(rng, lambda base, days: lambda day: base * (1 + jump * (day > part * days)), highest=440)


def weekdays(rng: random.Random) -> History:
    """Growth, and up to a quarter more or less on each weekday."""
    return _made(rng, _line(rng), grows=True, week=[rng.uniform(-0.25, 0.25) for _ in range(7)])


def outliers(rng: random.Random) -> History:
    """Growth, and one day in fourteen that took two to four times as long."""
    return _made(rng, _line(rng), grows=True, strays=0.07)


def five_runs(rng: random.Random) -> History:
    return _made(rng, _line(rng), grows=True, days=5)


KINDS: dict[str, Callable[[random.Random], History]] = {
    "steady": steady,
    "linear growth": growth,
    "step": step,
    "weekdays": weekdays,
    "outliers": outliers,
    "five runs only": five_runs,
}

Line = Callable[[float], float]
Make = Callable[[float, int], Line]


def _line(rng: random.Random) -> Make:
    slope = rng.uniform(1.0, 6.0)
    return lambda base, _: lambda day: base + slope * day


def _made(
    rng: random.Random,
    make: Make,
    grows: bool = False,
    highest: float = 500,
    week: list[float] | None = None,
    strays: float = 0.0,
    days: int | None = None,
) -> History:
    """A run a day, for one to three months, three in ten only on five days of the week; noise of 2 to 12 %."""
    days = days or rng.randint(30, 90)
    base, noise = rng.uniform(100, highest), rng.uniform(0.02, 0.12)
    line = make(base, days)
    add = [0.0] * 7 if week is None else [base * (each - sum(week) / 7) for each in week]
    five = rng.random() < 0.3 and days > 5
    values = []
    for day in range(days):
        if five and day % 7 > 4:
            continue
        value = line(day) + add[day % 7] + rng.gauss(0, noise * base)
        value *= rng.uniform(2, 4) if rng.random() < strays else 1
        values.append((FIRST + day, max(1.0, value)))
    truth = FIRST + (LIMIT - base) / (line(1) - base) if grows else None
    return History(values, truth)


def judge(history: History) -> Verdict:
    line = trend(history.values)
    found = None if line is None else line.crossing(LIMIT)
    if found is None:
        false_alarm = history.truth is None and line is not None and line.is_over(LIMIT)
        return Verdict(False, not false_alarm)
    _, earliest, latest = found
    right = history.truth is not None and earliest <= history.truth <= latest
    return Verdict(True, right, latest - earliest)


def judged(kind: str, seeds: range) -> list[Verdict]:
    return [judge(KINDS[kind](random.Random(seed))) for seed in seeds]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = {}
    for kind in KINDS:
        began = time.perf_counter()
        verdicts = judged(kind, range(options.seeds))
        told = [verdict for verdict in verdicts if verdict.told]
        rows[kind] = {
            "right": sum(verdict.right for verdict in verdicts) / len(verdicts),
            "told": len(told) / len(verdicts),
            "right_of_told": sum(verdict.right for verdict in told) / len(told) if told else None,
            "days_wide": sum(verdict.wide for verdict in told) / len(told) if told else None,
            "ms_each": (time.perf_counter() - began) * 1000 / len(verdicts),
        }
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'history':<16}{'right':>9}{'a day told':>12}{'right of told':>15}{'days wide':>11}{'ms each':>9}")
    for kind, row in rows.items():
        of_told = "" if row["right_of_told"] is None else f"{row['right_of_told']:.1%}"
        wide = "" if row["days_wide"] is None else f"{row['days_wide']:.0f}"
        print(f"{kind:<16}{row['right']:>9.1%}{row['told']:>12.1%}{of_told:>15}{wide:>11}{row['ms_each']:>9.1f}")


if __name__ == "__main__":
    main()
