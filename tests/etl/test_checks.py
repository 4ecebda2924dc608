"""Checks on real tables: what passes, what fails, and what is told about it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from stepwell import check, freshness, not_null, reconcile, row_count, unique
from stepwell.errors import CheckFailed, ConfigurationError, DeadlineExceeded, SqlError, StepwellError
from stepwell.etl.checks import mistakes, run_checks
from stepwell.etl.connection import TaskConnection, lease

PLACE = "pipeline.py:7"
TABLE = "staging.visits"


@pytest.fixture
def connection(database: str) -> Iterator[TaskConnection]:
    """Six visits: two of one person at one time, one of nobody."""
    with lease(database, "checks") as connection:
        connection.execute("create schema staging")
        connection.execute(
            "create table staging.visits as select n as id, case when n < 6 then 'p' || (n + 1) / 2 end as person, "
            "date '2026-06-01' + (n + 1) / 2 as day, n * 10.5 as amount, now() - n * interval '1 hour' as seen "
            "from generate_series(1, 6) n"
        )
        yield connection


def failure(connection: TaskConnection, *checks: Any, table: str | None = TABLE, **params: Any) -> str:
    with pytest.raises(CheckFailed) as caught:
        run_checks(connection, checks, table, PLACE, params)
    return caught.value.message


def refusal(connection: TaskConnection, *checks: Any, table: str | None = TABLE, **params: Any) -> StepwellError:
    with pytest.raises(StepwellError) as caught:
        run_checks(connection, checks, table, PLACE, params)
    assert not isinstance(caught.value, CheckFailed)
    return caught.value


def test_checks_that_hold_are_counted(connection: TaskConnection) -> None:
    checks = [
        row_count(min=6, max=6),
        not_null("id", "day"),
        unique("id"),
        unique("id", "person"),
        reconcile("select count(*), sum(id) from staging.visits", "select 6, 21.0"),
        freshness("seen", within="2 hours"),
        freshness("seen", within=timedelta(hours=2)),
        check("select * from staging.visits where amount < :least"),
    ]
    assert run_checks(connection, checks, TABLE, PLACE, {"least": 0}) == 8
    assert run_checks(connection, [], None, PLACE) == 0


def test_all_that_failed_is_told_at_once_with_place_numbers_and_rows(connection: TaskConnection) -> None:
    told = failure(connection, row_count(min=1_000), not_null("id"), not_null("person", "day"), unique("person", "day"))
    assert told.splitlines() == [
        "pipeline.py:7: 3 of 4 checks failed",
        "  row_count(min=1,000) on staging.visits: there are 6 rows, fewer than 1,000",
        "  not_null(person, day) on staging.visits: of 6 rows 1 without person",
        *[line for line in told.splitlines() if line.startswith("    id=6, person=NULL, day=2026-06-04, amount=63.0")],
        "  unique(person, day) on staging.visits: 2 values occur more than once, in 4 rows",
        *[line for line in told.splitlines() if line.endswith(", rows=2")],
        "Correct the data or the check, then resume the run.",
    ]
    assert len(told.splitlines()) == 8


def test_a_row_count_has_an_upper_end(connection: TaskConnection) -> None:
    assert "there are 6 rows, more than 5" in failure(connection, row_count(max=5))


def test_at_most_five_rows_are_shown_and_long_values_are_cut(connection: TaskConnection) -> None:
    told = failure(connection, check("select id, repeat('x', 1000) as note from staging.visits", name="no visits"))
    assert "check(no visits): it finds 6 rows" in told
    assert sum(line.startswith("    id=") for line in told.splitlines()) == 5
    assert max(map(len, told.splitlines())) < 120


def test_rows_with_moments_that_python_does_not_have_are_shown_too(connection: TaskConnection) -> None:
    connection.execute("update staging.visits set seen = 'infinity', day = '0044-03-15 BC' where id = 6")
    told = failure(connection, check("select * from staging.visits where id = 6"))
    assert "id=6, person=NULL, day=0044-03-15 BC, amount=63.0, seen=infinity" in told
    newest = "select max(seen) from staging.visits"
    assert run_checks(connection, [reconcile(newest, newest)], TABLE, PLACE) == 1


def test_rows_with_null_are_not_compared_as_in_a_unique_constraint(connection: TaskConnection) -> None:
    connection.execute("insert into staging.visits (id) values (7), (8)")
    assert run_checks(connection, [unique("person", "id")], TABLE, PLACE) == 1
    assert "unique(person)" in failure(connection, unique("person"))


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "told"),
    [
        ("select 1.0", "select 1", 0, None),
        ("select 1.05", "select 1.0", 0.1, None),
        ("select 0.1::float8 + 0.2::float8", "select 0.3", 1e-9, None),
        ("select null::int", "select null::int", 0, None),
        ("select 'NaN'::numeric", "select 'NaN'::float8", 0, None),
        ("select 'infinity'::numeric", "select 'infinity'::float8", 0, None),
        ("select date '2026-01-01', 'a'", "select date '2026-01-01', 'a'", 0, None),
        ("select 1234.5 as total", "select 1000", 0, "total is 1,234.5 here and 1,000 there, a difference of 234.5"),
        ("select 1.2 as total", "select 1.0", 0.1, "a difference of 0.2, with a tolerance of 0.1"),
        ("select 'NaN'::numeric as n", "select 1", 9, "n is NaN here and 1 there"),
        ("select sum(id) as s from staging.visits where false", "select 0", 0, "s is NULL here and 0 there"),
        ("select 10 ^ 40::numeric as n", "select 10 ^ 40::numeric + 1", 0, "a difference of -1"),
        ("select 1 as a, 'x' as b, 2 as c", "select 2, 'y', 2", 0, "; b is x here and y there"),
    ],
)
def test_two_queries_are_reconciled(
    connection: TaskConnection, left: str, right: str, tolerance: float, told: str | None
) -> None:
    rule = reconcile(left, right, tolerance=tolerance)
    if told is None:
        assert run_checks(connection, [rule], None, PLACE) == 1
    else:
        assert told in failure(connection, rule, table=None)


def test_queries_to_reconcile_must_fit_each_other(connection: TaskConnection) -> None:
    two = refusal(connection, reconcile("select id from staging.visits", "select 1"))
    assert isinstance(two, ConfigurationError)
    assert "select id from staging.visits gives 6 rows; each query must give one" in two.message
    assert "gives no row" in refusal(connection, reconcile("select 1", "select 1 where false")).message
    assert (
        "one query has 2 columns and the other 1" in refusal(connection, reconcile("select 1, 2", "select 1")).message
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("day", "the newest day is 2026-06-04, "),
        ("seen", ", 10 days 01:00:00 ago"),
        ("seen", "freshness(seen, within 2 days) on staging.visits"),
    ],
)
def test_data_that_is_too_old_is_told_with_its_age(connection: TaskConnection, column: str, told: str) -> None:
    connection.execute("update staging.visits set seen = seen - interval '240 hours', day = '2026-06-04'::date - id")
    connection.execute("update staging.visits set day = '2026-06-04' where id = 1")
    connection.execute("delete from staging.visits where id > 1")
    assert told in failure(connection, freshness(column, within="2 days" if column == "seen" else "0 days"))


def test_a_table_without_rows_is_not_fresh(connection: TaskConnection) -> None:
    connection.execute("delete from staging.visits")
    assert "no row has a value in seen" in failure(connection, freshness("seen", within="2 days"))


def test_a_check_names_a_table_of_its_own_and_quotes_what_must_be_quoted(connection: TaskConnection) -> None:
    connection.execute('create table "Odd ""name" as select null::int as "A:b", 1 as "select"')
    told = failure(connection, not_null("A:b", "select", table='"Odd ""name"'), table=None)
    assert 'not_null(A:b, select) on "Odd ""name": of 1 rows 1 without A:b' in told


def test_a_check_sees_what_its_transaction_has_done_and_takes_its_parameters(connection: TaskConnection) -> None:
    connection.end(commit=True)
    connection.execute("update staging.visits set amount = -1 where id = 3")
    told = failure(
        connection, check("select id\nfrom staging.visits where amount < :least -- no end;", name="x"), least=0
    )
    assert "check(x): it finds 1 row\n    id=3" in told


def test_a_check_that_cannot_be_asked_is_no_failed_check(connection: TaskConnection) -> None:
    connection.end(commit=True)
    column = refusal(connection, not_null("persn"))
    assert isinstance(column, SqlError)
    assert column.message.startswith('pipeline.py:7: not_null(persn):1: column "persn" does not exist')
    connection.end(commit=False)
    own = refusal(connection, check("select * from staging.visits\nwhere persn = 1", name="x"))
    assert own.message.startswith(
        'pipeline.py:7: check(x):2: column "persn" does not exist\n  where persn = 1\n        ^'
    )
    connection.end(commit=False)
    table = refusal(connection, row_count(min=1), table="staging.vists")
    assert isinstance(table, ConfigurationError)
    assert "pipeline.py:7: row_count(min=1): there is no table staging.vists" in table.message
    connection.end(commit=False)
    span = refusal(connection, freshness("seen", within="2 dayz"))
    assert isinstance(span, ConfigurationError)
    assert "within='2 dayz' is no time span" in span.message


def test_a_check_cannot_change_anything(connection: TaskConnection) -> None:
    text = "with gone as (delete from staging.visits returning *) select * from gone"
    assert isinstance(refusal(connection, check(text)), SqlError)


def test_checks_keep_the_tasks_deadline(connection: TaskConnection) -> None:
    import time

    connection.deadline = time.monotonic() + 0.2
    assert isinstance(refusal(connection, check("select pg_sleep(60)")), DeadlineExceeded)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (row_count(), "row_count(): needs min=, max= or both"),
        (row_count(min=2, max=1), "row_count(min=2, max=1): min is larger than max"),
        (row_count(min=-1), "whole numbers from 0"),
        (not_null(), "not_null(): names no column"),
        (unique(1), "1 is not the name of a column"),  # type: ignore[arg-type]
        (freshness("day", within=" "), "within= must be a time span"),
        (reconcile("select 1", "select 2", tolerance=-1), "tolerance=-1 must be a number from 0"),
        (reconcile("select 1", "select 2; select 3"), "its SQL must be one statement, not 2"),
        (check("delete from visits"), "its SQL must be a query, not DELETE"),
        (check("bad.sql"), "'bad.sql' is not SQL text"),
        (check("select 'open"), "its SQL:1: "),
        (check("select :dayz"), "unknown parameter :dayz"),
        (row_count, "is not a check; write one like row_count(min=1)"),
    ],
)
def test_a_check_that_is_written_wrongly_is_told_without_a_database(rule: Any, told: str) -> None:
    [mistake] = mistakes([rule], "t", {"days": 1})
    assert told in mistake


def test_a_check_of_a_task_without_a_table_must_name_one() -> None:
    rules = [row_count(min=1), unique("a", table="t"), check("select 1")]
    assert mistakes(rules, None, {}) == ["row_count(min=1): give the table that it is about, table='schema.name'"]
