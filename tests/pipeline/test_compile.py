"""A pipeline as a state machine."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from stepwell import Pipeline, Retry
from stepwell.asl.machine import parse_machine
from stepwell.asl.model import Machine
from stepwell.asl.outcome import Call, Done, Fail, Fork, Go
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.states import enter, resume
from stepwell.errors import ConfigurationError, UnknownAction
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.names import FAILURES

GOLDEN = Path(__file__).parent / "golden"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:visits"


def two_tasks() -> Pipeline:
    pipeline = Pipeline("visits", params={"days": 30})
    pipeline.load("task_01", into="staging.visits", query="sql/task_01.sql")
    pipeline.sql("task_02", "sql/task_02.sql")
    return pipeline


def states(pipeline: Pipeline, only: str | None = None) -> dict[str, Any]:
    return compile_machine(pipeline, ARN, only)["States"]  # type: ignore[no-any-return]


def test_two_tasks_compile_to_the_golden_machine_byte_for_byte() -> None:
    assert to_json(compile_machine(two_tasks(), ARN)) + "\n" == (GOLDEN / "two_tasks.json").read_text()


def test_a_parallel_group_compiles_to_the_golden_machine_byte_for_byte() -> None:
    pipeline = two_tasks()
    export = pipeline.task(name="export", transaction=False, retry=Retry(on="HTTPError"))(lambda connection: None)
    notify = pipeline.task(name="notify", timeout=30)(lambda: None)
    pipeline.parallel(export, notify)
    assert to_json(compile_machine(pipeline, ARN)) + "\n" == (GOLDEN / "parallel.json").read_text()


def test_one_more_task_touches_only_what_it_must() -> None:
    """The state before it goes on to it, a run can start at it, and the worst case takes longer."""
    pipeline = two_tasks()
    before = compile_machine(pipeline, ARN)
    pipeline.sql("task_03", "sql/task_03.sql")
    after = compile_machine(pipeline, ARN)
    added = [name for name in after["States"] if name not in before["States"]]
    assert added == ["ExecuteTask03"] + [f"ExecuteTask03{end}" for end in FAILURES.values()]
    changed = [name for name, state in before["States"].items() if after["States"][name] != state]
    assert changed == ["StartOrResume", "ExecuteTask02", "UnknownStartAt"]
    assert after["States"]["ExecuteTask02"] == before["States"]["ExecuteTask02"] | {"Next": "ExecuteTask03"}
    assert list(after["States"])[3:6] == ["ExecuteTask02", "ExecuteTask03", "PipelineSuccess"]
    assert after["TimeoutSeconds"] > before["TimeoutSeconds"]


def test_a_task_calls_the_function_with_its_action_its_timeout_and_the_context() -> None:
    task = states(two_tasks())["ExecuteTask02"]
    assert task["Resource"] == ARN
    assert task["Parameters"] == {"action": "task_02", "timeout": 900, "context.$": "$$"}
    assert task["TimeoutSeconds"] == 900
    assert task["ResultPath"] == "$.stepwell.receipts.task_02"
    assert task["Next"] == "PipelineSuccess"


def test_aws_own_errors_and_those_that_a_retry_can_help_are_tried_again() -> None:
    pipeline = Pipeline("visits")
    pipeline.sql(
        "task_01", "a.sql", retry=Retry(max_attempts=4, interval=7, backoff=1.5, on=["Flaky", "States.Timeout"])
    )
    transient, helpful = states(pipeline)["ExecuteTask01"]["Retry"]
    assert transient["JitterStrategy"] == "FULL"
    assert "Lambda.TooManyRequestsException" in transient["ErrorEquals"]
    assert (helpful["MaxAttempts"], helpful["IntervalSeconds"], helpful["BackoffRate"]) == (4, 7, 1.5)
    assert {"ConnectionLost", "DeadlockDetected", "States.Timeout", "Lambda.Unknown", "Flaky"} <= {
        *helpful["ErrorEquals"]
    }
    assert len(helpful["ErrorEquals"]) == len({*helpful["ErrorEquals"]})
    assert not {"SqlError", "DataError", "ConfigurationError", "Superseded"} & {*helpful["ErrorEquals"]}


def test_each_kind_of_failure_ends_in_its_own_fail_state() -> None:
    machine = states(two_tasks())
    caught = {each["Next"]: each["ErrorEquals"] for each in machine["ExecuteTask02"]["Catch"]}
    assert list(caught) == [
        "ExecuteTask02ConfigurationFailed",
        "ExecuteTask02TimedOut",
        "ExecuteTask02DataFailed",
        "ExecuteTask02Failed",
    ]
    assert "ConfigurationError" in caught["ExecuteTask02ConfigurationFailed"]
    assert caught["ExecuteTask02TimedOut"] == ["DeadlineExceeded", "States.Timeout", "Sandbox.Timedout"]
    assert {"DataError", "CheckFailed"} <= {*caught["ExecuteTask02DataFailed"]}
    assert caught["ExecuteTask02Failed"] == ["States.ALL"]
    assert all(machine[name]["Type"] == "Fail" for name in caught)


def test_a_fail_state_says_what_failed_why_what_is_left_and_what_to_do() -> None:
    machine = states(two_tasks())
    assert machine["ExecuteTask02DataFailed"] == {
        "Type": "Fail",
        "ErrorPath": "$.Error",
        "CausePath": "States.Format('task_02 met data that breaks a rule. {} Its transaction was "
        "rolled back, tasks before it keep what they committed. When it is put right: stepwell resume {}', "
        "$.Cause, $$.Execution.Name)",
    }


def test_a_timeout_by_step_functions_has_no_cause_so_its_fail_state_asks_for_none() -> None:
    for name, state in states(two_tasks()).items():
        if name.endswith("TimedOut"):
            assert "$.Cause" not in state["CausePath"]


def test_a_task_without_a_transaction_does_not_claim_that_it_was_rolled_back() -> None:
    pipeline = Pipeline("visits")
    pipeline.task(name="export", transaction=False)(lambda connection: None)
    cause = states(pipeline)["ExecuteExportFailed"]["CausePath"]
    assert "rolled back" not in cause
    assert "what it did remains" in cause


def test_a_run_starts_where_its_input_says() -> None:
    start = states(two_tasks())["StartOrResume"]
    assert start["Choices"][0] == {"Variable": "$.stepwell.start_at", "IsPresent": False, "Next": "ValidateConfig"}
    assert {each["StringEquals"]: each["Next"] for each in start["Choices"][1:]} == {
        "validate_config": "ValidateConfig",
        "task_01": "ExecuteTask01",
        "task_02": "ExecuteTask02",
    }
    unknown = states(two_tasks())[start["Default"]]
    assert unknown["Type"] == "Fail"
    assert "validate_config, task_01, task_02" in unknown["Cause"]


def test_a_run_that_starts_at_a_task_of_a_parallel_group_starts_the_group() -> None:
    pipeline = two_tasks()
    pipeline.parallel(*pipeline.tasks[1:])
    machine = states(pipeline)
    assert {each.get("StringEquals"): each["Next"] for each in machine["StartOrResume"]["Choices"]}["task_02"] == (
        "ExecuteParallel01"
    )
    assert machine["ExecuteParallel01"]["ResultSelector"] == {
        "task_01.$": "$[0].stepwell.receipts.task_01",
        "task_02.$": "$[1].stepwell.receipts.task_02",
    }
    assert machine["ExecuteParallel01"]["ResultPath"] == "$.stepwell.receipts.parallel_01"


def test_only_makes_a_machine_of_validation_and_that_task() -> None:
    names = [name for name in states(two_tasks(), only="task_02") if not name.endswith(("Failed", "TimedOut"))]
    assert names == ["StartOrResume", "ValidateConfig", "ExecuteTask02", "PipelineSuccess", "UnknownStartAt"]
    assert "ExecuteTask02" not in states(two_tasks(), only="validate_config")
    with pytest.raises(UnknownAction, match="task_9"):
        compile_machine(two_tasks(), ARN, only="task_9")


def test_the_machine_may_take_as_long_as_all_its_tasks_with_all_their_retries() -> None:
    """(1 + 3 + 2) attempts each, waits of 1 + 2 + 4 s after AWS's errors and of 5 + 10 s (validation: 2 + 4 s) after
    others, and a minute between the tasks."""
    assert compile_machine(two_tasks(), ARN)["TimeoutSeconds"] == 60 + (6 * 60 + 7 + 6) + 2 * (6 * 900 + 7 + 15)


def test_a_parallel_group_takes_as_long_as_its_slowest_task() -> None:
    pipeline = Pipeline("visits")
    pipeline.parallel(pipeline.sql("a", "a.sql", timeout=10), pipeline.sql("b", "b.sql", timeout=100))
    assert compile_machine(pipeline, ARN)["TimeoutSeconds"] == 60 + (6 * 60 + 7 + 6) + (6 * 100 + 7 + 15)


def test_a_machine_that_step_functions_would_not_take_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has no tasks"):
        compile_machine(Pipeline("visits"), ARN)
    pipeline = Pipeline("visits")
    pipeline.sql("a", "a.sql", retry=Retry(max_attempts=100, backoff=10))
    with pytest.raises(ConfigurationError, match="lower max_attempts, interval or backoff"):
        compile_machine(pipeline, ARN)


def test_every_state_is_reached_and_every_next_exists() -> None:
    machine = compile_machine(two_tasks(), ARN)
    text = json.dumps(machine)
    for name in machine["States"]:
        assert f'"{name}"' in text.replace(f'"{name}": {{', "", 1)


def test_the_language_accepts_what_is_compiled() -> None:
    pipeline = two_tasks()
    pipeline.parallel(pipeline.sql("task_03", "a.sql"), pipeline.sql("task_04", "b.sql"))
    assert parse_machine(to_json(compile_machine(pipeline, ARN))).start_at == "StartOrResume"


CONTEXT = {"Execution": {"Name": "night-1", "Input": {"days": 7}}}
SCOPE = Scope(lambda: CONTEXT, 0.0, random.Random(0))


def play(machine: Machine, given: Any) -> tuple[list[str], Any]:
    """Walk through a machine by the language's own rules; every task answers with the arguments it was given."""
    name: str | None = machine.start_at
    raw, walked = Payload.of(given), []
    while name is not None:
        state = machine.states[name]
        walked.append(name)
        answer = enter(state, raw, SCOPE)
        if isinstance(answer, Call):
            answer = resume(state, raw, answer.arguments, SCOPE)
        elif isinstance(answer, Fork):
            branches = zip(answer.machines, answer.inputs, strict=True)
            outputs = [play(branch, inputs.value)[1] for branch, inputs in branches]
            answer = resume(state, raw, Payload.of(outputs), SCOPE)
        if not isinstance(answer, Go):
            return walked, answer.output.value if isinstance(answer, Done) else answer
        raw, name = answer.output, answer.next
    return walked, raw.value


