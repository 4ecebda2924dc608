import subprocess
from typing import Any

import pytest

from stepwell.cli.crontab import crontab, on_calendar
from stepwell.errors import UsageError
from stepwell.pipeline.schedule import Schedule


@pytest.mark.parametrize(
    ("expression", "cron", "systemd"),
    [
        ("cron(0 3 * * ? *)", "0 3 * * *", "OnCalendar=*-*-* 03:00:00 UTC"),
        ("cron(0/15 8-10 ? * MON-FRI *)", "*/15 8-10 * * 1,2,3,4,5", None),
        ("cron(30 6 1,15 JAN ? *)", "30 6 1,15 1 *", "OnCalendar=*-01-01,15 06:30:00 UTC"),
        ("cron(5/20 0 ? * 1 *)", "5,25,45 0 * * 0", "OnCalendar=Sun *-*-* 00:05,25,45:00 UTC"),
        ("cron(0 3 L * ? 2027)", None, "OnCalendar=2027-*~01 03:00:00 UTC"),
        ("cron(0 3 ? * FRI#3 *)", None, None),
        ("rate(1 day)", "0 0 * * *", "OnUnitActiveSec=1440min"),
        ("rate(2 hours)", "0 */2 * * *", "OnUnitActiveSec=120min"),
        ("rate(15 minutes)", "*/15 * * * *", "OnUnitActiveSec=15min"),
        ("rate(7 minutes)", None, "OnUnitActiveSec=7min"),
    ],
)
def test_an_expression_in_the_words_of_cron_and_systemd_or_a_refusal(expression: str, cron: Any, systemd: Any) -> None:
    schedule = Schedule(expression)
    if cron is None:
        with pytest.raises(UsageError, match="cron"):
            crontab(schedule)
    else:
        assert crontab(schedule) == cron
    if systemd is not None:
        assert systemd in on_calendar(schedule)
    elif cron is None:
        with pytest.raises(UsageError, match="systemd cannot say"):
            on_calendar(schedule)


def scheduled(project: Any) -> None:
    text = (project.folder / "pipeline.py").read_text()
    schedule = "schedule=Schedule('cron(0 3 * * ? *)', input={'cups': 3})"
    text = text.replace("import Pipeline", "import Schedule, Pipeline")
    project.write("pipeline.py", text.replace('Pipeline("coffee",', f'Pipeline("coffee", {schedule},'))


def test_the_line_of_the_crontab_runs_the_pipeline_for_its_day(project: Any) -> None:
    scheduled(project)
    comment, *_, line = project.said("schedule").splitlines()
    assert comment == "# coffee: cron(0 3 * * ? *), UTC"
    assert line.startswith(f"0 3 * * * cd {project.folder} && ")
    command = line.removeprefix("0 3 * * * ").replace("\\%", "%")
    subprocess.run(["/bin/sh", "-c", command], env=project.environment, check=True)
    (run,) = project.json("runs", "--json")
    assert run["status"] == "SUCCEEDED"
    assert "succeeded" in (project.folder / ".stepwell/schedule.log").read_text()


def test_the_variables_that_the_pipeline_reads_are_named_since_schedulers_lack_them(project: Any) -> None:
    """Without DATABASE_URL a run would silently work on the embedded PostgreSQL."""
    scheduled(project)
    assert "cron has none" not in project.said("schedule")
    project.write("pipeline.py", (project.folder / "pipeline.py").read_text().replace("context):", "connection):", 1))
    assert "\n# cron has none of your shell's variables: write DATABASE_URL=… above" in project.said("schedule")
    assert "Environment=DATABASE_URL=…" in project.said("schedule", "--as", "systemd")


def test_a_timer_for_systemd_has_its_service_and_its_moment(project: Any) -> None:
    scheduled(project)
    told = project.said("schedule", "--as", "systemd")
    assert "OnCalendar=*-*-* 03:00:00 UTC" in told
    assert f"WorkingDirectory={project.folder}" in told
    assert project.json("schedule", "--json")["runs_per_month"] == 30.4375


def test_a_pipeline_without_a_schedule_is_shown_how_to_have_one(project: Any) -> None:
    refused = project.run("schedule")
    assert refused.returncode == 2
    assert "pipeline 'coffee' has no schedule: give it one" in refused.stderr
