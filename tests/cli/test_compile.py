import json
from typing import Any


def test_the_definition_is_the_same_to_the_byte_each_time(project: Any) -> None:
    first = project.said("compile")
    assert first == project.said("compile", PYTHONHASHSEED="7")
    assert list(json.loads(first)["States"])[:4] == [
        "StartOrResume",
        "ValidateConfig",
        "ExecuteTask01",
        "ExecuteTask02",
    ]


def test_every_task_calls_the_given_function(project: Any) -> None:
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:coffee"
    states = project.json("compile", "--lambda-arn", arn)["States"].values()
    assert {state["Resource"] for state in states if state["Type"] == "Task"} == {arn}


def test_it_can_be_written_to_a_file(project: Any) -> None:
    assert project.said("compile", "--output", "machine.json") == ""
    assert (project.folder / "machine.json").read_text() == project.said("compile")
    done = project.run("compile", "--output", "no/such/folder/machine.json")
    assert done.returncode == 2
    assert done.stderr == "error: no/such/folder/machine.json cannot be written: No such file or directory\n"


def test_a_target_names_another_pipeline(project: Any) -> None:
    text = "from stepwell import Pipeline\nmine = Pipeline('other')\n@mine.task\ndef a(): pass\n"
    project.write("other/pipeline.py", text)
    assert project.json("compile", "other")["Comment"] == "pipeline other, compiled by Stepwell"


def test_without_a_pipeline_it_says_how_to_get_one(empty: Any) -> None:
    done = empty.run("compile")
    assert done.returncode == 2
    assert "there is no pipeline.py in" in done.stderr
    assert "stepwell new NAME" in done.stderr
