"""The loop: own executions, advance them or invoke for them, commit; nothing begins before its event is saved."""

import threading
import time
from collections.abc import Callable
from hashlib import sha1
from heapq import heappop, heappush
from queue import Empty, SimpleQueue
from random import Random
from typing import NamedTuple

from stepwell.asl.machine import Machine, parse_machine
from stepwell.asl.payload import Payload
from stepwell.engine.advance import advance, answer, fold, pending, redrive, stop, tick
from stepwell.engine.changes import Changes, Invocation, Reply, Timer
from stepwell.engine.events import Event
from stepwell.engine.execution import RUNNING, Execution
from stepwell.errors import ResourceNotFoundException
from stepwell.journal.journal import ExecutionRow, InvocationRow, Journal, Save
from stepwell.journal.owners import Owner, claim_dead
from stepwell.resources.functions import Functions

POLL = 0.05  # seconds until a wish in the inbox is noticed

Observer = Callable[[Execution, list[Event]], None]


class News(NamedTuple):
    """From an invocation's thread: it has begun (no reply yet), or this is what it has come to."""

    id: int  # the execution's
    invocation: InvocationRow
    reply: Reply | None


class Worker:
    """Advances what `owner` owns. One thread runs the loop; one more for each invocation under way."""

    def __init__(
        self,
        journal: Journal,
        owner: Owner,
        functions: Functions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._owner = owner
        self._functions = functions
        self._clock = clock
        self.observer: Observer | None = None  # is told of events once they are on disk
        self._random = Random()  # noqa: S311  (jitter and States.MathRandom)
        self._machines: dict[str, Machine] = {}
        self._owned: dict[int, Execution] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._news: SimpleQueue[News] = SimpleQueue()
        self._unsaved: list[tuple[int, Changes]] = []
        self._invocations: list[tuple[int, InvocationRow]] = []
        self._seen = (-1, -1)  # the journal's version when the inbox was last looked at

    # What it owns

    def adopt(self, number: int) -> None:
        """Take up an execution that is this owner's: fold it, and answer for calls whose outcome nobody knows."""
        row = self._journal.execution_by_id(number)
        if row is None or row.owner != self._owner.name or row.status != RUNNING or number in self._owned:
            return
        execution = fold(self._blank(row), self._journal.events(number))
        self._owned[number] = execution
        now = self._now()
        if execution.status != RUNNING:  # a redrive was asked for, and nobody has begun it
            self._keep(number, redrive(execution, now))
        timers, lost = pending(execution)
        for timer in timers:
            heappush(self._timers, (timer.due, number, timer))
        for frame in lost:
            cause = (
                "The outcome of this invocation is not known: the process that ran the execution has died meanwhile."
            )
            reply = Reply(frame.call, frame.number, None, "Lambda.Unknown", cause)
            self._keep(number, answer(execution, reply, now, self._random))

    def take_over(self, row: ExecutionRow) -> bool:
        """Become the owner of an execution whose owner has died; False while that one lives."""
        estate = claim_dead(self._journal.folder, row.owner)
        if estate is None:
            return False
        if self._journal.take_over(row.id, row.owner, self._owner.name):
            self.adopt(row.id)
        estate.close(finished=not self._journal.owned_by(row.owner))
        return row.id in self._owned

    def _blank(self, row: ExecutionRow) -> Execution:
        machine = self._machines.get(row.definition)
        if machine is None:
            machine = parse_machine(self._journal.catalog.definition(row.definition))
            self._machines[row.definition] = machine
        return Execution(row.arn, row.machine, row.role, machine)

    # The loop

    def run(self, until: Callable[[], bool]) -> None:
        """Work until `until` says so; it is asked whenever there is nothing left to do at once."""
        while True:
            self._read_inbox()
            self._fire_timers()
            self._advance()
            self._save()
            if not any(x.ready for x in self._owned.values()):
                if until():
                    return
                self._wait()

    def owns(self, number: int) -> bool:
        return number in self._owned

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _wait(self) -> None:
        """Until an answer comes, a timer is due, or it is time to look into the inbox."""
        due = self._timers[0][0] - self._clock() if self._timers else POLL
        try:
            self._take(self._news.get(timeout=min(POLL, max(0.0, due))))
        except Empty:
            return
        while not self._news.empty():
            self._take(self._news.get())

    def _take(self, news: "News") -> None:
        self._invocations.append((news.id, news.invocation))
        execution = self._owned.get(news.id)
        if news.reply is not None and execution is not None:
            self._keep(news.id, answer(execution, news.reply, self._now(), self._random))

    def _read_inbox(self) -> None:
        version = self._journal.version()
        if version == self._seen:
            return
        self._seen = version
        for number, kind, body in self._journal.collect(self._owned):
            if kind == "stop":
                self._keep(number, stop(self._owned[number], body.get("error"), body.get("cause"), self._now()))

    def _fire_timers(self) -> None:
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, number, timer = heappop(self._timers)
            execution = self._owned.get(number)
            if execution is not None:
                self._keep(number, tick(execution, timer, self._now(), self._random))

    def _advance(self) -> None:
        for number, execution in self._owned.items():
            if execution.ready:
                self._keep(number, advance(execution, self._now(), self._random))

    def _keep(self, number: int, changes: Changes) -> None:
        self._unsaved.append((number, changes))

    def _save(self) -> None:
        """Commit everything decided since the last time, then begin the work that follows from it."""
        unsaved, self._unsaved = self._unsaved, []
        invocations, self._invocations = self._invocations, []
        saves = [_save(number, changes) for number, changes in unsaved if changes.events]
        if saves or invocations:
            self._journal.commit(self._owner.name, saves, invocations)
        for number, changes in unsaved:
            self._begin(number, changes)
        for number in {n for n, changes in unsaved if changes.execution.status != RUNNING}:
            self._owned.pop(number, None)

    # The work that follows

    def _begin(self, number: int, changes: Changes) -> None:
        execution = changes.execution
        for timer in changes.timers:
            heappush(self._timers, (timer.due, number, timer))
        for call in changes.cancelled:
            self._functions.cancel(request_id(execution.arn, call))
        for invocation in changes.invocations:
            thread = threading.Thread(target=self._invoke, args=(number, execution.arn, invocation), daemon=True)
            thread.start()
        if self.observer is not None and changes.events:
            self.observer(execution, changes.events)

    def _invoke(self, number: int, arn: str, invocation: Invocation) -> None:
        """In a thread of its own: call the function, hand what came of it to the loop."""
        request = request_id(arn, invocation.call)
        row = InvocationRow(invocation.call, request, "", None, None)
        try:
            process = self._functions.take(invocation.resource, request)
        except (ResourceNotFoundException, OSError) as error:
            reply = Reply(invocation.call, invocation.frame, None, f"Lambda.{type(error).__name__}", str(error))
            self._news.put(News(number, row, reply))
            return
        row = row._replace(log=process.stream)
        self._news.put(News(number, row, None))
        response = self._functions.invoke(process, invocation.arguments.text, request)
        result = None if response.text is None else Payload.parse(response.text)
        reply = Reply(invocation.call, invocation.frame, result, response.error, response.cause)
        self._news.put(News(number, row._replace(ms=response.ms, mb=response.mb), reply))


def request_id(arn: str, call: int) -> str:
    """An invocation's id follows from its execution and event, so that whoever reads the history finds its log."""
    digest = sha1(f"{arn}#{call}".encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def _save(number: int, changes: Changes) -> Save:
    x = changes.execution
    ended = x.status != RUNNING
    return Save(
        number,
        changes.events,
        x.status,
        None if x.output is None else x.output.text,
        x.error,
        x.cause,
        changes.now if ended else None,
        x.redrives,
        x.redriven_at or None,
    )
