"""All executions that there are, kept up to date with few questions: the newest are asked for, and those under way."""

import time
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from stepwell.monitor.source import Source
from stepwell.operate.paging import items

PAGE = 1000
LOOK = 50  # of the newest, while watching


class Run(NamedTuple):
    """An execution as a list shows it; `pipeline` is the name of its state machine."""

    arn: str
    name: str
    pipeline: str
    machine: str
    status: str
    started: datetime
    ended: datetime | None
    redrives: int

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.ended else None


class Wanted(NamedTuple):
    """What a reader of the list asks for; empty is everything. `text` is looked for in names."""

    status: str = ""
    pipeline: str = ""
    text: str = ""

    def fits(self, run: Run) -> bool:
        return self.status in ("", run.status) and self.fits_but_for_status(run)

    def fits_but_for_status(self, run: Run) -> bool:
        text = self.text.lower()
        return self.pipeline in ("", run.pipeline) and (
            not text or text in run.name.lower() or text in run.pipeline.lower()
        )


class Runs:
    """The list; threads may share it. `version` changes when it does."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = Lock()
        self._by_arn: dict[str, Run] = {}
        self._sorted: list[Run] = []
        self._listed: set[str] = set()  # machines of which the whole list was read
        self.machines: dict[str, dict[str, Any]] = {}  # by name, as ListStateMachines answers them
        self.version = int(time.time() * 10)  # no page has seen a later one, also not of a monitor before this

    def refresh(self) -> bool:
        """Ask what is new; whether anything has changed."""
        with self._lock:
            found = {m["name"]: m for m in items(self._source.client.list_state_machines, "stateMachines")}
            changed = found.keys() != self.machines.keys()
            self.machines = found
            for machine in found.values():
                if machine.get("type") != "EXPRESS":  # which keeps no list
                    changed |= self._take(self._newest(machine))
            changed |= self._take(self._settled())
            if changed:
                self._sorted = sorted(self._by_arn.values(), key=lambda run: (run.started, run.arn), reverse=True)
                self.version += 1
            return changed

    def all(self) -> list[Run]:
        """The newest first."""
        return self._sorted

    def matching(self, wanted: Wanted) -> list[Run]:
        return [run for run in self._sorted if wanted.fits(run)]

    def counts(self, wanted: Wanted) -> dict[str, int]:
        """How many there are in each status, but for the status that is asked for."""
        counts: dict[str, int] = {}
        for run in self._sorted:
            if wanted.fits_but_for_status(run):
                counts[run.status] = counts.get(run.status, 0) + 1
        return counts

    def of(self, pipeline: str, limit: int) -> list[Run]:
        found = []
        for run in self._sorted:
            if run.pipeline == pipeline:
                found.append(run)
                if len(found) == limit:
                    break
        return found

    def find(self, pipeline: str, name: str) -> Run | None:
        machine = self.machines.get(pipeline)
        if machine is None:
            return None
        arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
        return self._by_arn.get(arn)

    def _newest(self, machine: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """From the newest on until one that is known and over: what is older is known too, or has been redriven."""
        arn = machine["stateMachineArn"]
        listing, first = self._source.client.list_executions, arn not in self._listed
        self._listed.add(arn)
        for item in items(listing, "executions", stateMachineArn=arn, maxResults=PAGE if first else LOOK):
            known = self._by_arn.get(item["executionArn"])
            if known is not None and known.ended is not None and item["status"] != "RUNNING":
                break
            yield item
        if not first:  # a redriven one may be old
            yield from items(listing, "executions", stateMachineArn=arn, statusFilter="RUNNING", maxResults=PAGE)

    def _settled(self) -> Iterable[dict[str, Any]]:
        """Those that were under way, asked one by one."""
        for run in [run for run in self._by_arn.values() if run.ended is None]:
            yield self._source.client.describe_execution(executionArn=run.arn)

    def _take(self, found: Iterable[dict[str, Any]]) -> bool:
        changed = False
        for item in found:
            run = self._run(item)
            if self._by_arn.get(run.arn) != run:
                self._by_arn[run.arn] = run
                changed = True
        return changed

    def _run(self, item: dict[str, Any]) -> Run:
        status = item["status"] if item["status"] != "RUNNING" else self._source.status(item)
        machine = item["stateMachineArn"]
        return Run(
            item["executionArn"], item["name"], machine.rpartition(":")[2], machine, status,
            item["startDate"], item.get("stopDate"), item.get("redriveCount", 0),
        )  # fmt: skip
