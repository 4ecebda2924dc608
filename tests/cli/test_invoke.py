import json
from pathlib import Path
from typing import Any


def test_the_receipt_goes_to_stdout_and_what_the_task_prints_to_stderr(project: Any) -> None:
    done = project.run("invoke", "task_01", "--input", '{"cups": 3}')
    receipt = json.loads(done.stdout)
    assert (receipt["task"], receipt["status"], receipt["rows"]) == ("task_01", "done", 3)
    assert receipt["run"].startswith("invoke-")
    assert done.stderr == "grinding for 3\n"


def test_a_task_that_fails_is_told_with_its_log_and_exit_code_1(project: Any) -> None:
    done = project.run("invoke", "task_02", "--input", '{"cups": 6}')
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("brewing\nTraceback ")
    assert done.stderr.endswith("error: task_02 failed: Empty: no more beans\n")
    assert done.stderr.count("no more beans") == 2  # in the user's line of the traceback, and once as the error


def test_an_unknown_action_is_refused_by_naming_those_that_there_are(project: Any) -> None:
    done = project.run("invoke", "task_09")
    assert done.returncode == 2
    assert done.stderr == ("error: unknown action 'task_09'; this pipeline knows: validate_config, task_01, task_02\n")


def test_input_that_is_not_json_is_refused_with_an_example(project: Any) -> None:
    done = project.run("invoke", "task_01", "--input", "{days: 7}")
    assert done.returncode == 2
    assert "--input is not JSON" in done.stderr
    assert "Traceback" not in done.stderr


def test_invocations_leave_no_run_behind(project: Any) -> None:
    project.said("invoke", "validate_config")
    assert project.json("runs", "--json") == []


def test_a_task_that_needs_a_database_finds_the_given_one(project: Any, database: str) -> None:
    project.write("sql/one.sql", "create table made as select 1 as one;")
    text = "from stepwell import Pipeline\np = Pipeline('made')\np.sql('task_01', 'sql/one.sql')\n"
    project.write("pipeline.py", text)
    assert json.loads(project.said("invoke", "task_01", DATABASE_URL=database))["status"] == "done"
    assert project.said("sql", "--csv", "select * from made", DATABASE_URL=database) == "one\n1\n"
    assert not Path(project.folder, ".stepwell", "postgres").exists()


def test_what_the_system_forbids_is_one_sentence_with_the_path(project: Any) -> None:
    """Nobody may make a folder in /sys."""
    done = project.run("invoke", "task_01", STEPWELL_HOME="/sys/stepwell")
    assert done.returncode == 1
    assert done.stderr.startswith("error: /sys/stepwell")
    assert done.stderr.count("\n") == 1
