"""A span of days, killed again and again: complete in the end, and each day exactly once. And the lease of a day."""

import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Project
from tests.gate import close_gate, open_gate
from tests.until import until

DAYS = """
from stepwell import Pipeline

pipeline = Pipeline("days", params={"as_of": "", "nap": 0.02})
pipeline.sql("task_01", "task_01.sql")
pipeline.sql("task_02", "task_02.sql")
"""
TASK = "INSERT INTO done (task, day) VALUES ('{}', :as_of::date);\nSELECT pg_sleep(:nap);\n"
SPAN = ("backfill", "--start", "2026-06-01", "--end", "2026-06-30", "--parallel", "3")
INPUT = ("--input", '{"as_of": "{window}"}')


def days(project: Callable[..., Project], database: str) -> Project:
    made = project(DAYS, database)
    for task in ("task_01", "task_02"):
        made.write(f"{task}.sql", TASK.format(task))
    made.sql("create table done (task text, day date, at timestamptz default clock_timestamp())")
    return made


def killed(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def counted(made: Project) -> list[tuple]:
    return made.sql("select count(*), count(distinct (task, day)), min(day)::text, max(day)::text from done")


def test_a_backfill_of_thirty_days_killed_five_times_ends_complete_each_day_exactly_once(project, database) -> None:
    made = days(project, database)
    close_gate(database, "done", "new.day > '2026-06-24'")  # 48 rows come before it: no kill can be too late
    rng = random.Random(30)
    kills = []
    for goal in (4, 15, 26, 37, 48):  # of the 60 rows
        backfill = made.start(*SPAN, *INPUT)
        until(lambda: counted(made)[0][0] >= goal, f"{goal} rows are there", pause=rng.uniform(0.005, 0.03))  # noqa: B023
        kills.append(killed(backfill))
    assert kills == [-signal.SIGKILL] * 5
    open_gate(database)
    done = made.json(*SPAN, *INPUT)
    assert [window["status"] for window in done["windows"]] == ["SUCCEEDED"] * 30
    assert 0 < done["before"] < 30
    assert counted(made) == [(60, 60, "2026-06-01", "2026-06-30")]
    again = made(*SPAN, *INPUT).stdout
    assert again.startswith("30 of 30 windows succeeded, 30 of them before")
    assert counted(made) == [(60, 60, "2026-06-01", "2026-06-30")]


def test_a_window_that_fails_is_told_and_the_same_command_goes_on_with_it(project, database) -> None:
    made = days(project, database)
    made.sql("alter table done add constraint not_the_second check (day <> '2026-06-02')")
    span = ("backfill", "--start", "2026-06-01", "--end", "2026-06-03", *INPUT)
    failed = made(*span, code=1).stdout
    assert "✗ 2026-06-02  failed  backfill-2026-06-02" in failed
    assert "2 of 3 windows succeeded" in failed
    made.sql("alter table done drop constraint not_the_second")
    assert "3 of 3 windows succeeded, 2 of them before" in made(*span).stdout
    assert counted(made) == [(6, 6, "2026-06-01", "2026-06-03")]


def test_ctrl_c_says_how_far_it_has_come_and_that_the_same_command_goes_on(project, database) -> None:
    made = days(project, database)
    span = ("backfill", "--start", "2026-06-01", "--end", "2026-06-03", *INPUT[:-1])
    backfill = made.start(*span, '{"as_of": "{window}", "nap": 30}')
    asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    until(lambda: made.sql(asleep) == [(1,)], "the first day is at work")
    backfill.send_signal(signal.SIGINT)
    out, _ = backfill.communicate(timeout=30)
    assert backfill.returncode == 130
    assert "0 of 3 windows succeeded, interrupted after " in out
    assert out.endswith("The same command goes on with the others.\n")


def elsewhere(made: Project, folder: Path) -> Project:
    """The same pipeline on another machine: another folder, with a journal of its own, and the same database."""
    other = Project(folder, made.database)
    for file in made.folder.glob("*.*"):
        other.write(file.name, file.read_text())
    return other


def test_a_day_is_run_once_at_a_time_across_machines_and_death_frees_it_at_once(project, database, tmp_path) -> None:
    here = days(project, database)
    there = elsewhere(here, tmp_path / "elsewhere")
    first = here.start("run", "--window", "2026-06-01", "--input", '{"as_of": "2026-06-01", "nap": 600}')
    waiting = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and query like '%pg_sleep%' and pid <> pg_backend_pid()"
    )
    until(lambda: here.sql(waiting) != [(0,)], "the first run is at work")
    refused = there("run", "--window", "2026-06-01", "--input", '{"as_of": "2026-06-01"}', code=2)
    assert "a run of pipeline 'days' for 2026-06-01 is under way: its lease in the database is held" in refused.stderr
    assert f"process {first.pid} on " in refused.stderr
    assert there.json("runs") == []
    there("run", "--window", "2026-06-02", "--input", '{"as_of": "2026-06-02"}')
    blocked = there.json("backfill", "--start", "2026-06-01", "--end", "2026-06-02", *INPUT, code=1)
    assert [window["status"] for window in blocked["windows"]] == ["ELSEWHERE", "SUCCEEDED"]
    killed(first)
    there("run", "--window", "2026-06-01", "--input", '{"as_of": "2026-06-01"}')
