"""The loop: own executions, advance them or invoke for them, commit; nothing begins before its event is saved."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from stepwell.asl.machine import Machine, parse_machine
from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.engine import advance as engine
from stepwell.engine.changes import Changes, Invocation, Reply, Timer
from stepwell.engine.events import Event
from stepwell.engine.execution import RUNNING, Execution
from stepwell.engine.frames import MAPPING, Frame
from stepwell.engine.mapruns import machine_within
from stepwell.engine.tasks import CALLBACK, LAMBDA_ARN, is_activity, uuid_of
from stepwell.errors import JournalError, ServiceStopped
from stepwell.journal.journal import ExecutionRow, InvocationRow, Journal
from stepwell.journal.owners import Owner, claim_dead
from stepwell.journal.runs import PENDING
from stepwell.mapruns import MapRuns
from stepwell.resources.hands import Hands, Step, Work

POLL = 0.05  # seconds until a wish in the inbox is noticed
SHARE = 0.02  # seconds of advancing that one commit saves at most
CHORES = 1.0  # seconds between two rounds of chores

T = TypeVar("T")
Given = ParamSpec("Given")
Observer = Callable[[Execution, list[Event]], None]


class News(NamedTuple):
    """From a call's thread: how far it has come."""

    id: int  # the execution's
    request: str
    step: Step
    reply: Reply


