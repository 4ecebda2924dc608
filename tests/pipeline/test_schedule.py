import pytest

from stepwell import Pipeline, Schedule
from stepwell.pipeline.check import check
from stepwell.pipeline.schedule import FIELDS, values


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("rate(1 day)", 30.4375),
        ("rate(5 minutes)", 8766),
        ("cron(0 3 * * ? *)", 30.4375),
        ("cron(0/15 8-17 ? * MON-FRI *)", 4 * 10 * 365.25 * 5 / 7 / 12),
        ("cron(0 3 1 * ? *)", 1),
        ("cron(0 3 L * ? *)", 1),
        ("cron(30 6 31 * ? *)", 7 / 12),
        ("cron(0 3 ? 1,7 TUE#2 *)", 2 / 12),
        ("cron(0 3,15 ? * FRI *)", 2 * 365.25 / 7 / 12),
    ],
)
def test_runs_a_month_follow_from_the_expression(expression: str, runs: float) -> None:
    schedule = Schedule(expression)
    assert schedule.mistakes() == []
    assert schedule.runs_per_month() == pytest.approx(runs)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 3 * * *", "write cron"),
        ("cron(0 3 * * *)", "six fields"),
        ("cron(0 3 * * * *)", "AWS wants ? in exactly one"),
        ("cron(0 24 * * ? *)", "'24' cannot stand for hours; give 0 to 23"),
        ("cron(0 3 ? * MOO *)", "'MOO' cannot stand for day of week"),
        ("cron(0/0 3 * * ? *)", "'0/0' cannot stand for minutes"),
        ("rate(1 days)", "write day after 1"),
        ("rate(2 hour)", "write hours after 2"),
        ("rate(0 days)", "write cron"),
    ],
)
def test_an_expression_that_aws_refuses_is_refused_with_the_remedy(expression: str, told: str) -> None:
    (mistake,) = Schedule(expression).mistakes()
    assert told in mistake[1]


def test_a_time_zone_is_one_that_exists() -> None:
    assert Schedule("rate(1 day)", "Europe/Berlin").mistakes() == []
    assert Schedule("rate(1 day)", "Europe/Berlln").mistakes()[0][0] == "Schedule(timezone='Europe/Berlln')"


def test_a_pipeline_takes_an_expression_or_a_schedule_and_check_looks_at_it() -> None:
    plain = Pipeline("visits", schedule="rate(1 day)")
    assert plain.schedule is not None
    assert plain.schedule.expression == "rate(1 day)"
    wrong = Pipeline("visits", params={"days": 30}, schedule=Schedule("rate(1 day)", "Mars", input={"day": 7}))
    wrong.load("task_01", into="t", query="select 1")
    messages = [problem.message for problem in check(wrong)]
    assert messages[0] == "Schedule(timezone='Mars')"
    assert messages[1].startswith("in the schedule's input, unknown parameter 'day' (did you mean 'days'?)")


def test_lists_ranges_and_steps_are_the_values_that_they_mean() -> None:
    minutes, _, _, month, weekday, _ = FIELDS
    assert values("0/20,7", minutes) == [0, 7, 20, 40]
    assert values("10-30/10", minutes) == [10, 20, 30]
    assert values("FEB-APR", month) == [2, 3, 4]
    assert values("MON,SAT", weekday) == [2, 7]
