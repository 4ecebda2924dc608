"""Drives map runs: brings their items, starts children within the limits, gathers what has become of them.

The worker owns the children as it owns all executions. What there is to know of a map run is in its row and in its
children's, so after a crash it goes on from there; items that had not all been read by then are read again.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from itertools import islice
from typing import Any, Protocol

from stepwell.asl.dataflow import check_size
from stepwell.asl.outcome import Access, Plan
from stepwell.asl.payload import Payload
from stepwell.engine.changes import Reply, RunChange
from stepwell.engine.execution import RUNNING, Execution
from stepwell.engine.frames import Frame
from stepwell.engine.mapruns import EXCEEDED, Tally, plan_of
from stepwell.errors import ServiceStopped, StatesError
from stepwell.journal.journal import ExecutionRow, Journal
from stepwell.journal.runs import PENDING, PENDING_REDRIVE, ChildRow, RunRow
from stepwell.resources.items import read
from stepwell.resources.results import gather, write
from stepwell.resources.services import Call

SLICE = 1_000  # children that are put down in one commit
FILLING, GOING, ENDING, GATHERING = "filling", "going", "ending", "gathering"


class Loop(Protocol):
    """What the worker does for map runs."""

    def ask(self, work: Callable[[], Any]) -> Any: ...
    def adopt(self, number: int) -> None: ...
    def launch(self, row: ExecutionRow) -> None: ...
    def halt(self, number: int) -> None: ...
    def map_run_ended(self, parent: int, reply: Reply) -> None: ...
    def guarded(self, number: int) -> AbstractContextManager[None]: ...


class Active:
    """A map run under way."""

    def __init__(self, row: RunRow, frame: int, plan: Plan) -> None:
        self.row, self.frame, self.plan = row, frame, plan
        self.tally = Tally(row.concurrency, row.tolerated_count, row.tolerated_percentage)
        self.queue: deque[ChildRow] = deque()  # the next ones to start
        self.waiting = [PENDING_REDRIVE, PENDING]  # whether those of a status are to be put into the queue yet,
        self.seen = 0  # and the last of them that has been in it
        self.sample: ExecutionRow | None = None  # a child's row; the others differ in what ChildRow has
        self.state = FILLING

    def result(self, result: Payload) -> Reply:
        return Reply(self.row.event, self.frame, result)

    def failed(self, error: str | None, cause: str | None) -> Reply:
        return Reply(self.row.event, self.frame, None, error, cause)


class MapRuns:
    """Those whose parents this worker owns. The loop's thread uses it; what reads or writes has a thread of its own."""

    def __init__(self, journal: Journal, loop: Loop, owner: str, call: Call) -> None:
        self._journal, self._loop, self._owner, self._call = journal, loop, owner, call
        self._active: dict[int, Active] = {}
        self._run_of: dict[int, Active] = {}  # by its child

    # What the worker tells

    def changed(self, parent: int, x: Execution, change: RunChange) -> None:
        """A run has begun, also again, or nobody waits for it any more: that is on disk."""
        row, frame = self._journal.runs.of(parent, change.run.id), x.frames.get(change.frame)
        if change.status != RUNNING:
            run = self._active.pop(row.id, None)
            for child in list(run.tally.live) if run else ():
                self._loop.halt(child)
        elif frame is not None:
            self._open(row, frame, change.plan or plan_of(x, frame))

    def resume(self, parent: int, x: Execution, frame: Frame) -> None:
        """After a crash."""
        if frame.run is not None:
            self._open(self._journal.runs.of(parent, frame.run.id), frame, plan_of(x, frame))

    def ended(self, child: int, status: str) -> None:
        run = self._run_of.pop(child, None)
        if run is not None:
            run.tally.ended(child, status)

    def limited(self, number: int) -> None:
        """UpdateMapRun: new limits are in the row."""
        run = self._active.get(number)
        if run is not None:
            row = self._journal.runs.by_id(number)
            run.tally.limit(row.concurrency, row.tolerated_count, row.tolerated_percentage)

    def work(self, more_time: Callable[[], bool]) -> bool:
        """Start children, end runs; True: there is more to do at once."""
        hurried = False
        for number, run in list(self._active.items()):
            with self._loop.guarded(run.row.execution):
                hurried |= self._go_on(run, more_time)
                continue
            del self._active[number]  # it has been put aside
        return hurried

    # A run's life

    def _open(self, row: RunRow, frame: Frame, plan: Plan) -> None:
        run = self._active[row.id] = Active(row, frame.number, plan)
        if row.total is None:
            self._journal.runs.filled(row.id, None)
            self._in_thread(self._fill, run)
            return
        counts = self._journal.runs.counts(row.id)
        run.tally.failed = sum(counts.get(status, (0, 0))[1] for status in ("FAILED", "TIMED_OUT"))
        self._going(run, row.total)
        for child, items in self._journal.runs.take_over(row.id, self._owner):
            self._began(run, child, items)
        for child in list(run.tally.live):
            self._loop.adopt(child)

    def _fill(self, run: Active) -> None:
        """In a thread of its own: read the items, make children of them."""
        place = total = 0
        reader, resource = run.plan.reader, run.plan.reader and run.plan.reader.resource
        items = read(resource, *reader[1:], self._call) if reader and resource else run.plan.items
        children = run.plan.children(items)
        while part := [(payload.text, count) for payload, count in islice(children, SLICE)]:
            self._loop.ask(partial(self._put, run, place, part))
            place, total = place + len(part), total + sum(count for _, count in part)
        self._loop.ask(lambda: self._filled(run, total))

    def _put(self, run: Active, place: int, part: list[tuple[str, int]]) -> None:
        if not self._is_active(run):
            raise ServiceStopped
        self._journal.runs.fill(run.row, run.plan.express, place, part)

    def _filled(self, run: Active, total: int) -> None:
        if self._is_active(run):
            self._journal.runs.filled(run.row.id, total)
            self._going(run, total)

    def _going(self, run: Active, total: int) -> None:
        run.state, run.tally.total = GOING, total

    def _go_on(self, run: Active, more_time: Callable[[], bool]) -> bool:
        if run.state == ENDING:
            run.state = GATHERING
            self._in_thread(self._gather, run)
        tally = run.tally
        while run.state == GOING and not tally.exceeded and tally.room > 0 and self._has_next(run):
            if not more_time():
                return True
            child = run.queue.popleft()
            self._began(run, child.id, child.items)
            run.sample = run.sample or self._journal.execution_by_id(child.id)
            if run.sample is not None:
                self._loop.launch(run.sample._replace(**child._asdict()))
        if run.state == GOING and tally.exceeded:
            for number in list(tally.live):
                self._loop.halt(number)
        if run.state == GOING and not tally.live and (tally.exceeded or not self._has_next(run)):
            run.state = ENDING  # and what the children have come to is saved before it is gathered
        return run.state == ENDING

    def _began(self, run: Active, child: int, items: int) -> None:
        run.tally.live[child] = items
        self._run_of[child] = run

    def _has_next(self, run: Active) -> bool:
        while not run.queue and run.waiting:
            run.queue.extend(self._journal.runs.waiting(run.row.id, run.waiting[0], run.seen))
            if run.queue:
                run.seen = run.queue[-1].id
            else:
                run.waiting, run.seen = run.waiting[1:], 0
        return bool(run.queue)

    def _gather(self, run: Active) -> None:
        """In a thread of its own: the results are the state's, or go where its ResultWriter says."""
        writer = run.plan.writer or Access(None, {}, {})
        told = run.failed(*EXCEEDED)
        if writer.resource is not None:
            written = write(*writer[1:], run.row.arn, self._records(run), self._call)
            told = told if run.tally.exceeded else run.result(Payload.of(written))
        elif not run.tally.exceeded:
            gathered = Payload.parse(gather(self._records(run), writer.options))
            check_size(gathered, run.row.state)
            told = run.result(gathered)
        self._loop.ask(lambda: self._end(run, told))

    def _records(self, run: Active) -> Iterator[dict[str, Any]]:
        """The children in the order of their items, as result files have them; some at a time."""
        after = run.row.execution
        while page := self._loop.ask(partial(self._journal.runs.children, run.row.id, after)):
            yield from (child.record(run.row.arn) for child in page)
            after = page[-1].id

    def _end(self, run: Active, reply: Reply) -> None:
        if self._is_active(run):
            del self._active[run.row.id]
            self._loop.map_run_ended(run.row.execution, reply)

    def _is_active(self, run: Active) -> bool:
        return self._active.get(run.row.id) is run

    def _in_thread(self, work: Callable[[Active], None], run: Active) -> None:
        """What goes wrong there fails the run; that the loop has ended does not."""

        def guarded() -> None:
            try:
                work(run)
            except ServiceStopped:
                return
            except Exception as error:
                fault = error if isinstance(error, StatesError) else StatesError("States.Runtime", repr(error))
                with suppress(ServiceStopped):
                    self._loop.ask(lambda: self._end(run, run.failed(fault.name, fault.cause)))

        threading.Thread(target=guarded, daemon=True).start()
