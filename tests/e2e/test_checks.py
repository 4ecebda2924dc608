"""Checks through the whole product, with the pipeline that docs/checks.md shows."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.e2e.conftest import Project

DOCS = Path(__file__).parents[2] / "docs"
TABLES = """
create schema care;
create schema staging;
create table care.visits as
  select n as visit_id, 'p' || n % 100 as person, current_date - n % 30 as visit_date, 30.25 as minutes
  from generate_series(1, 2000) n;
create table care.conflicts as select current_date as found_on;
"""


def block(page: str) -> str:
    [found] = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return str(found)


@pytest.fixture
def checked(project: Callable[..., Project], database: str) -> Project:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(TABLES)
    made = project(block("checks.md"), database)
    made.write("sql/task_01.sql", "select visit_id, person, visit_date, minutes from care.visits")
    return made


def test_the_pipeline_of_the_page_runs_and_its_receipts_count_the_checks(checked: Project) -> None:
    receipts = checked.json("run")["output"]
    assert (receipts["task_01"]["rows"], receipts["task_01"]["checks"]) == (2000, 6)
    assert receipts["task_02"]["checks"] == 1


def test_a_failed_check_ends_in_the_state_for_data_and_nothing_is_changed(checked: Project) -> None:
    checked("run")
    checked.sql("delete from care.visits where visit_id > 68")
    checked.sql("update care.visits set person = null where visit_id = 7")
    told = checked("run", "--name", "night", code=1).stdout
    assert "CheckFailed" in told
    assert "pipeline.py:5: 2 of 6 checks failed" in told
    assert "row_count(min=1,000, max=5,000,000) on staging.visits: there are 68 rows, fewer than 1,000" in told
    assert "not_null(person, visit_date) on staging.visits: of 68 rows 1 without person" in told
    assert re.search(r"\n +visit_id=7, person=NULL, visit_date=\d{4}-\d\d-\d\d, minutes=30.25\n", told)
    assert "Its transaction was rolled back, tasks before it keep what they committed." in told
    assert "ExecuteTask01DataFailed" in [
        event["stateEnteredEventDetails"]["name"] for event in checked.events() if "stateEnteredEventDetails" in event
    ]
    assert checked.sql("select count(*), count(person) from staging.visits") == [(2000, 2000)]
    checked.sql("insert into care.visits select n, 'p', current_date, 1 from generate_series(1001, 3000) n")
    checked.sql("update care.visits set person = 'p' where person is null")
    assert "✓ task_01" in checked("resume", "night").stdout


def test_a_failed_check_is_not_tried_again(checked: Project) -> None:
    checked.sql("truncate care.visits")
    checked("run", code=1)
    started = [event for event in checked.events() if event["type"] == "LambdaFunctionScheduled"]
    assert len(started) == 2  # validate_config, and task_01 once


def test_mistakes_in_checks_are_told_before_anything_runs(checked: Project) -> None:
    checked.write("pipeline.py", block("checks.md").replace('not_null("person", "visit_date")', "not_null()"))
    told = checked("run", code=2).stderr
    assert "pipeline.py:5: in checks of task 'task_01', not_null(): names no column" in told
    assert not (checked.folder / ".stepwell").exists()


def test_the_settings_of_the_page_on_connections_are_what_it_says(tmp_path: Path) -> None:
    made: dict[str, object] = {"__file__": str(tmp_path / "pipeline.py")}
    exec(compile(block("connections.md"), str(tmp_path / "pipeline.py"), "exec"), made)
    assert {"Pipeline", "aws_secret", "env", "rds_iam", "secret_file"} <= set(made)
