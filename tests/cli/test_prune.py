"""`stepwell prune` forgets runs with their logs and progress, and says what it would do."""

from pathlib import Path
from typing import Any

import pytest

from stepwell.cli.prune import seconds
from stepwell.errors import UsageError
from stepwell.progress.contract import Summary
from stepwell.progress.sqlite import SqliteProgress


def logs(project: Any) -> list[Path]:
    return sorted((project.folder / ".stepwell" / "logs").rglob("*.log"))


def noted(project: Any, *runs: str) -> SqliteProgress:
    progress = SqliteProgress(str(project.folder / ".stepwell" / "progress.db"))
    for run in runs:
        progress.plan(Summary("coffee", run, "task_01", 1, 0, 0, 0, 10, 1.0, 1.0, 1, "running"))
    return progress


def test_runs_go_with_their_logs_and_progress_and_the_newest_stay(ran: Any) -> None:
    progress = noted(ran, "good", "bad")
    assert "would forget 1 run" in ran.said("prune", "--keep", "1", "--dry-run")
    assert [run["name"] for run in ran.json("runs", "--json")] == ["bad", "good"]
    before = len(logs(ran))
    told = ran.json("prune", "--keep", "1", "--json")
    assert (told["executions"], told["dry_run"]) == (1, False)
    assert told["logs"] == before - len(logs(ran)) > 0
    assert [run["name"] for run in ran.json("runs", "--json")] == ["bad"]
    assert [summary.run for summary in progress.summaries()] == ["bad"]
    progress.close()
    assert ran.said("logs", "bad")
    assert "nothing to forget" in ran.said("prune", "--keep", "1")


@pytest.mark.parametrize(("age", "expected"), [("90s", 90), ("45m", 2700), ("12h", 43_200), ("30d", 2_592_000)])
def test_an_age_is_a_number_and_a_unit(age: str, expected: int) -> None:
    assert seconds(age) == expected


@pytest.mark.parametrize("age", ["", "30", "d", "-1d", "1.5h", "30 d", "1y"])
def test_any_other_age_is_refused_with_an_example(age: str) -> None:
    with pytest.raises(UsageError, match="30d"):
        seconds(age)


def test_without_a_choice_nothing_is_forgotten(ran: Any) -> None:
    refused = ran.run("prune")
    assert refused.returncode == 2
    assert "--older-than" in refused.stderr
