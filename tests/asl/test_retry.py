from random import Random

import pytest

from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload
from stepwell.asl.retry import CatchAt, RetryAfter, answer, caught


def task(retry=(), catch=()):
    state = {"Type": "Task", "Resource": "arn:aws:lambda:f", "Next": "Caught"}
    state |= {"Retry": list(retry)} if retry else {}
    state |= {"Catch": list(catch)} if catch else {}
    definition = {"StartAt": "T", "States": {"T": state, "Caught": {"Type": "Succeed"}}}
    return parse_machine(definition).states["T"]


def catcher(*errors, **fields):
    return {"ErrorEquals": list(errors), "Next": "Caught", **fields}


def delays(retrier, fired):
    state = task([{"ErrorEquals": ["E"], **retrier}])
    answers = [answer(state, "E", [count], Random(1)) for count in range(fired)]
    return [found.seconds if isinstance(found, RetryAfter) else None for found in answers]


def test_without_fields_there_are_three_retries_after_one_two_and_four_seconds():
    assert delays({}, 4) == [1, 2, 4, None]


@pytest.mark.proves("Retry.IntervalSeconds Retry.BackoffRate Retry.MaxAttempts Retry.MaxDelaySeconds")
def test_the_delay_grows_from_the_interval_by_the_rate_up_to_the_longest():
    assert delays({"IntervalSeconds": 5, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 20}, 4) == [
        5,
        15,
        20,
        20,
    ]


def test_no_attempts_means_no_retry():
    assert delays({"MaxAttempts": 0}, 1) == [None]


def test_lists_of_retriers_and_catchers_may_be_empty():
    """The States Language asks of Choices, Branches and ErrorEquals that they are not, and of these it does not."""
    made = {"Type": "Task", "Resource": "arn:aws:lambda:f", "Retry": [], "Catch": [], "End": True}
    state = parse_machine({"StartAt": "T", "States": {"T": made}}).states["T"]
    assert (state.retry, state.catch) == ((), ())


def test_very_many_attempts_do_not_overflow():
    state = task([{"ErrorEquals": ["E"], "MaxAttempts": 99_999_999, "BackoffRate": 10}])
    assert answer(state, "E", [5000], Random(1)) == RetryAfter(0, 31_622_400)


@pytest.mark.proves("Retry.JitterStrategy")
def test_full_jitter_draws_from_nothing_to_the_whole_delay():
    found = delays({"IntervalSeconds": 10, "JitterStrategy": "FULL", "BackoffRate": 1, "MaxAttempts": 50}, 50)
    assert all(0 <= seconds <= 10 for seconds in found)
    assert delays({"IntervalSeconds": 10, "JitterStrategy": "NONE"}, 1) == [10]


@pytest.mark.proves("Retry.ErrorEquals Catch.ErrorEquals")
def test_the_first_retrier_that_matches_answers_and_when_it_is_used_up_the_catchers_do():
    state = task(
        [{"ErrorEquals": ["A", "B"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 9}],
        [catcher("C"), catcher("States.ALL")],
    )
    assert answer(state, "B", [0, 0], Random(1)) == RetryAfter(0, 1)
    assert answer(state, "C", [1, 0], Random(1)) == RetryAfter(1, 9)
    assert answer(state, "B", [1, 0], Random(1)) == CatchAt(1, state.catch[1])
    assert answer(state, "C", [0, 3], Random(1)) == CatchAt(0, state.catch[0])


def test_an_error_that_nothing_names_is_not_answered():
    assert answer(task(catch=[catcher("A")]), "B", [], Random(1)) is None


@pytest.mark.parametrize(
    ("name", "error", "caught"),
    [
        ("States.ALL", "Anything", True),
        ("States.ALL", "States.Timeout", True),
        ("States.ALL", "States.DataLimitExceeded", True),
        ("States.ALL", "States.Runtime", False),
        ("States.Runtime", "States.Runtime", False),
        ("States.TaskFailed", "Anything", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("States.TaskFailed", "States.Runtime", False),
        ("States.Timeout", "States.Timeout", True),
    ],
)
@pytest.mark.proves("States.ALL States.TaskFailed States.Timeout States.Runtime")
def test_the_names_that_stand_for_many(name, error, caught):
    assert (answer(task(catch=[catcher(name)]), error, [], Random(1)) is not None) is caught


@pytest.mark.proves("Catch.ResultPath")
def test_a_caught_error_replaces_the_input_or_is_placed_in_it(scope):
    raw = Payload.of({"a": 1})
    state = task(catch=[catcher("A"), catcher("B", ResultPath="$.error"), catcher("C", ResultPath=None)])
    texts = [caught(state, each, raw, "E", "why", scope).output.text for each in state.catch]
    assert texts == [
        '{"Error":"E","Cause":"why"}',
        '{"a":1,"error":{"Error":"E","Cause":"why"}}',
        '{"a":1}',
    ]


def test_a_failure_without_name_and_cause_is_caught_with_nulls_and_a_timeout_with_an_empty_cause(scope):
    state = task(catch=[catcher("A")])
    raw = Payload.of({})
    assert caught(state, state.catch[0], raw, None, None, scope).output.text == '{"Error":null,"Cause":null}'
    timeout = caught(state, state.catch[0], raw, "States.Timeout", None, scope)
    assert timeout.output.text == '{"Error":"States.Timeout","Cause":""}'
