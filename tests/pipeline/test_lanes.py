"""The state machine of a task in chunks."""

from pathlib import Path
from typing import Any

from stepwell import Chunks, Pipeline, Retry
from stepwell.asl.machine import parse_machine
from stepwell.pipeline.compile import compile_machine, to_json

GOLDEN = Path(__file__).parent / "golden"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:visits"


def pipeline(chunks: Chunks | None, retry: Retry | None = None) -> Pipeline:
    made = Pipeline("visits", params={"days": 30})
    made.load("task_01", into="staging.visits", query="sql/task_01.sql")
    made.sql("task_02", "sql/task_02.sql", chunks=chunks, retry=retry)
    return made


def chunked(**more: Any) -> Pipeline:
    return pipeline(Chunks("staging.visits", by=("visit_date", "person"), rows=10_000, parallel=5), **more)


def test_a_task_in_chunks_compiles_to_the_golden_machine_byte_for_byte() -> None:
    assert to_json(compile_machine(chunked(), ARN)) + "\n" == (GOLDEN / "chunked.json").read_text()


def test_it_is_a_valid_machine_also_inside_a_parallel_group() -> None:
    made = chunked()
    notify = made.task(name="notify")(lambda: None)
    made.parallel(made.action("task_02"), notify)
    machine = compile_machine(made, ARN)
    parse_machine(machine)
    assert machine["States"]["ExecuteParallel01"]["ResultSelector"]["task_02.$"] == "$[0].stepwell.receipts.task_02"


def test_one_line_in_the_pipeline_changes_one_state_and_none_around_it() -> None:
    """The state's name, where its receipt goes, what catches its errors and what follows stay as they are."""
    whole, cut = (compile_machine(made, ARN)["States"] for made in (pipeline(None), chunked()))
    assert list(whole) == list(cut)
    changed = [name for name in whole if whole[name] != cut[name] and whole[name]["Type"] != "Fail"]
    assert changed == ["ExecuteTask02"]
    for field in ("ResultPath", "Catch", "Next"):
        assert whole["ExecuteTask02"][field] == cut["ExecuteTask02"][field]


def test_nothing_that_grows_is_passed_on() -> None:
    """Lanes are mapped, by number; ranges stay in the ledger."""
    branch = compile_machine(chunked(), ARN)["States"]["ExecuteTask02"]["Branches"][0]["States"]
    lanes = branch["Task02Lanes"]
    assert lanes["ItemSelector"] == {"lane.$": "$$.Map.Item.Value", "number.$": "$.number"}
    assert lanes["MaxConcurrency"] == 5
    assert lanes["ResultPath"] is None


def test_a_lane_is_invoked_again_soon_and_its_own_deadline_is_no_failure() -> None:
    made = chunked(retry=Retry(max_attempts=0, interval=60, on="Unlucky"))
    branch = compile_machine(made, ARN)["States"]["ExecuteTask02"]["Branches"][0]["States"]
    _, helpful = branch["Task02Lanes"]["ItemProcessor"]["States"]["RunTask02Lane"]["Retry"]
    assert helpful["IntervalSeconds"] == 1
    assert {"Lambda.Unknown", "Sandbox.Timedout", "Unlucky"} <= set(helpful["ErrorEquals"])
    assert "DeadlineExceeded" not in helpful["ErrorEquals"]
    assert branch["PlanTask02"]["Retry"][1]["MaxAttempts"] == 0


def test_the_machine_has_time_for_the_deadline_of_the_chunks() -> None:
    short, long = (
        compile_machine(pipeline(Chunks("t", by="a", deadline=deadline)), ARN)["TimeoutSeconds"]
        for deadline in (1000, 50_000)
    )
    assert long - short == 49_000
    assert short > 1000 + 2 * 900


def test_what_a_failed_run_says_is_true_of_chunks() -> None:
    states = compile_machine(chunked(), ARN)["States"]
    assert "its chunks have 21600 seconds in all" in states["ExecuteTask02TimedOut"]["CausePath"]
    for name in ("TimedOut", "DataFailed", "Failed", "ConfigurationFailed"):
        cause = states[f"ExecuteTask02{name}"]["CausePath"]
        assert "What its chunks have committed stays done" in cause
        assert "rolled back" not in cause
