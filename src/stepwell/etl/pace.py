"""How many rows the next lot takes: as many as make a row cheapest, within the time that a lot may take.

A lot has costs of its own (a commit, a table that the statement reads whole), which more rows share; but of more rows
PostgreSQL may choose a plan that is slower for each. So it is tried: twice as many, or half, and back if that was no
gain. An invocation's first lot says nothing about its size, since it finds the caches empty.
"""

LONGEST = 60.0  # seconds
_SHARE = 0.2  # of the time that one invocation has
_MEMORY = 0.75  # the weight of what was measured before, at each new lot
_PANIC = 3.0  # times the target: what was measured says nothing about this part of the table
_BRIEF = 0.1  # seconds: a shorter lot may grow without being a gain
_GAIN, _LOSS = 1.1, 0.9  # times the speed of the size before
_WAIT = 16  # lots at least until a size that was no gain is tried again; each time twice as many
_PRICE = 0.01  # of the time, at most, is what such a trial may have lost


class Pace:
    """Measures lots. `target` is the seconds that one takes at most, `size` the rows of the next one.

    `explores`: whether this lane tries other sizes, or keeps to `base`, which another one has found.
    """

    def __init__(
        self,
        seconds: float,
        size: int,
        rows: int = 0,
        took: float = 0.0,
        explores: bool = True,
        tried: bool = False,
        least: int = 1,
    ) -> None:
        """`seconds` is what the invocation has. `rows` took `took` seconds before, and `size` was `tried`.

        `least` are the rows of a chunk: no lot has fewer.
        """
        self.target = min(LONGEST, _SHARE * seconds)
        self._rows, self._seconds = float(rows), took
        self.explores, self._wait, self._lots = explores, _WAIT, _WAIT if tried else 1
        self._least = max(1, least)
        self.base = max(self._least, size)
        self._speed = 0.0  # rows a second at the base
        self._cap = float("inf")  # rows that fit into the target
        self._crowd = 1.0  # how much less it takes since lanes were in each other's way
        self._factor = 2.0  # times the base: what is tried next
        self._tries = self._warm = False

    @property
    def size(self) -> int:
        return max(1, round(min(self._factor * self.base if self._tries else self.base, self._cap) / self._crowd))

    @property
    def limit(self) -> float:
        """Seconds after which a lot is given up."""
        return 5 * self.target

    def expected(self, rows: int) -> float:
        """Seconds that so many rows will take; 0 while nothing is known."""
        return max(rows, 1) / self._rows * self._seconds if self._rows else 0.0

    def fitting(self, seconds: float) -> int:
        """At most so many rows fit into a time."""
        return int(seconds * self._rows / self._seconds) if self._seconds else self.size

    def ran(self, rows: int, seconds: float) -> None:
        rows, seconds = max(rows, 1), max(seconds, 0.0001)
        if seconds > _PANIC * self.target:
            self.gave_up(rows)
            return
        self._rows = self._rows * _MEMORY + rows
        self._seconds = self._seconds * _MEMORY + seconds
        self._cap = max(self._rows / self._seconds * self.target, rows / 4)
        self._crowd = max(1.0, self._crowd * _MEMORY)
        if self.explores:
            self._judge(rows, seconds)

    def gave_up(self, rows: int) -> None:
        """A lot that took far too long cuts the next one, and what was measured is forgotten."""
        self._rows = self._seconds = self._speed = 0.0
        self._cap = max(1, rows // 6)
        self._tries = False

    def gave_way(self) -> None:
        """To another lane: large lots are in each other's way more often."""
        self._crowd *= 2

    def _judge(self, rows: int, seconds: float) -> None:
        if not self._warm:
            self._warm = True
            return
        speed = rows / seconds
        if not self._tries or not self._was_tried(rows):
            self._speed = speed if not self._speed else _MEMORY * self._speed + (1 - _MEMORY) * speed
            self._lots -= 1
        elif speed > _GAIN * self._speed or (self._factor > 1 and speed > _LOSS * self._speed and seconds < _BRIEF):
            self.base, self._speed = rows, speed
        else:
            lost = seconds - rows / self._speed
            self._wait = max(self._wait, int(lost / _PRICE / self.base * self._speed))
            self._turn()
        if self._lots <= 0 and not self._fits():
            self._turn()
        self._tries = self._lots <= 0 and self._fits()

    def _was_tried(self, rows: int) -> bool:
        """It may have been less than was wanted, of the last ones."""
        return rows >= 1.5 * self.base if self._factor > 1 else rows <= 0.75 * self.base

    def _fits(self) -> bool:
        return self._least <= self._factor * self.base <= self._cap

    def _turn(self) -> None:
        """The other direction; when both were no gain, a while without."""
        self._factor = 1 / self._factor
        if self._factor > 1:
            self._lots, self._wait = self._wait, 2 * self._wait