def test_a_run_walks_from_validation_to_success_and_answers_its_receipts() -> None:
    pipeline = two_tasks()
    pipeline.parallel(pipeline.sql("task_03", "a.sql"), pipeline.sql("task_04", "b.sql", timeout=60))
    walked, receipts = play(parse_machine(compile_machine(pipeline, ARN)), {"days": 7})
    assert walked == [
        "StartOrResume",
        "ValidateConfig",
        "ExecuteTask01",
        "ExecuteTask02",
        "ExecuteParallel01",
        "PipelineSuccess",
    ]
    assert list(receipts) == ["validate_config", "task_01", "task_02", "parallel_01"]
    assert receipts["task_01"] == {"action": "task_01", "timeout": 900, "context": CONTEXT}
    assert receipts["parallel_01"]["task_04"] == {"action": "task_04", "timeout": 60, "context": CONTEXT}


def test_a_resumed_run_walks_from_its_task() -> None:
    machine = parse_machine(compile_machine(two_tasks(), ARN))
    given = {"days": 7, "stepwell": {"run": "night-0", "start_at": "task_02"}}
    assert play(machine, given)[0] == ["StartOrResume", "ExecuteTask02", "PipelineSuccess"]
    unknown = play(machine, {"stepwell": {"start_at": "task_9"}})[1]
    assert unknown.error == "UnknownStartAt"
    assert unknown.cause.endswith("it knows: validate_config, task_01, task_02")


def test_what_an_engineer_reads_names_the_error_and_the_command_that_goes_on() -> None:
    machine = parse_machine(compile_machine(two_tasks(), ARN))
    cause = json.dumps({"errorMessage": "it's {broken} \\ here", "errorType": "KeyError"})
    failed = enter(machine.states["ExecuteTask02Failed"], Payload.of({"Error": "KeyError", "Cause": cause}), SCOPE)
    assert failed == Fail(
        "KeyError",
        f"task_02 failed. {cause} Its transaction was rolled back, tasks before it keep what they committed. "
        "When it is put right: stepwell resume night-1",
    )


def test_a_timeout_without_a_cause_ends_in_a_fail_state_that_has_one() -> None:
    machine = parse_machine(compile_machine(two_tasks(), ARN))
    late = enter(machine.states["ExecuteTask02TimedOut"], Payload.of({"Error": "States.Timeout"}), SCOPE)
    assert late == Fail(
        "States.Timeout",
        "task_02 did not finish within its timeout of 900 seconds; the last of 3 attempts ended with States.Timeout. "
        "Its transaction was rolled back, tasks before it keep what they committed. "
        "When it is put right: stepwell resume night-1",
    )
