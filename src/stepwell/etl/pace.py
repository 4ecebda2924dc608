"""How many rows the next lot takes, so that it lasts about as long as it should, whatever a row costs today."""

LONGEST = 60.0  # seconds
_SHARE = 0.2  # of the time that one invocation has
_MEMORY = 0.75  # the weight of what was measured before, at each new lot
_GROWTH = 2.0
_PANIC = 3.0  # times the target: what was measured says nothing about this part of the table


class Pace:
    """Measures lots. `target` is the seconds that one should take, `size` the rows of the next one."""

    def __init__(self, seconds: float, size: int, rows: int = 0, took: float = 0.0) -> None:
        """`seconds` is what the invocation has. `rows` that took `took` seconds before are where it begins."""
        self.target = min(LONGEST, _SHARE * seconds)
        self._rows, self._seconds = float(rows), took
        self.size = size
        if rows and took:
            self.size = max(size, round(rows / took * self.target / _GROWTH))

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
        rows = max(rows, 1)
        if seconds > _PANIC * self.target:
            self.gave_up(rows)
            return
        self._rows = self._rows * _MEMORY + rows
        self._seconds = self._seconds * _MEMORY + max(seconds, 0.0001)
        wanted = self._rows / self._seconds * self.target
        self.size = max(1, round(min(max(wanted, rows / 4), rows * _GROWTH)))

    def gave_up(self, rows: int) -> None:
        """A lot that took far too long cuts the next one, and the average is forgotten."""
        self._rows = self._seconds = 0.0
        self.size = max(1, rows // 6)
