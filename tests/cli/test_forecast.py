import sqlite3
from contextlib import closing
from typing import Any

import pytest

DAY = 86_400_000


LATER = """
insert into events (execution, time, {columns}) select ?, time - ? + iif(id >= (
    select min(id) from events as other
    where other.execution = own.execution and type = 'LambdaFunctionSucceeded' and payload like '%' || ? || '%'
), ?, 0), {columns}
from events as own where execution = ?
"""


def columns_of(db: sqlite3.Connection, table: str, *but: str) -> str:
    return ", ".join(row[1] for row in db.execute(f"pragma table_info({table})") if row[1] not in but)


def age(project: Any, nights: int, stretch: int, task: str = "task_01") -> None:
    """Of the folder's one run, copies for the nights before it, in which a task took longer night after night."""
    with closing(sqlite3.connect(project.folder / ".stepwell/journal.db")) as db, db:
        others = columns_of(db, "executions", "id", "arn", "started", "stopped")
        later = LATER.format(columns=columns_of(db, "events", "execution", "time", "sum"))
        (first,) = db.execute("select min(id) from executions").fetchone()
        copy = f"select arn || ?, started - ?, stopped - ?, {others} from executions where id = ?"
        for night in range(1, nights):
            values = (f"-{night}", night * DAY, night * DAY, first)
            row = db.execute(f"insert into executions (arn, started, stopped, {others}) {copy}", values).lastrowid
            db.execute(later, (row, night * DAY, task, (nights - night) * stretch, first))


@pytest.fixture
def grown(project: Any) -> Any:
    """Thirty nights, of which task_01 took ten seconds more each."""
    project.said("run", "--name", "first")
    age(project, 31, 10_000)
    return project


def test_without_history_it_is_quiet_and_says_so(project: Any) -> None:
    assert "Too little history to see a trend: runs of 10 different days are needed, there are 0." in project.said(
        "forecast"
    )
    project.said("run")
    assert "there are 1." in project.said("forecast")


def test_growth_is_told_with_its_day_and_what_cannot_be_cut_by_itself_is_said(grown: Any) -> None:
    told = grown.said("forecast")
    line = next(line for line in told.splitlines() if line.startswith("task_01  time"))
    assert "12 min 00 s" in line
    assert " and " in line
    assert "! task_01 cannot be cut by itself\n  only an SQL task can be proven safe in chunks" in told
    assert max(map(len, told.splitlines())) <= 84  # two years stand in the interval where it spans New Year
    tasks = {task["task"]: task for task in grown.json("forecast", "--json")["tasks"]}
    assert (tasks["task_01"]["due"], tasks["task_02"]["due"]) == (True, False)
    assert tasks["task_01"]["outlooks"][0]["state"] == "grows"


def test_a_task_that_is_not_there_or_cannot_be_cut_is_refused(project: Any) -> None:
    assert "unknown action 'task_9'" in project.run("forecast", "--diff", "task_9").stderr
    done = project.run("forecast", "--diff", "task_01")
    assert done.returncode == 2
    assert "only an SQL task" in done.stderr
    assert project.run("forecast", "--diff", "validate_config").returncode == 2
