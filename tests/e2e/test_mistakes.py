"""A user's mistake is answered by one clear message with its place and remedy, no traceback, and exit code 1 or 2."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Project

Make = Callable[..., Project]

PYTHON = """
from stepwell import Pipeline, Retry
pipeline = Pipeline("p", params={"days": 30})

@pipeline.task(retry=Retry(max_attempts=0))
def task_01():
    print("working")
    raise ValueError("there are no days")
"""
SQL = """from stepwell import Pipeline
pipeline = Pipeline("p", params={"days": 30})
pipeline.sql("task_01", "sql/task_01.sql")
"""


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that was printed; no frame of ours is in it."""
    text = done.stdout + done.stderr
    assert "src/stepwell" not in text
    assert "site-packages/stepwell" not in text
    return text


def test_a_wrong_database_url_names_host_and_remedy_but_no_password(project: Make) -> None:
    made = project(SQL, "postgresql://postgres:hunter2@127.0.0.1:1/nowhere")
    made.write("sql/task_01.sql", "select 1")
    text = told(made("run", code=1))
    assert "127.0.0.1" in text
    assert "refused" in text
    assert "hunter2" not in text
    assert "ValidateConfigConfigurationFailed" in made("show").stdout


def test_a_wrong_password_is_not_retried(project: Make, database: str, changed: Callable[..., str]) -> None:
    made = project(SQL, changed(database, password="hunter2"))
    made.write("sql/task_01.sql", "select 1")
    text = told(made("run", code=1))
    assert "password" in text
    assert "hunter2" not in text
    assert len([e for e in made.events() if e["type"] == "LambdaFunctionScheduled"]) == 1


def test_a_missing_sql_file_is_named_before_anything_runs(project: Make) -> None:
    made = project(SQL)
    text = told(made("run", code=2))
    assert "pipeline.py:3" in text
    assert "sql/task_01.sql" in text
    assert not (made.folder / ".stepwell" / "journal.db").exists()


def test_a_syntax_error_in_sql_shows_file_line_and_caret(project: Make, database: str) -> None:
    made = project(SQL, database)
    made.write("sql/task_01.sql", "select 1;\n\nselct 2;\n")
    text = told(made("run", code=1))
    assert 'sql/task_01.sql:3: syntax error at or near "selct"' in text
    assert "stepwell resume" in text


def test_a_python_task_that_raises_shows_its_own_line_and_words(project: Make) -> None:
    made = project(PYTHON)
    text = told(made("run", code=1))
    assert "│ working" in text
    assert "ValueError" in text
    assert "there are no days" in text
    assert re.search(r'pipeline\.py", line 8', text)


def test_a_syntax_error_in_the_pipeline_names_its_line(project: Make) -> None:
    made = project("from stepwell import Pipeline\npipeline = = Pipeline('p')\n")
    assert "pipeline.py:2" in told(made("run", code=2))


def test_two_tasks_of_one_name_are_told_with_both_places(project: Make) -> None:
    made = project(SQL + 'pipeline.sql("task_01", "sql/other.sql")\n')
    text = told(made("run", code=2))
    assert (
        "pipeline.py:4: there is already a task" in text or "pipeline.py:4: there is a task 'task_01' already" in text
    )
    assert "pipeline.py:3" in text


def test_an_unknown_parameter_of_the_run_is_told_with_the_known_ones(project: Make) -> None:
    text = told(project(PYTHON)("run", "--input", '{"dayz": 3}', code=2))
    assert "unknown parameter 'dayz' (did you mean 'days'?)" in text


def test_an_unknown_parameter_in_sql_is_told_with_file_and_line(project: Make) -> None:
    made = project(SQL)
    made.write("sql/task_01.sql", "select 1\nwhere 1 = :dayz\n")
    text = told(made("run", code=2))
    assert "sql/task_01.sql:2" in text
    assert "dayz" in text
    assert "days" in text


@pytest.mark.parametrize("given", ["{", "[1]", '"x"', '{"stepwell": {}}'])
def test_an_input_that_is_no_object_of_parameters_is_refused(project: Make, given: str) -> None:
    assert "--input" in told(project(PYTHON)("run", "--input", given, code=2))


@pytest.mark.parametrize("words", [["--from", "task_9"], ["--only", "task_9"]])
def test_an_unknown_task_is_told_with_the_known_ones(project: Make, words: list[str]) -> None:
    assert "validate_config, task_01" in told(project(PYTHON)("run", *words, code=2))


def test_a_folder_without_a_pipeline_says_how_to_make_one(tmp_path: Path) -> None:
    text = told(Project(tmp_path, None)("run", code=2))
    assert "there is no pipeline.py" in text
    assert "stepwell new" in text


def test_an_unknown_command_suggests_the_nearest(tmp_path: Path) -> None:
    assert "did you mean 'resume'?" in told(Project(tmp_path, None)("resum", code=2))


def test_an_unknown_run_says_how_to_list_them(project: Make) -> None:
    made = project(PYTHON)
    made("run", code=1)
    assert "stepwell runs" in told(made("resume", "nosuch", code=2))


def test_a_name_that_aws_refuses_is_refused_here(project: Make) -> None:
    assert "Invalid Name: 'a b'" in told(project(PYTHON)("run", "--name", "a b", code=1))


def test_a_journal_on_a_full_disk_says_so_and_nothing_is_lost(project: Make) -> None:
    """A file system of 600 KB in a mount namespace of its own: a task fills it, and the journal cannot grow."""
    made = project(
        "import os\nfrom stepwell import Pipeline\npipeline = Pipeline('p')\n"
        "@pipeline.task\ndef task_01(): pass\n"
        "@pipeline.task\ndef task_02(context):\n"
        "    if 'FILL' not in os.environ: return\n"
        "    with open('.stepwell/ballast', 'wb', buffering=0) as file:\n"
        "        try:\n"
        "            while file.write(bytes(512)): pass\n"
        "        except OSError: pass\n"
        "@pipeline.task\ndef task_03(): pass\n"
    )
    (made.folder / ".stepwell").mkdir()
    inside = (
        "mount -t tmpfs -o size=600k none .stepwell || exit 99; "
        f"FILL=1 {COMMAND} run --name full; echo CODE $?; rm -f .stepwell/ballast; {COMMAND} resume full; echo CODE $?"
    )
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", inside], cwd=made.folder, env=made.environment, capture_output=True, text=True
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    text = told(done)
    assert "database or disk is full" in text or "disk I/O error" in text
    assert "journal.db" in text
    first, second = re.findall(r"CODE (\d+)", done.stdout)
    assert (first, second) == ("1", "0")
    assert done.stdout.count("✓ task_01") == 1


def test_output_without_a_terminal_has_no_colour_and_no_spinner(project: Make) -> None:
    made = project(PYTHON)
    assert "\033" not in made("run", code=1).stdout


def test_no_color_is_obeyed(project: Make) -> None:
    made = project(PYTHON)
    made.environment |= {"FORCE_COLOR": "1"}
    assert "\033[31m" in made("run", code=1).stdout
    made.environment |= {"NO_COLOR": "1"}
    assert "\033" not in made("run", code=1).stdout


def test_the_package_has_a_version(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "stepwell.cli.main", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("stepwell 0.")
