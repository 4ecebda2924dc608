from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stepwell.errors import ConfigurationError, SqlError, TransactionMisuse
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.run import run_script
from stepwell.etl.script import Script


@pytest.fixture
def connection(database: str) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        leased.guarded = True
        yield leased


def run(connection: TaskConnection, text: str, **params: Any) -> int:
    return run_script(connection, Script.parse(text, "a.sql"), params)


def test_changed_rows_are_counted_and_read_rows_are_not(connection: TaskConnection) -> None:
    text = """
    create table a (n int);
    insert into a select generate_series(1, :rows);
    update a set n = n + 1 where n <= 3;
    delete from a where n > 8;
    merge into a using (values (100)) as new (n) on a.n = new.n when not matched then insert values (new.n);
    with gone as (delete from a where n = 100 returning n) insert into a select n from gone;
    select * from a;
    create table b as select * from a;
    """
    assert run(connection, text, rows=10) == 10 + 3 + 2 + 1 + 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (30, "integer"),
        (3_000_000_000, "bigint"),
        (10**30, "numeric"),
        (1.5, "double precision"),
        (True, "boolean"),
        ([1, 2], "integer[]"),
        ([1, 3_000_000_000], "bigint[]"),
        ([[1], [2.5]], "double precision[]"),  # 1.0 is 1 in JSON
        ([-(2**31), None], "integer[]"),
    ],
)
def test_a_number_has_the_type_that_it_would_have_in_the_text(
    connection: TaskConnection, value: object, expected: str
) -> None:
    run(connection, "create table kind as select pg_typeof(:value)::text as name", value=value)
    assert connection.execute("select name from kind").fetchone() == (expected,)


def test_small_numbers_do_not_overflow_and_texts_take_the_type_that_is_needed(connection: TaskConnection) -> None:
    text = """
    create table t as
    select :a * :b as n, date '2026-03-01' - :days as d, :since::date + 1 as s, :j::jsonb ->> 'x' as x
    """
    run(connection, text, a=200, b=200, days=30, since="2026-01-31", j={"x": "it's"})
    row = connection.execute("select n, d::text, s::text, x from t").fetchone()
    assert row == (40000, "2026-01-30", "2026-02-01", "it's")


def test_a_value_is_never_read_as_sql(connection: TaskConnection) -> None:
    evil = "'; drop table a; --"
    run(connection, "create table a (t text); insert into a values (:evil)", evil=evil)
    assert connection.execute("select t from a").fetchone() == (evil,)


def test_percent_signs_are_left_alone(connection: TaskConnection) -> None:
    assert run(connection, "create table a as select 'x' as t; update a set t = '50%s' where t like 'x%'") == 1


def test_a_missing_parameter_is_named_before_its_statement_runs(connection: TaskConnection) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.sql:2: unknown parameter :days"):
        run(connection, "select 1;\nselect :days")


@pytest.mark.parametrize(
    "text", ["commit", "BEGIN", "start transaction", "end", "rollback work", "abort", "prepare transaction 'x'"]
)
def test_a_transaction_cannot_be_ended_by_a_file_and_nothing_of_it_runs(connection: TaskConnection, text: str) -> None:
    with pytest.raises(TransactionMisuse, match=r"a\.sql:2: "):
        run(connection, f"create table a (n int);\n{text}")
    assert connection.execute("select to_regclass('a')").fetchone() == (None,)


def test_savepoints_are_allowed(connection: TaskConnection) -> None:
    run(
        connection,
        "create table a (n int); savepoint s; drop table a; rollback to savepoint s; insert into a values (1)",
    )
    assert connection.execute("select n from a").fetchone() == (1,)


@pytest.mark.parametrize("head", ["", "with x as (select 1), y (a) as materialized (values (2)) "])
def test_a_query_without_use_does_not_fill_memory(database: str, peak_memory: Callable[[str], int], head: str) -> None:
    code = f"""
from stepwell.etl.connection import connect
from stepwell.etl.run import run_script
from stepwell.etl.script import Script
query = Script.parse("{head}select repeat('x', 1000) from generate_series(1, 200000)", "a.sql")
with connect({database!r}, "test") as connection:
    run_script(connection, query, {{}})
"""
    assert peak_memory(code) < 100  # the rows are 200 MB


def test_select_into_makes_its_table(connection: TaskConnection) -> None:
    run(connection, "select 1 as n into a; table a; values (1)")
    assert connection.execute("select n from a").fetchone() == (1,)


def test_an_error_in_a_query_that_is_read_away_has_its_place(connection: TaskConnection) -> None:
    with pytest.raises(SqlError, match=r"a\.sql:3: "):
        run(connection, "select 1;\nselect\n  nothing")
