"""What the benchmarks share: commands timed side by side, medians, one table, one JSON object.

These machines are noisy. Every figure is the median of interleaved runs (A B C A B C …), and the ratios between rows of
one run are what counts, never a single absolute time.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

VENV_BIN = Path(sys.executable).parent


class Command(NamedTuple):
    """A whole process to time: `before` is done each time first and is not counted."""

    words: list[str]
    folder: Path
    environment: Mapping[str, str] = {}
    before: Callable[[], object] = lambda: None


class Figure(NamedTuple):
    """Seconds of one row: median and spread of the runs that were counted."""

    median: float
    low: float
    high: float
    runs: int


def options(description: str, runs: int = 7) -> ArgumentParser:
    parser = ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--runs", type=int, default=runs, help=f"counted runs of each row (default: {runs})")
    parser.add_argument("--json", action="store_true", help="print one JSON object of the figures")
    return parser


def interleaved(commands: Mapping[str, Command], runs: int) -> dict[str, Figure]:
    """Time every command `runs` times, in turns, after one turn that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            seconds = timed(command)
            if turn:
                times[name].append(seconds)
    return {name: figure(seconds) for name, seconds in times.items()}


def figure(seconds: list[float]) -> Figure:
    return Figure(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def timed(command: Command) -> float:
    command.before()
    environment = {**os.environ, **command.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    begun = time.perf_counter()
    done = subprocess.run(command.words, cwd=command.folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(command.words)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def report(title: str, rows: Mapping[str, Figure], ratios: Mapping[str, float], chosen: Namespace) -> None:
    """Print what was measured, for people or as one JSON object. A ratio whose name has a unit in it is a figure."""
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"
    if chosen.json:
        figures = {name: row._asdict() for name, row in rows.items()}
        print(json.dumps({"title": title, "machine": machine, "seconds": figures, "ratios": dict(ratios)}))
        return
    print(f"{title}\n{machine}; median [lowest .. highest] of {next(iter(rows.values())).runs} interleaved runs\n")
    width = max(map(len, [*rows, *ratios]))
    for name, row in rows.items():
        print(f"  {name:<{width}}  {shown(row.median):>9}  [{shown(row.low)} .. {shown(row.high)}]")
    print()
    for name, ratio in ratios.items():
        plain = "milliseconds" in name or ("count)" in name and "/" not in name)
        print(f"  {name:<{width}}  {ratio:>7,.0f}" if plain else f"  {name:<{width}}  {ratio:>8.3f} x")


def shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def environment_of(name: str, requirements: list[str], cache: Path) -> Path:
    """The Python of an environment that holds a peer and nothing of ours; made at its first use."""
    folder = cache / name
    python = folder / "bin" / "python"
    stamp = folder / "complete"
    if not stamp.exists() or stamp.read_text() != repr(requirements):
        print(f"installing {', '.join(requirements)} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        stamp.write_text(repr(requirements))
    return python


def cache() -> Path:
    """Where peers' environments are kept between runs."""
    return Path(os.environ.get("STEPWELL_BENCH_CACHE", Path(__file__).parent / ".cache"))


def ratio(rows: Mapping[str, Any], one: str, other: str) -> float:
    return float(rows[one].median / rows[other].median)