class Question:
    """Something that another thread wants done by the loop's thread, which alone uses the journal."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self.answer: Any = None
        self.error: BaseException | None = ServiceStopped()

    def work(self) -> None:
        try:
            self.answer, self.error = self._work(), None
        except Exception as error:
            self.error = error

    def release(self) -> None:
        self._done.release()

    def wait(self) -> Any:
        self._done.acquire()
        if self.error is not None:
            raise self.error
        return self.answer


@contextmanager
def _patient() -> Iterator[list[int]]:
    """Where Ctrl-C would be raised anywhere, it is noted in this list."""
    noted: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    patient = handler is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if patient:
        signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        if patient:
            signal.signal(signal.SIGINT, handler)


class Worker:
    """Advances what `owner` owns. One thread runs the loop; one more for each invocation under way."""

    def __init__(
        self,
        journal: Journal,
        owner: Owner,
        hands: Hands,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._owner = owner
        self._hands = hands
        self.offered = threading.Condition()  # is notified when an activity has a task
        self._clock = clock
        self.observer: Observer | None = None  # is told of events once they are on disk
        self.chores: Callable[[], None] | None = None  # what is to be done now and then, also under load
        self.on_fault: Callable[[int, Exception], None] | None = None  # an execution that breaks us is put aside
        self._random = Random()  # noqa: S311  (jitter and States.MathRandom)
        self._runs = MapRuns(journal, self, owner.name, hands.call)
        self._machines: dict[tuple[str, str], Machine] = {}
        self._owned: dict[int, Execution] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._ready: dict[int, None] = {}  # those that have something to do at once, in turn
        self._ended: dict[int, list[Callable[[], None]]] = {}
        self._news: SimpleQueue[News | Question] = SimpleQueue()
        self._questions: list[Question] = []
        self._closed = False
        self._chores_at = 0.0
        self._unsaved: list[tuple[int, Changes]] = []
        self._invocations: list[tuple[int, InvocationRow]] = []
        self._hurried = False  # map runs have more to do at once
        self._seen = (-1, -1)  # the journal's version when the inbox was last looked at

    # What it owns

    def adopt(self, number: int) -> None:
        """Take up an execution that is this owner's: begin it, or fold it and answer for calls that nobody knows of."""
        row = self._journal.execution_by_id(number)
        if row is None or row.owner != self._owner.name or row.status != RUNNING or number in self._owned:
            return
        execution = self._owned[number] = self._blank(row)
        if not row.last:
            self._decide(number, engine.start, row.input)
            return
        engine.fold(execution, self._journal.events(number))
        if execution.status != RUNNING:  # a redrive was asked for, and nobody has begun it
            self._decide(number, engine.redrive)
            return
        timers, calling = engine.pending(execution)
        for timer in timers:
            heappush(self._timers, (timer.due, number, timer))
        if row.map_run is not None and self._journal.runs.by_id(row.map_run).status != RUNNING:
            self.halt(number)  # its map run was over when we died, and it had not been told yet
            return
        for frame in calling:
            if frame.phase == MAPPING:
                self._runs.resume(number, execution, frame)
            else:
                self._recall(number, execution, frame)
        self._queue(number, execution)

    def _recall(self, number: int, execution: Execution, frame: Frame) -> None:
        """A call whose process has died: it goes on without us, is made again, or is lost."""
        resource: str = frame.here.detail.resource
        reply = Reply(frame.call, frame.number, None)
        if is_activity(resource) or (frame.submitted is not None and resource.endswith(CALLBACK)):
            if frame.due != frame.limit:  # nobody could send a heartbeat while there was no owner
                self._decide(number, engine.alive, reply)
            return
        lost = self._hands.lost(resource)
        if frame.told is not None:
            self._decide(number, engine.answer, engine.told(frame))
        elif frame.submitted is not None or lost is None:
            event = self._journal.event(number, frame.call)
            done = None if frame.submitted is None else frame.submitted.text
            work = Work(execution.arn, resource, event.payload.text if event.payload else "{}", "", done, event.time)
            self._call(number, reply, work)
        else:
            self._decide(number, engine.answer, reply._replace(error=lost.error, cause=lost.cause, lost=True))

    def take_over(self, row: ExecutionRow) -> bool:
        """Become the owner of an execution whose owner has died; False while that one lives."""
        estate = claim_dead(self._journal.folder, row.owner)
        if estate is None:
            return False
        if self._journal.take_over(row.id, row.owner, self._owner.name):
            self.adopt(row.id)
        estate.close(finished=not self._journal.owned_by(row.owner))
        return row.id in self._owned

    def inherit(self) -> int:
        """Take over everything whose owner has died; how many executions that is."""
        count = 0
        for owner in self._journal.strangers(self._owner.name):
            estate = claim_dead(self._journal.folder, owner)
            if estate is None:
                continue
            for number in sorted(self._journal.inherit(owner, self._owner.name)):  # parents before children
                with self.guarded(number):
                    self.adopt(number)
                count += 1
            estate.close(finished=True)
        return count

    def _blank(self, row: ExecutionRow) -> Execution:
        machine = self._machines.get((row.definition, row.machine))
        if machine is None:
            machine = parse_machine(self._journal.catalog.definition(row.definition))
            if row.map_run is not None:
                machine = machine_within(machine, self._journal.runs.by_id(row.map_run).state) or machine
            self._machines[row.definition, row.machine] = machine
        execution = Execution(row.arn, row.machine, row.role, machine, self._random)
        execution.refuses = self.refusal
        origin = {"stateMachineVersionArn": row.version, "stateMachineAliasArn": row.alias}
        execution.origin = {name: arn for name, arn in origin.items() if arn}
        if ":express:" in row.arn:  # its ARN ends with something unique after the name
            execution.name = row.arn.split(":")[-2]
        return execution

    def refusal(self, call: Call) -> str | None:
        """Why a call cannot even be announced."""
        if call.resource.startswith(LAMBDA_ARN):  # its event is handed on unread
            return None
        if not is_activity(call.resource):
            return self._hands.refusal(call.resource, call.arguments.value)
        known = self._journal.catalog.has_activity(call.resource)
        return None if known else f"The activity {call.resource} does not exist."

    def owns(self, number: int) -> bool:
        return number in self._owned

    # What map runs ask for

    def launch(self, row: ExecutionRow) -> None:
        """Start a map run's child, or start it again."""
        with self.guarded(row.id):
            execution = self._owned[row.id] = self._blank(row)
            if row.status == PENDING:
                self._decide(row.id, engine.start, row.input, go_on=True)
            else:
                engine.fold(execution, self._journal.events(row.id))
                self._decide(row.id, engine.redrive)

    def halt(self, number: int) -> None:
        """Stop a child that nobody waits for any more."""
        self._decide(number, engine.stop, None, None)

    def map_run_ended(self, parent: int, reply: Reply) -> None:
        self._decide(parent, engine.map_ended, reply)

    # The loop

    def run(self, until: Callable[[], bool]) -> None:
        """Work until `until` says so; it is asked whenever there is nothing left to do at once.

        Ctrl-C is KeyboardInterrupt between two rounds: within one it would part what was decided from what is saved.
        """
        with _patient() as interrupted:
            while not (self._closed or interrupted):
                self._round()
                if not (self._ready or self._unsaved or self._hurried):
                    if until():
                        break
                    self._wait()
        if interrupted:
            raise KeyboardInterrupt

    def ask(self, work: Callable[[], T]) -> T:
        """From another thread: let the loop's thread do this, and wait until what it has saved is on disk."""
        question = Question(work)
        self._news.put(question)
        if self._closed:
            raise ServiceStopped
        answer: T = question.wait()
        return answer

    def when_ended(self, number: int, tell: Callable[[], None]) -> None:
        """Call `tell` once the end of this execution is on disk; at once if it is not under way."""
        if number in self._owned:
            self._ended.setdefault(number, []).append(tell)
        else:
            tell()

    def close(self) -> None:
        """End the loop after this round; also from a signal's handler. Who asks from now on is refused."""
        self._closed = True
        self._news.put(Question(lambda: None))

    def refuse(self) -> None:
        """The loop has ended: nobody is left waiting for its answer."""
        while not self._news.empty():
            news = self._news.get()
            if isinstance(news, Question):
                news.release()

    def _round(self) -> None:
        while not self._news.empty():
            self._take(self._news.get())
        questions, self._questions = self._questions, []
        try:
            with self._journal.together():  # also a wish and what follows from it
                for question in questions:
                    question.work()
                saved = self._work()
        except BaseException as error:
            for question in questions:  # whatever it was answered is not on disk
                question.error = error
            raise
        finally:
            for question in questions:
                question.release()
        for number, changes in saved:
            if changes.events:
                self._owner.note(number, changes.events[-1].id)
            self._begin(number, changes)
        for number in {n for n, changes in saved if changes.execution.status != RUNNING}:
            self._owned.pop(number, None)
            for told_of in self._ended.pop(number, ()):
                told_of()

    def _work(self) -> list[tuple[int, Changes]]:
        """Everything that is due now, decided and saved; what follows from it is begun once that is on disk."""
        if self.chores is not None and time.monotonic() >= self._chores_at:
            self.chores()
            self._chores_at = time.monotonic() + CHORES
        self._read_inbox()
        self._fire_timers()
        until = time.monotonic() + SHARE
        self._hurried = self._runs.work(lambda: time.monotonic() < until)
        self._advance(until)
        return self._save()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _wait(self) -> None:
        """Until an answer comes, a timer is due, or it is time to look into the inbox."""
        due = self._timers[0][0] - self._clock() if self._timers else POLL
        try:
            self._take(self._news.get(timeout=min(POLL, max(0.0, due))))
        except Empty:
            return

    def _take(self, news: "News | Question") -> None:
        if isinstance(news, Question):
            self._questions.append(news)
            return
        step = news.step
        if step.log:
            row = InvocationRow(news.reply.call, news.request, step.log, step.ms, step.mb)
            self._invocations.append((news.id, row))
        if step.kind != "began":
            self._decide(news.id, engine.answer if step.kind == "ended" else engine.submitted, news.reply)

    def _read_inbox(self) -> None:
        version = self._journal.version()
        if version == self._seen:
            return
        self._seen = version
        for number, kind, body in self._journal.collect(self._owned):
            if kind == "limits":
                self._runs.limited(body["run"])
            elif kind == "stop":
                self._decide(number, engine.stop, body.get("error"), body.get("cause"))
            else:
                self._hear(number, kind, body)

    def _hear(self, number: int, kind: str, body: dict[str, Any]) -> None:
        """Word from whoever works on a task."""
        result = Payload.parse(body["output"]) if "output" in body else None
        reply = Reply(body["call"], body["frame"], result, body.get("error"), body.get("cause"))
        if kind == "answer":
            self._decide(number, engine.tell, reply)
        else:
            self._decide(number, engine.alive, reply, body.get("worker"), begins=kind == "begin")

    def _fire_timers(self) -> None:
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, number, timer = heappop(self._timers)
            self._decide(number, engine.tick, timer)

    def _advance(self, until: float) -> None:
        """Each in its turn, until all wait for something or the time of this commit is used up."""
        while self._ready:
            number = next(iter(self._ready))
            del self._ready[number]
            self._decide(number, engine.advance)
            if time.monotonic() > until:
                return

    def _decide(
        self,
        number: int,
        decide: Callable[Concatenate[Execution, int, Given], Changes],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> None:
        """Let the engine decide something about an execution, if it is owned and under way."""
        execution = self._owned.get(number)
        if execution is None:
            return
        with self.guarded(number):
            self._unsaved.append((number, decide(execution, self._now(), *given, **named)))
            self._queue(number, execution)
            if execution.status != RUNNING:
                self._runs.ended(number, execution.status)

    def _queue(self, number: int, execution: Execution) -> None:
        """Put it at the end of those that have something to do, if it has."""
        self._ready.pop(number, None)
        if execution.ready and execution.status == RUNNING:
            self._ready[number] = None

    @contextmanager
    def guarded(self, number: int) -> Iterator[None]:
        """A fault of ours in one execution: where others depend on this loop it is put aside, else it is raised."""
        try:
            yield
        except Exception as fault:
            if self.on_fault is None or isinstance(fault, JournalError):
                raise
            self._owned.pop(number, None)
            self._ready.pop(number, None)
            self.on_fault(number, fault)

    def _save(self) -> list[tuple[int, Changes]]:
        """Commit everything decided since the last time."""
        unsaved, self._unsaved = self._unsaved, []
        invocations, self._invocations = self._invocations, []
        decided = [(number, changes) for number, changes in unsaved if changes.events]
        if decided or invocations:
            lost = self._commit(decided, invocations)
            unsaved = [(number, changes) for number, changes in unsaved if number not in lost]
        return unsaved

    def _commit(self, decided: list[tuple[int, Changes]], invocations: list[tuple[int, InvocationRow]]) -> set[int]:
        """All in one; if one of them cannot be saved, each by itself. Those that could not are put aside."""
        try:
            self._journal.commit(self._owner.name, decided, invocations)
            return set()
        except Exception as fault:
            if self.on_fault is None or isinstance(fault, JournalError):
                raise
        self._journal.commit(self._owner.name, (), invocations)
        lost = {number for number, _ in decided}
        for number in sorted(lost):
            with self.guarded(number):
                self._journal.commit(self._owner.name, [each for each in decided if each[0] == number])
                lost.remove(number)
        return lost

    # The work that follows

    def _begin(self, number: int, changes: Changes) -> None:
        execution = changes.execution
        if self.observer is not None and changes.events:  # before it begins what follows
            self.observer(execution, changes.events)
        for timer in changes.timers:
            heappush(self._timers, (timer.due, number, timer))
        for call in changes.cancelled:
            self._hands.cancel(uuid_of(execution.arn, call))
        for invocation in changes.invocations:
            if invocation.call not in changes.cancelled:
                self._invoke(number, execution.arn, invocation)
        for change in changes.runs:
            with self.guarded(number):
                self._runs.changed(number, execution, change)

    def _invoke(self, number: int, arn: str, invocation: Invocation) -> None:
        """Begin a call, unless it is a task that a worker will come for."""
        if is_activity(invocation.resource):
            with self.offered:
                self.offered.notify_all()
            return
        reply = Reply(invocation.call, invocation.frame, None)
        self._call(number, reply, Work(arn, invocation.resource, invocation.arguments.text, ""))

    def _call(self, number: int, reply: Reply, work: Work) -> None:
        """In a thread of its own: make the call, hand what comes of it to the loop."""
        work = work._replace(request=uuid_of(work.execution, reply.call))
        steps = self._hands.perform(work)

        def perform() -> None:
            for step in steps:
                result = None if step.text is None else Payload.parse(step.text)
                answered = reply._replace(result=result, error=step.error, cause=step.cause)
                self._news.put(News(number, work.request, step, answered))

        try:
            threading.Thread(target=perform, daemon=True).start()
        except RuntimeError as error:  # the system gives us no more threads
            step = Step("ended", None, "States.TaskFailed", f"The call could not be made: {error}")
            self._news.put(News(number, work.request, step, reply._replace(error=step.error, cause=step.cause)))
