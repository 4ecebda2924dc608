import json
from typing import Any

import pytest


@pytest.fixture
def sql(empty: Any, database: str) -> Any:
    """The command's result for a statement and options."""
    return lambda *arguments, **more: empty.run("sql", *arguments, DATABASE_URL=database, **more)


def test_rows_are_a_table_with_null_and_a_count(sql: Any) -> None:
    done = sql("select * from (values (1, 'one', null), (20, 'two', true)) as t (n, word, flag)")
    assert done.stdout.splitlines() == [
        " n  word  flag",
        " 1  one   NULL",
        "20  two   true",
        "2 rows",
    ]


def test_what_a_statement_changes_is_committed(sql: Any) -> None:
    assert sql("create table kept (a int); insert into kept values (1), (2)").stdout == "CREATE TABLE\nINSERT 0 2\n"
    assert sql("--csv", "select count(*) from kept").stdout == "count\n2\n"
    assert sql("vacuum kept").stdout == "VACUUM\n"


def test_several_statements_are_committed_together_or_not_at_all(sql: Any) -> None:
    assert sql("create table gone (a int); select 1 / 0").returncode == 1
    assert sql("--csv", "select to_regclass('gone') is null as gone").stdout == "gone\ntrue\n"


def test_as_json_rows_are_objects(sql: Any) -> None:
    text = "select 1 as a, null as b, 'ü' as c, date '2026-03-01' as d, array[1, 2] as e, '{\"x\": 1}'::jsonb as f"
    assert json.loads(sql("--json", text).stdout) == [
        {"a": 1, "b": None, "c": "ü", "d": "2026-03-01", "e": [1, 2], "f": {"x": 1}}
    ]


def test_as_csv_null_is_empty(sql: Any) -> None:
    assert sql("--csv", "select null as a, 'x,y' as b, '' as c").stdout == 'a,b,c\n,"x,y",""\n'


def test_a_percent_sign_and_a_colon_are_just_text(sql: Any) -> None:
    assert sql("--csv", "select '100 %s :name' as a").stdout == "a\n100 %s :name\n"


def test_a_statement_can_come_from_stdin(sql: Any) -> None:
    assert sql("--csv", "-", given="select 1 as a;\n").stdout == "a\n1\n"


def test_a_mistake_is_shown_where_it_is(sql: Any) -> None:
    done = sql("select 1,\n  nothere from pg_class")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        'error: column "nothere" does not exist',
        "line 2, column 3:",
        "    nothere from pg_class",
        "    ^",
        "SQLSTATE 42703",
    ]


def test_notices_are_no_part_of_the_answer(sql: Any) -> None:
    done = sql("--csv", "do $$begin raise notice 'careful'; end$$; select 1 as a")
    assert (done.stdout, done.stderr) == ("a\n1\n", "NOTICE: careful\n")


def test_an_address_that_nobody_listens_on_is_a_clear_error(empty: Any) -> None:
    done = empty.run("sql", "select 1", DATABASE_URL="postgresql://me:secret@127.0.0.1:1/nothere")
    assert done.returncode == 2
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_no_statement_is_no_question(sql: Any) -> None:
    assert sql(" ").returncode == 2
