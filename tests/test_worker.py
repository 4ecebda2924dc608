"""The loop when many depend on it: questions from other threads, faults, and what a dead owner left."""

import json
import signal
import threading

import pytest

from stepwell.cli.local import Engine
from stepwell.errors import ServiceStopped
from tests.until import until

PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
LOOP = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}})


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def running(engine):
    """The engine with its loop in a thread of its own."""
    thread = threading.Thread(target=engine.worker.run, args=(lambda: False,))
    thread.start()
    yield engine
    engine.worker.close()
    thread.join()


def make(engine, definition=PASS, name="m"):
    made = engine.client.create_state_machine(name=name, definition=definition, roleArn="arn:aws:iam::1:role/r")
    return made["stateMachineArn"]


def start(engine, arn):
    return engine.client.start_execution(stateMachineArn=arn)["executionArn"]


def test_a_question_is_answered_by_the_loops_thread(running):
    assert running.worker.ask(threading.get_ident) != threading.get_ident()
    with pytest.raises(KeyError):
        running.worker.ask(lambda: {}["no"])


def test_an_execution_that_is_started_by_a_question_has_ended_with_its_answer(running):
    """Its first commit and the answer's are one."""
    arn = running.worker.ask(lambda: start(running, make(running)))
    assert running.worker.ask(lambda: running.row(arn)).status == "SUCCEEDED"


def test_who_waits_for_an_end_is_told_once_it_is_on_disk(running):
    ended = threading.Event()
    arn = running.worker.ask(lambda: start(running, make(running)))
    number = running.worker.ask(lambda: running.row(arn)).id
    running.worker.ask(lambda: running.worker.when_ended(number, ended.set))
    assert ended.wait(60)


def test_questions_are_answered_while_an_execution_has_always_something_to_do(running):
    running.worker.ask(lambda: start(running, make(running, LOOP, "loop")))
    arn = running.worker.ask(lambda: start(running, make(running)))
    ended = lambda: running.worker.ask(lambda: running.row(arn)).status != "RUNNING"  # noqa: E731
    until(ended, "the short one has ended", pause=0)


def test_after_the_end_nobody_is_left_waiting(engine):
    engine.worker.close()
    with pytest.raises(ServiceStopped):
        engine.worker.ask(lambda: 1)


def test_a_fault_in_one_execution_leaves_the_others(engine, monkeypatch):
    from stepwell.engine import advance as decisions

    real, faults = decisions.advance, []
    broken = start(engine, make(engine))

    def advance(execution, now):
        if execution.arn == broken:
            raise ZeroDivisionError
        return real(execution, now)

    monkeypatch.setattr(decisions, "advance", advance)
    engine.worker.on_fault = lambda number, fault: faults.append((number, type(fault)))
    good = start(engine, make(engine))
    engine.worker.run(lambda: True)
    assert engine.row(good).status == "SUCCEEDED"
    assert faults == [(engine.row(broken).id, ZeroDivisionError)]
    assert engine.row(broken).status == "RUNNING"


def test_everything_of_a_dead_owner_is_inherited(tmp_path):
    first = Engine(tmp_path)
    arns = [start(first, make(first)) for _ in range(3)]
    first.close()
    with Engine(tmp_path) as second:
        assert second.worker.inherit() == 3
        second.worker.run(lambda: True)
        assert {second.row(arn).status for arn in arns} == {"SUCCEEDED"}
        history = second.client.get_execution_history(executionArn=arns[0])["events"]
        assert [event["type"] for event in history][:2] == ["ExecutionStarted", "PassStateEntered"]
        assert second.worker.inherit() == 0


def test_ctrl_c_does_not_part_what_was_decided_from_what_is_saved(engine, monkeypatch):
    real = engine.journal.commit

    def commit(*given):
        monkeypatch.setattr(engine.journal, "commit", real)
        signal.raise_signal(signal.SIGINT)
        real(*given)

    arn = start(engine, make(engine, LOOP, "loop"))
    monkeypatch.setattr(engine.journal, "commit", commit)
    with pytest.raises(KeyboardInterrupt):
        engine.worker.run(lambda: False)
    engine.client.stop_execution(executionArn=arn)
    engine.worker.run(lambda: not engine.worker.owns(engine.row(arn).id))
    assert [event.id for event in engine.journal.events(engine.row(arn).id)][-1] == engine.row(arn).last
    assert engine.row(arn).status == "ABORTED"


def test_half_a_character_in_a_cause_harms_nobody(engine):
    """UTF-8 cannot hold it; the journal is written in UTF-8."""
    fail = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "CausePath": "$.why", "ErrorPath": "$.why"}}})
    arn = engine.client.start_execution(stateMachineArn=make(engine, fail), input='{"why": "a\\ud800"}')["executionArn"]
    engine.worker.run(lambda: True)
    assert (engine.row(arn).status, engine.row(arn).error, engine.row(arn).cause) == ("FAILED", "a?", "a?")


