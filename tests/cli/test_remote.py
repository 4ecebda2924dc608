"""run, resume, stop and invoke with `--on aws`, against a real `stepwell serve`: redrive is there as on AWS."""

import json

from tests.api.served import Served
from tests.cli.conftest import KEYS, Project

SLEEPS = """
import time
from pathlib import Path
from stepwell import Pipeline

pipeline = Pipeline("tea")


@pipeline.task
def task_01():
    Path("begun").touch()
    time.sleep(0 if Path("quick").exists() else 600)
"""


def test_a_run_is_started_watched_and_resumed_as_a_new_execution_of_the_same_run(there):
    project, on_aws = there
    said = project.said("run", "--name", "fine", *on_aws)
    assert "coffee runs as fine on AWS" in said
    assert "✓ task_01" in said
    assert "2 rows" in said
    assert "succeeded in" in said

    failed = project.run("run", "--name", "broken", "--input", '{"cups": 9}', *on_aws)
    assert failed.returncode == 1
    assert "✗ task_02" in failed.stdout
    assert f"stepwell resume broken {' '.join(on_aws)}" in failed.stdout
    resumed = json.loads(project.run("resume", "broken", "--json", *on_aws).stdout)
    assert (resumed["run"], resumed["execution"], resumed["status"]) == ("broken", "broken-2", "FAILED")
    assert [task["task"] for task in resumed["tasks"]] == ["task_02"]
    assert "has succeeded: nothing to resume" in project.said("resume", "fine", *on_aws)
    refused = project.run("run", "--only", "task_02", *on_aws)
    assert "on AWS use `stepwell invoke task_02 --on aws`" in refused.stderr


def test_a_stopped_run_is_redriven_in_place(empty: Project):
    empty.environment |= KEYS
    empty.write("pipeline.py", SLEEPS)
    machine = empty.said("compile")
    served = Served(empty.folder)
    try:
        client = served.client()
        client.create_state_machine(name="tea", definition=machine, roleArn="arn:aws:iam::123456789012:role/r")
        on_aws = ["--on", "aws", "--endpoint-url", served.url]
        said = empty.said("run", "--name", "long", "--detach", *on_aws)
        assert f"watch it: stepwell show long {' '.join(on_aws)}" in said
        empty.wait_for("begun")
        assert "is under way" in empty.run("run", *on_aws).stderr
        assert "the run long is stopped" in empty.said("stop", *on_aws)
        empty.write("quick", "")
        assert "long goes on" not in empty.said("stop", *on_aws)
        said = empty.said("resume", "long", *on_aws)
        assert "tea goes on as long on AWS" in said
        assert "succeeded" in said
        assert "validate_config" not in said  # it was over before
        (execution,) = client.list_executions(stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:tea")[
            "executions"
        ]
        assert execution["redriveCount"] == 1
        (empty.folder / "quick").unlink()
        (empty.folder / "begun").unlink()
        empty.said("run", "--name", "longer", "--detach", *on_aws)
        empty.wait_for("begun")
        empty.said("stop", *on_aws)
        empty.write("quick", "")
        lines = map(json.loads, empty.said("resume", "--log-format", "json", *on_aws).splitlines())
        told = [(line["event"], line.get("task"), line.get("attempts")) for line in lines if line["event"] != "log"]
        assert told == [("run_resumed", None, None), ("task_succeeded", "task_01", 1), ("run_succeeded", None, None)]
    finally:
        served.end()


def test_one_action_of_the_function_is_invoked_with_its_log_and_its_error(there):
    project, on_aws = there
    done = project.run("invoke", "task_01", "--input", '{"cups": 3}', *on_aws)
    assert json.loads(done.stdout)["rows"] == 3
    assert "grinding for 3" in done.stderr
    failed = project.run("invoke", "task_02", "--input", '{"cups": 9}', *on_aws)
    assert failed.returncode == 1
    assert "task_02 failed: Empty: no more beans" in failed.stderr
