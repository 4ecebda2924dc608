"""Print what makes this machine run the pipeline by its schedule=: a line for crontab, or a timer for systemd.

Stepwell is no scheduler: cron, systemd or EventBridge Scheduler starts the runs. A run gets the day as its window, and
the lease in the database keeps two runs of one day from running at once, on whatever machines they were started.

examples:
  (crontab -l; stepwell schedule) | crontab -
  stepwell schedule --as systemd
"""

import json
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline
    from stepwell.pipeline.schedule import Schedule


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument(
        "--as", dest="form", choices=("crontab", "systemd"), default="crontab", help="for which (default: crontab)"
    )
    parser.add_argument("--json", action="store_true", help="print the schedule as one JSON object")


def main(options: Namespace) -> int:
    from stepwell.pipeline.check import check, refuse
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    schedule = pipeline.schedule
    if schedule is None:
        raise UsageError(
            f"pipeline {pipeline.name!r} has no schedule: give it one, Pipeline({pipeline.name!r}, "
            'schedule=Schedule("cron(0 3 * * ? *)", timezone="Europe/Berlin"))'
        )
    refuse(check(pipeline))
    if options.json:
        told = {"expression": schedule.expression, "timezone": schedule.timezone, "input": schedule.input}
        print(json.dumps({"pipeline": pipeline.name, **told, "runs_per_month": schedule.runs_per_month()}, indent=2))
        return 0
    print("\n".join(_crontab(pipeline, schedule) if options.form == "crontab" else _systemd(pipeline, schedule)))
    return 0


def _crontab(pipeline: "Pipeline", schedule: "Schedule") -> Iterator[str]:
    """cron reads a % as the end of the line."""
    from stepwell.cli.crontab import crontab

    yield f"# {pipeline.name}: {schedule.expression}, {schedule.timezone}"
    if schedule.timezone != "UTC" or _zone() != "UTC":
        yield f"CRON_TZ={schedule.timezone}"
        print("CRON_TZ is known to cronie; other crons run by the machine's own time zone", file=sys.stderr)
    if names := _variables(pipeline):
        yield f"# cron has none of your shell's variables: write {'=…, '.join(names)}=… above, a line each"
    folder = quote(str(Path(pipeline.folder)))
    command = f"cd {folder} && mkdir -p .stepwell && {_command(schedule)} >> .stepwell/schedule.log 2>&1"
    command = command.replace("%", "\\%")
    yield f"{crontab(schedule)} {command}"


def _systemd(pipeline: "Pipeline", schedule: "Schedule") -> Iterator[str]:
    from stepwell.cli.crontab import on_calendar

    name = f"stepwell-{pipeline.name}"
    yield f"# {name}.service"
    yield from ("[Unit]", f"Description=Stepwell pipeline {pipeline.name}", "", "[Service]", "Type=oneshot")
    yield f"WorkingDirectory={pipeline.folder}"
    yield from (f"# it has none of your shell's variables: Environment={name}=…" for name in _variables(pipeline))
    command = _command(schedule).replace("%", "%%").replace("$", "$$").replace("$$(", "$(")
    yield f"ExecStart=/bin/sh -c {quote(command)}"
    yield from ("", f"# {name}.timer: {schedule.expression}", "[Unit]", f"Description={name}", "", "[Timer]")
    yield from on_calendar(schedule)
    yield from ("", "[Install]", "WantedBy=timers.target")
    yield ""
    yield f"# into ~/.config/systemd/user/, then: systemctl --user enable --now {name}.timer"


def _variables(pipeline: "Pipeline") -> list[str]:
    """What the pipeline reads from its environment, which a scheduler does not have from anyone's shell."""
    from stepwell.aws.template import variables

    return [each.variable for each in variables(pipeline)]


def _command(schedule: "Schedule") -> str:
    beside = Path(sys.executable).with_name("stepwell")
    command = str(beside) if beside.exists() else shutil.which("stepwell") or "stepwell"
    given = f" --input {quote(json.dumps(schedule.input))}" if schedule.input else ""
    return f'{quote(command)} run --window "$(date +%F)"{given}'


def _zone() -> str:
    """This machine's time zone, as far as it is known."""
    zone = os.environ.get("TZ") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    return "UTC" if zone in ("", "Etc/UTC", "UTC", "Universal", "Etc/Universal") else zone