def test_a_call_for_which_there_is_no_thread_has_failed(engine, monkeypatch):
    call = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {}, "End": True}
    engine.hands.refusal = lambda resource, arguments: None
    arn = start(engine, make(engine, json.dumps({"StartAt": "T", "States": {"T": call}})))

    def no_thread(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    engine.worker.run(lambda: not engine.worker.owns(engine.row(arn).id))
    assert (engine.row(arn).status, engine.row(arn).error) == ("FAILED", "States.TaskFailed")


def test_a_call_that_is_over_in_the_commit_that_announces_it_is_not_made(engine):
    made = []
    engine.hands.refusal = lambda resource, arguments: None
    engine.hands.perform = lambda work: made.append(work) or iter(())
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {}, "End": True}
    branches = [{"StartAt": "T", "States": {"T": task}}, {"StartAt": "F", "States": {"F": {"Type": "Fail"}}}]
    both = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    arn = start(engine, make(engine, json.dumps(both)))
    engine.worker.run(lambda: True)
    assert (engine.row(arn).status, made) == ("FAILED", [])


def test_a_stop_that_came_too_late_does_not_stop_a_redrive(engine):
    wait = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    arn = start(engine, make(engine, wait))
    for _ in range(2):
        engine.client.stop_execution(executionArn=arn)
    engine.worker.run(lambda: not engine.worker.owns(engine.row(arn).id))
    engine.journal.post(engine.row(arn).id, "stop", {})
    engine.client.redrive_execution(executionArn=arn)
    engine.worker.run(lambda: True)
    assert engine.row(arn).status == "RUNNING"


def test_the_time_limit_of_a_forgotten_execution_is_not_that_of_one_with_its_number(tmp_path):
    """Numbers are given again once the newest executions are pruned."""
    now = [1_000_000.0]
    with Engine(tmp_path) as engine:
        engine.worker._clock = engine.door.clock = lambda: now[0]
        limited = {"TimeoutSeconds": 100, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
        start(engine, make(engine, json.dumps(limited)))
        engine.worker.run(lambda: True)
        engine.journal.pruner.forget([1])
        now[0] += 90
        limited["States"]["A"] = {"Type": "Wait", "Seconds": 50, "End": True}
        arn = start(engine, make(engine, json.dumps(limited), "n"))
        assert engine.row(arn).id == 1
        engine.worker.run(lambda: True)
        now[0] += 20
        engine.worker.run(lambda: True)
        assert engine.row(arn).status == "RUNNING"


def test_a_clock_that_is_set_back_holds_up_neither_chores_nor_commits(engine):
    """What is under way is saved, and the dead are looked for, as often as before."""
    now, commits, chores = [2_000_000.0], [], []
    engine.worker._clock = engine.door.clock = lambda: now[0]
    engine.worker.observer = lambda execution, events: commits.append(len(events))
    start(engine, make(engine, LOOP, "loop"))

    def back():
        chores.append(now[0])
        now[0] = 1_000_000.0

    engine.worker.chores = back
    engine.worker.run(lambda: True)
    assert len(commits) > 2
    engine.worker.run(lambda: len(chores) > 1)


def test_an_execution_that_cannot_be_saved_leaves_the_others(engine):
    """Half a character is no name that UTF-8 could hold: AWS's rule on it is not known, so it is put aside."""
    faults = []
    engine.worker.on_fault = lambda number, fault: faults.append((number, type(fault)))
    definition = json.dumps({"StartAt": "a\ud800", "States": {"a\ud800": {"Type": "Pass", "End": True}}})
    broken = start(engine, make(engine, definition))
    good = start(engine, make(engine, name="good"))
    engine.worker.run(lambda: True)
    assert faults == [(engine.row(broken).id, UnicodeEncodeError)]
    assert (engine.row(broken).status, engine.row(good).status) == ("RUNNING", "SUCCEEDED")


def test_a_limit_beyond_what_a_row_can_hold_is_none(engine):
    inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **json.loads(PASS)}
    paths = {"MaxConcurrencyPath": "$.n", "ToleratedFailureCountPath": "$.n", "ItemsPath": "$.items"}
    state = {"Type": "Map", **paths, "ItemProcessor": inner, "End": True}
    machine = make(engine, json.dumps({"StartAt": "M", "States": {"M": state}}))
    started = engine.client.start_execution(
        stateMachineArn=machine, input='{"n": 9999999999999999999, "items": [1, 2]}'
    )
    engine.worker.run(lambda: engine.row(started["executionArn"]).status != "RUNNING")
    assert engine.row(started["executionArn"]).output == "[1,2]"
