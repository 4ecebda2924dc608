"""What is forgotten, and what stays: never anything under way, children with their parents."""

import json

import pytest

from stepwell.cli.local import Engine

ROLE = "arn:aws:iam::123456789012:role/r"
PASS = {"Type": "Pass", "End": True}
TABLES = ("executions", "events", "invocations", "inbox", "map_runs", "tasks", "definitions")


def one(**state):
    return {"StartAt": "S", "States": {"S": state}}


DISTRIBUTED = one(
    Type="Map",
    ItemsPath="$.items",
    End=True,
    ItemProcessor={
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": PASS},
    },
)


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path) as engine:
        yield engine


def run(engine, name, definition=None, value=None):
    """Executions of their own machine each; those that have something to do have ended."""
    arn = engine.client.create_state_machine(name=name, definition=json.dumps(definition or one(**PASS)), roleArn=ROLE)
    for _ in range(3):
        started = engine.client.start_execution(stateMachineArn=arn["stateMachineArn"], input=json.dumps(value or {}))
        if definition is None or value:
            engine.worker.run(lambda arn=started["executionArn"]: engine.row(arn).status != "RUNNING")
    return arn["stateMachineArn"]


def left(engine):
    with engine.journal._store.reading() as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def numbers(engine, **chosen):
    return [each.id for each in engine.journal.pruner.ended(**{"machine": None, "before": None, "keep": 0} | chosen)]


def test_the_newest_of_each_machine_are_kept(engine):
    run(engine, "a")
    run(engine, "b")
    assert numbers(engine, keep=1) == [1, 2, 4, 5]
    assert numbers(engine, keep=3) == []


def test_they_are_chosen_by_age_machine_and_status(engine):
    machine = run(engine, "a")
    run(engine, "b", one(Type="Fail"), {"x": 1})
    assert numbers(engine, machine=machine) == [1, 2, 3]
    assert numbers(engine, statuses=["FAILED"]) == [4, 5, 6]
    assert numbers(engine, before=engine.journal.execution_by_id(1).stopped) == []
    assert numbers(engine, before=1 << 60) == [1, 2, 3, 4, 5, 6]


def test_what_is_under_way_is_never_chosen(engine):
    run(engine, "waiting", one(Type="Wait", Seconds=3600, End=True))
    engine.worker.run(lambda: True)
    assert numbers(engine) == []


def test_nothing_is_left_of_what_is_forgotten(engine):
    kept = run(engine, "kept")
    before = left(engine)
    gone = run(engine, "gone", one(Type="Fail"), {"x": 1})
    engine.client.delete_state_machine(stateMachineArn=gone)
    assert left(engine) != before
    engine.journal.pruner.forget(numbers(engine, machine=gone))
    engine.journal.pruner.shrink()
    assert left(engine) == before
    assert len(engine.client.list_executions(stateMachineArn=kept)["executions"]) == 3


def test_children_of_a_map_run_go_with_their_parent(engine):
    machine = run(engine, "parent", DISTRIBUTED, {"items": [1, 2, 3]})
    assert (left(engine)["executions"], left(engine)["map_runs"]) == (12, 3)
    engine.journal.pruner.forget(numbers(engine, machine=machine, keep=1))
    assert (left(engine)["executions"], left(engine)["map_runs"]) == (4, 1)


def test_what_is_redriven_after_it_was_chosen_stays(engine):
    machine = run(engine, "m", one(Type="Fail"), {"a": 1})
    chosen = numbers(engine, machine=machine)
    assert len(chosen) == 3
    again = engine.journal.execution_by_id(chosen[0])
    engine.client.redrive_execution(executionArn=again.arn)
    engine.journal.pruner.forget(chosen)
    assert (left(engine)["executions"], engine.row(again.arn).status) == (1, "RUNNING")
