"""What a part has measured: times taken in turns, and each figure that a goal is set for, held against its goal."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.common import Figure, figure, shown


class Goal(NamedTuple):
    """A figure and its goal: at `least` or at `most` so much; without either it is only told."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = "x"

    @property
    def holds(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def verdict(self) -> str:
        if self.least is None and self.most is None:
            return ""
        bound = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{bound:<14} {'holds' if self.holds else 'MISSED'}"


class Measured(NamedTuple):
    """One part: its title, seconds of each row, and what follows from them."""

    title: str
    rows: Mapping[str, Figure]
    goals: list[Goal]


def turns(ways: Mapping[str, Callable[[], float]], runs: int, warm_up: bool = True) -> dict[str, Figure]:
    """The seconds that every way answers, taken in turns (A B C A B C …), after one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + warm_up):
        for name, way in ways.items():
            took = way()
            if turn or not warm_up:
                seconds[name].append(took)
    return {name: figure(times) for name, times in seconds.items()}


def speed(rows: Mapping[str, Figure], one: str, other: str) -> float:
    """How fast `one` is, with `other` as the measure: 1.25 is a quarter faster."""
    return statistics.median([rows[other].median]) / rows[one].median


def tell(measured: Measured, as_json: bool) -> None:
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"
    if as_json:
        seconds = {name: row._asdict() for name, row in measured.rows.items()}
        goals = [goal._asdict() | {"holds": goal.holds} for goal in measured.goals]
        print(json.dumps({"title": measured.title, "machine": machine, "seconds": seconds, "goals": goals}), flush=True)
        return
    runs = next((row.runs for row in measured.rows.values()), 0)
    print(f"{measured.title}\n{machine}" + (f"; median [lowest .. highest] of {runs} interleaved runs\n" * bool(runs)))
    width = max(map(len, [*measured.rows, *(goal.name for goal in measured.goals)]))
    for name, row in measured.rows.items():
        print(f"  {name:<{width}}  {shown(row.median):>9}  [{shown(row.low)} .. {shown(row.high)}]")
    print()
    for goal in measured.goals:
        value = f"{goal.value:,.0f}" if goal.value == round(goal.value) or goal.value >= 100 else f"{goal.value:.3g}"
        print(f"  {goal.name:<{width}}  {value + ' ' + goal.unit:>12}  {goal.verdict}".rstrip())
    print(flush=True)
