"""What holds for every definition, every input and every moment of death."""

from random import Random
from typing import Any
from zlib import crc32

from hypothesis import given, note
from hypothesis import strategies as st

from stepwell.engine.advance import pending
from stepwell.engine.changes import Changes, Invocation, RunChange
from stepwell.engine.execution import RUNNING
from tests.engine.drive import Drive, described
from tests.laws.machines import INPUTS, whole_machines

ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
REPLIES = st.lists(
    st.sampled_from([{"a": 1}, {"a": "x", "items": [1, 2]}, [], "Bad", "Bad", "Worse", "hangs"]), min_size=1, max_size=6
)


class Died(Exception):
    """The process has died after a commit, before anything that follows from it has begun."""


class Steady(Random):
    """Chance that is the same before a restart and after it."""

    def random(self) -> float:
        return 0.5


class World(Drive):
    """A drive whose calls are answered by a rule, and which may die after its commit number `dies`."""

    chance = Steady

    def __init__(self, definition: dict[str, Any], value: Any, replies: list[Any], dies: int = 0) -> None:
        self.replies, self.dies, self.commits = replies, dies, 0
        self.answered: dict[str, int] = {}
        self.lengths: list[int] = []
        try:
            super().__init__(definition, value)
        except Died:
            self.restart()
        while self.x.status == RUNNING:
            try:
                self.next()
            except Died:
                self.restart()

    def next(self) -> None:
        """Answer the first call that ever gets an answer, or a map run; else let a timer come due."""
        for at, call in enumerate(self.calls):
            reply = self.reply(call)
            if reply != "hangs" or call.timeout is None:
                self.answered[call.state] = self.answered.get(call.state, 0) + 1
                failed = isinstance(reply, str)
                self.answer(None if failed else reply, reply if failed else None, "cause" if failed else None, at)
                return
        if self.runs:
            reply = self.reply(self.runs[0])
            self.end_run(reply, "Bad" if reply == "Bad" else None)
            return
        self.until_due()

    def reply(self, call: Invocation | RunChange) -> Any:
        count = self.answered.get(call.state, 0)
        return self.replies[(crc32(call.state.encode()) + count) % len(self.replies)]

    def _take(self, changes: Changes) -> None:
        super()._take(changes)
        if changes.events:
            self.commits += 1
            self.lengths.append(len(self.events))
            if self.commits == self.dies:
                raise Died

    def restart(self) -> None:
        """Fold what is on disk; who was called goes on, and its answer will come."""
        self.x = self.refold()
        self.x.now = self.now
        self.timers, waiting = pending(self.x)
        called = [frame for frame in waiting if frame.run is None]
        runs = [RunChange(frame.number, frame.here.name, frame.run, RUNNING) for frame in waiting if frame.run]
        self.runs = sorted(runs, key=lambda run: run.run.id)
        scheduled = {event.id: event for event in self.events if not event.part}
        self.calls = [
            Invocation(f.call, f.number, f.here.name, f.here.detail.resource, payload, self._timeout(f.due))
            for f in sorted(called, key=lambda frame: frame.call)
            if (payload := scheduled[f.call].payload) is not None
        ]
        self.go()

    def _timeout(self, due: float | None) -> float | None:
        return None if due is None else due


def history(world: World) -> list[Any]:
    texts = [(e, e.payload.text if e.payload else None) for e in world.events]
    return [(e.id, e.part, e.previous, e.time, e.type, e.frame, e.name, text, e.details) for e, text in texts]


@given(whole_machines(), INPUTS, REPLIES)
def test_folding_the_journal_is_the_live_state_after_every_commit(definition: Any, value: Any, replies: Any) -> None:
    live: list[str] = []

    class Watched(World):
        def _take(self, changes: Changes) -> None:
            super()._take(changes)
            if changes.events:
                live.append(described(self.x))

    world = Watched(definition, value, replies)
    for length, state in zip(world.lengths, live, strict=True):
        assert described(world.refold(world.events[:length])) == state


@given(whole_machines(), INPUTS, REPLIES, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_death_after_any_commit_changes_nothing_in_the_history(
    definition: Any, value: Any, replies: Any, moments: list[int]
) -> None:
    whole = World(definition, value, replies)
    for moment in {1 + moment % whole.commits for moment in moments}:
        note(f"dies after commit {moment} of {whole.commits}")
        assert history(World(definition, value, replies, moment)) == history(whole)


@given(whole_machines(), INPUTS, REPLIES)
def test_ids_are_contiguous_and_pointers_lead_back_to_the_start(definition: Any, value: Any, replies: Any) -> None:
    world = World(definition, value, replies)
    events = [event for event in world.events if not event.part]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[0].previous) == ("ExecutionStarted", 0)
    assert all(0 <= event.previous < event.id for event in events)
    assert [event.type in ENDS for event in events] == [False] * (len(events) - 1) + [True]
    assert [shown["id"] for shown in world.history()] == [event.id for event in events]
