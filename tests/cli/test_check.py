import re
from typing import Any

BROKEN = """
from stepwell import Pipeline

pipeline = Pipeline("broken")
pipeline.sql("task_01", "sql/none.sql")


@pipeline.task(timeout=1000)
def task_02():
    pass
"""


def test_without_mistakes_it_prints_the_timeout_ladder(project: Any) -> None:
    lines = project.said("check").splitlines()
    assert lines[0] == "pipeline coffee: no mistakes"
    assert [line.split() for line in lines[2:6]] == [
        ["TASK", "DEADLINE", "TIMEOUT", "FUNCTION", "ATTEMPTS"],
        ["validate_config", "57", "s", "60", "s", "900", "s", "3"],
        ["task_01", "855", "s", "900", "s", "900", "s", "3"],
        ["task_02", "855", "s", "900", "s", "900", "s", "2"],
    ]


def test_the_longest_run_is_that_of_the_compiled_machine(project: Any) -> None:
    longest = project.json("compile")["TimeoutSeconds"]
    assert project.json("check", "--json")["timeouts"]["machine"] == longest
    assert f"A run may take {longest:,} s" in project.said("check")


def test_all_mistakes_are_listed_at_once_with_place_and_remedy(project: Any) -> None:
    project.write("pipeline.py", BROKEN)
    done = project.run("check")
    assert done.returncode == 2
    timeout, missing, summary = done.stdout.splitlines()
    assert timeout.startswith("pipeline.py:8: the timeout of task 'task_02' is 1000; give whole seconds")
    assert missing.startswith("pipeline.py:5: ")
    assert "sql/none.sql" in missing
    assert summary == "2 mistakes"


def test_as_json_mistakes_are_data(project: Any) -> None:
    project.write("pipeline.py", BROKEN)
    done = project.run("check", "--json")
    assert done.returncode == 2
    assert '"place": "pipeline.py:8"' in done.stdout
    assert '"timeouts": null' in done.stdout


def test_a_pipeline_that_cannot_be_imported_is_a_mistake_in_its_own_line(project: Any) -> None:
    project.write("pipeline.py", "import nothere\n")
    done = project.run("check")
    assert done.returncode == 2
    assert done.stderr == (
        "error: pipeline.py:1: importing the pipeline failed: ModuleNotFoundError: No module named 'nothere'\n"
    )
    assert "pipeline.py:1: importing" in project.run("check", "--json").stdout


def test_with_aws_every_limit_stands_with_its_figure_and_what_is_left(project: Any) -> None:
    lines = project.said("check", "--aws").splitlines()
    assert lines[-1] == "within all 22 limits"
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("AWS")) :]
    assert ["timeout of the function", "900 s", "900 s", "0 %"] in [re.split(r" {2,}", line) for line in table]
    assert max(map(len, table)) <= 80
    told = project.json("check", "--aws", "--json")["limits"]
    assert {each["limit"]: each["broken"] for each in told}["events"] is False


def test_a_limit_that_is_broken_is_told_with_its_remedy_and_the_exit_code(project: Any) -> None:
    text = (project.folder / "pipeline.py").read_text()
    project.write("pipeline.py", text.replace('"coffee"', f'"{"c" * 70}"'))
    done = project.run("check", "--aws", "--memory", "64")
    assert done.returncode == 1
    assert f"  {'c' * 70}: give the pipeline a shorter name" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 of 22 limits of AWS would be broken"
    assert project.run("check").returncode == 0
