"""The same commands here and on AWS: `--on aws` is boto3 underneath, tried here against a real `stepwell serve`."""

import json

import pytest

from tests.cli.conftest import KEYS, Project

NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent", "AWS_DEFAULT_REGION": "us-east-1"}


def test_runs_and_histories_are_the_same_on_both_sides(there):
    project, on_aws = there
    project.environment["TZ"] = "EST5"  # boto3 tells times in the local zone
    for words in (["runs", "--json"], ["runs", "--status", "failed", "--json"], ["show", "--json"]):
        assert project.json(*words, *on_aws) == project.json(*words)
    shown = project.said("show", "bad", *on_aws).replace(f" {' '.join(on_aws)}", "").replace(f"{project.folder}/", "")
    here = [line for line in project.said("show", "bad").splitlines() if not line.startswith("  log ")]
    assert shown.splitlines() == here


def test_which_machine_is_meant_is_the_pipelines_or_named(there, tmp_path_factory):
    _, on_aws = there
    elsewhere = Project(tmp_path_factory.mktemp("elsewhere"))
    elsewhere.environment |= KEYS
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:coffee"
    for name in ("coffee", arn):
        found = json.loads(elsewhere.said("runs", "--json", "--state-machine", name, *on_aws))
        assert [run["name"] for run in found] == ["bad", "good"]
    refused = elsewhere.run("runs", *on_aws)
    assert refused.returncode == 2
    assert "there is no pipeline.py here: name the pipeline's state machine with --state-machine" in refused.stderr


def test_a_machine_that_is_not_there_says_how_it_is_made(there):
    project, on_aws = there
    refused = project.run("runs", "--state-machine", "tea", *on_aws)
    assert refused.returncode == 1
    assert "there is no state machine 'tea' in us-east-1: `stepwell deploy` makes it" in refused.stderr


@pytest.mark.parametrize(
    ("words", "variables", "told"),
    [
        (["--region", "us-east-1"], {}, "--region is of AWS: it goes with --on aws"),
        (["--on", "aws"], {**NOBODY, "AWS_DEFAULT_REGION": ""}, "no region of AWS is chosen"),
        (["--on", "aws", "--endpoint-url", "http://127.0.0.1:9"], NOBODY, "no credentials were found"),
        (["--on", "aws", "--endpoint-url", "http://127.0.0.1:9"], KEYS, "AWS could not be asked: Could not connect"),
        (["--on", "aws", "--profile", "nobody"], NOBODY, "(nobody) could not be found"),
    ],
    ids=["options of AWS", "no region", "no credentials", "nobody answers", "no profile"],
)
def test_what_keeps_one_from_aws_is_said_in_a_sentence(project: Project, words, variables, told):
    refused = project.run("runs", *words, **variables)
    assert refused.returncode in (1, 2)
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_run_here_is_not_detached(project: Project) -> None:
    for words in (["run"], ["resume"]):
        assert "--detach goes with --on aws" in project.run(*words, "--detach").stderr


def test_the_cost_of_a_run_there_is_by_the_deployed_function_and_what_may_be_read_of_its_logs(there):
    """No log group is served here, so that receipts and events have to do."""
    project, on_aws = there
    told = project.json("cost", "--run", "bad", "--json", *on_aws)
    assert (told["memory_mb"], told["arch"]) == (1024, "x86")  # as `serve` says of a pipeline
    assert told["known_by"] == {"event times": 2, "receipts": 2}
    assert told["run"]["transitions"] == project.json("cost", "--run", "bad", "--json")["run"]["transitions"]
