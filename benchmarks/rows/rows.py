"""What a row is: one measure of several contenders, taken in turns; and what a goal says of it."""

import statistics
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.servers import Engine, Served


class Row(NamedTuple):
    """One contender's values of one measure, in `unit`."""

    measure: str
    name: str
    unit: str
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Goal(NamedTuple):
    """What is promised: a value, and the bound that it is at most or at least."""

    text: str
    value: float
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound


class Bench:
    """One run of the program: the contenders that serve, and what has been measured so far."""

    def __init__(self, folder: Path, engines: list[Engine], chosen: Namespace) -> None:
        self.folder, self.engines, self.chosen = folder, engines, chosen
        self.rows: list[Row] = []
        self.goals: list[Goal] = []
        self._served: dict[str, Served] = {}
        self._made: dict[tuple[str, str], str] = {}

    def served(self, engine: Engine) -> Served:
        """The contender, started at its first use."""
        if engine.name not in self._served:
            self._served[engine.name] = Served(engine, self.folder / engine.name.replace(" ", "-")).start()
        return self._served[engine.name]

    @property
    def all(self) -> dict[str, Served]:
        return {engine.name: self.served(engine) for engine in self.engines}

    @property
    def ours(self) -> Served:
        return self.served(self.engines[0])

    def turns(
        self, measure: str, unit: str, contenders: Mapping[str, Callable[[], float]], runs: int | None = None
    ) -> dict[str, float]:
        """Each contender in its turn, after one turn that is not counted; the medians."""
        runs = runs or self.chosen.runs
        values: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(runs + 1):
            for name, once in contenders.items():
                progress(f"{measure}: {name}, {turn} of {runs} …")
                value = once()
                if turn:
                    values[name].append(value)
        progress("")
        for name, found in values.items():
            self.note(measure, name, unit, found)
        return {name: statistics.median(found) for name, found in values.items()}

    def note(self, measure: str, name: str, unit: str, values: list[float]) -> None:
        self.rows.append(Row(measure, name, unit, values))

    def at_most(self, text: str, value: float | None, bound: float) -> None:
        if value is not None:
            self.goals.append(Goal(text, value, bound))

    def at_least(self, text: str, value: float | None, bound: float) -> None:
        if value is not None:
            self.goals.append(Goal(text, value, bound, at_most=False))

    def close(self) -> None:
        for served in self._served.values():
            served.end()


def over(medians: Mapping[str, float], one: str, other: str) -> float | None:
    """The ratio of two contenders' medians, if both were there."""
    return medians[one] / medians[other] if one in medians and other in medians else None


def progress(text: str) -> None:
    """What is being measured, in one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)
