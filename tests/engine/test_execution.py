"""Folding the events gives the live state, wherever a process died."""

from itertools import pairwise

import pytest

from stepwell.engine.advance import answer, fold, pending
from stepwell.engine.changes import Reply
from stepwell.engine.events import Event
from stepwell.engine.execution import Execution
from tests.engine.drive import ARN, MACHINE, Drive, described, machine, task

RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 2}]
PASS = {"Type": "Pass", "End": True}
DEFINITION = machine(
    A={"Type": "Pass", "Assign": {"x": 1, "run.$": "$$.Execution.Name"}, "Next": "P"},
    P={
        "Type": "Parallel",
        "Next": "M",
        "Branches": [
            machine(B1={**PASS, "Assign": {"b.$": "$x"}}),
            machine(B2=task(Retry=RETRY)),
            machine(B3={"Type": "Succeed"}),
        ],
    },
    M={
        "Type": "Map",
        "ItemsPath": "$[0].items",
        "MaxConcurrency": 2,
        "Retry": RETRY,
        "ItemProcessor": machine(
            C={"Type": "Choice", "Default": "T", "Choices": [{"Variable": "$", "NumericEquals": 3, "Next": "Q"}]},
            T={**task(), "Assign": {"mine.$": "$"}},
            Q={**PASS, "QueryLanguage": "JSONata", "Assign": {"item": "{% $states.input + $x %}"}},
        ),
        "Next": "W",
    },
    W={"Type": "Wait", "Seconds": 10, "Assign": {"x": 2}, "Next": "Z"},
    Z=task(TimeoutSeconds=60),
)


def play(drive: Drive) -> Drive:
    """One whole life: a retry in a branch, a failed iteration, a retried Map, a wait, a timeout."""
    drive.answer(error="Bad").until_due().answer("b2")
    drive.answer(1).answer(error="Worse").until_due()
    while drive.calls:
        drive.answer("item")
    return drive.until_due().answer("end")


def test_folding_the_whole_history_gives_the_live_state():
    drive = play(Drive(DEFINITION, {"items": [1, 2, 3, 4]}))
    assert drive.x.status == "SUCCEEDED"
    assert described(drive.refold()) == described(drive.x)


def test_folding_after_every_commit_gives_the_state_of_that_moment():
    """Each commit is one list of events; a process may die after any of them."""
    drive = Drive(DEFINITION, {"items": [1, 2, 3, 4]})
    original = drive._take
    seen = []

    def take(changes):
        original(changes)
        seen.append((len(drive.events), described(drive.x)))

    drive._take = take
    play(drive)
    assert len(seen) > 10
    for length, live in seen:
        assert described(drive.refold(drive.events[:length])) == live


def test_what_is_pending_is_found_again_after_a_restart():
    drive = Drive(machine(A=task(TimeoutSeconds=60, Retry=RETRY)))
    timers, calls = pending(drive.refold())
    assert ([t.due for t in timers], [f.call for f in calls]) == ([drive.now / 1000 + 60], [drive.calls[0].call])
    drive.answer(error="Bad")
    timers, calls = pending(drive.refold())
    assert ([t.due for t in timers], calls) == ([drive.now / 1000 + 2], [])


@pytest.mark.parametrize("cut", range(2, 12))
def test_a_fold_of_any_whole_state_goes_on_to_the_same_end(cut):
    """A commit may end after any Entered event of a state without side effects."""
    names = [f"S{n}" for n in range(5)]
    states = {n: {"Type": "Pass", "Next": m} for n, m in pairwise(names)} | {names[-1]: PASS}
    whole = Drive({"StartAt": "S0", "States": states}, {"a": 1})
    events = whole.events[:cut]
    if not events[-1].type.endswith(("Entered", "Started")):
        return  # no commit ends here
    x = fold(Execution(ARN, MACHINE, "role", whole.machine, whole.random), events)
    again = Drive.__new__(Drive)
    again.__dict__.update(whole.__dict__ | {"x": x, "events": list(events), "calls": [], "timers": [], "cancelled": []})
    again.go()
    assert [(e.id, e.type, e.previous) for e in again.events] == [(e.id, e.type, e.previous) for e in whole.events]


def test_facts_of_ours_do_not_take_ids_of_the_history():
    drive = Drive(machine(A=task(Retry=RETRY))).answer(error="Bad").until_due().answer(1)
    ids = [event.id for event in drive.events if event.part == 0]
    assert ids == list(range(1, len(ids) + 1))
    facts: list[Event] = [event for event in drive.events if event.part]
    assert [(fact.type, fact.part) for fact in facts] == [("Retry", 1)]


def test_a_call_that_was_lost_with_its_engine_is_retried_at_once() -> None:
    """A retry's delay lets a resource recover; here it was we who had failed."""
    for lost, seconds in ((True, 0), (False, 2)):
        drive = Drive(machine(T=task(Retry=RETRY)))
        call = drive.calls.pop()
        changes = answer(drive.x, drive.now, Reply(call.call, 0, None, "Lambda.Unknown", "", lost))
        assert [timer.due for timer in changes.timers] == [drive.now / 1000 + seconds]
