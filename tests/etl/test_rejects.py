"""Bad rows are set aside beside the table, up to a limit, and the good ones are loaded."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell import csv_files, jsonl_files
from stepwell.errors import DataError, SqlError
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.load import Loaded, load
from stepwell.etl.options import Options
from stepwell.etl.script import Script
from stepwell.etl.sources import Source
from stepwell.pipeline.deadline import Deadline

MAKE = """
create table kinds (kind text primary key); insert into kinds values ('a'), ('b');
create table visits (id int primary key, amount numeric(6, 2) check (amount >= 0), note varchar(5));
insert into visits values (-1);
create table source as select g as id, case g when 7 then 'abc' when 700 then '-1' else g::text end as amount,
  case g when 1999 then 'much too long' else 'n' || g % 10 end as note from generate_series(1, 2000) g;
insert into source values (5, '5', 'twin'), (null, '1', 'none');
"""
QUERY = "select id, amount::text as amount, note from source"
# As the query that gives text is refused where it stays in the database, it gives numbers there.
NUMBERS = "select id, case when amount = 'abc' then -7 else amount::numeric end as amount, note from source"
WHO = Options(rejects=10, pipeline="p", task="t", run="r", place="pipeline.py:3")
BAD = [
    ('new row for relation "visits" violates check constraint "visits_amount_check"', 7),
    ('new row for relation "visits" violates check constraint "visits_amount_check"', 700),
    ("value too long for type character varying(5)", 1999),
    ('duplicate key value violates unique constraint "visits_pkey": Key (id)=(5) already exists.', 5),
    ('null value in column "id" of relation "visits" violates not-null constraint', None),
]


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(MAKE)
        yield connection


@pytest.fixture
def connection(database: str, admin: Any) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        yield leased


def loaded(
    connection: TaskConnection,
    given: str | Source,
    options: Options = WHO,
    source: str | None = None,
    folder: Path = Path(),
    **params: Any,
) -> Loaded:
    what = Script.parse(given, "sql/q.sql") if isinstance(given, str) else given
    told = load(connection, "visits", what, params, source, options, str(folder))
    connection.end(commit=True)
    return told


def rejects(admin: Any, columns: str = "error, (row ->> 'id')::int") -> list[Any]:
    return list(admin.execute(f"select {columns} from visits_rejects order by ctid").fetchall())


@pytest.mark.parametrize("mode", ["swap", "truncate"])
def test_every_bad_row_is_found_and_every_good_one_loaded(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    told = loaded(connection, NUMBERS, WHO._replace(mode=mode))
    assert told == Loaded(1997, 2002, 5)
    assert told.receipt() == {"rows": 1997, "read": 2002, "rejected": 5}
    assert rejects(admin) == BAD
    assert admin.execute("select count(*), min(id), count(distinct id) from visits").fetchone() == (1997, 1, 1997)
    assert (
        '5 bad rows were set aside in "public"."visits_rejects", the first: row 7 of sql/q.sql:1: new row for rel'
        in (capsys.readouterr().out)
    )
    assert admin.execute("select pg_get_constraintdef(oid) from pg_constraint where conname = 'visits_pkey'").fetchall()


def test_the_same_from_another_database(
    connection: TaskConnection, admin: Any, server_url: str, changed: Callable[..., str]
) -> None:
    name = f"etl_rejects_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"create database {name}")
        elsewhere = changed(server_url, database=name)
        try:
            with psycopg.connect(elsewhere, autocommit=True) as source:
                source.execute(MAKE)
            assert loaded(connection, QUERY, source=elsewhere) == Loaded(1997, 2002, 5)
        finally:
            server.execute(f"drop database {name} with (force)")
    assert rejects(admin) == [('invalid input syntax for type numeric: "abc"', 7), *BAD[1:]]
    assert rejects(admin, "pipeline, task, run, place, row")[0] == (
        *("p", "t", "r", "row 7 of sql/q.sql:1"),
        {"id": "7", "amount": "abc", "note": "n7"},
    )


@pytest.mark.parametrize(
    "options",
    [
        WHO._replace(mode="incremental", key=("id",), watermark="amount"),
        WHO._replace(mode="replace", range="id > 0"),
    ],
    ids=lambda options: options.mode,
)
def test_the_same_into_a_part_of_the_table(connection: TaskConnection, admin: Any, options: Options) -> None:
    """An upsert knows no duplicates."""
    told = loaded(connection, NUMBERS.replace("from source", "from source where id is not null"), options)
    upserts = options.mode == "incremental"
    assert (told.rows, told.rejected) == (1997, 3 if upserts else 4)
    found = {number for _, number in rejects(admin)}
    assert found == ({7, 700, 1999} if upserts else {7, 700, 1999, 5})
    assert admin.execute("select count(*) from visits where id > 0").fetchone() == (1997,)


def test_more_bad_rows_than_allowed_fail_the_load_and_are_named(connection: TaskConnection, admin: Any) -> None:
    with pytest.raises(DataError) as caught:
        loaded(connection, NUMBERS, WHO._replace(rejects=4))
    connection.end(commit=False)
    lines = caught.value.message.splitlines()
    assert lines[0] == "sql/q.sql:1: more than the 4 bad rows that rejects= allows, the first of them:"
    assert lines[1].startswith("  row 7 of sql/q.sql:1: new row for relation")
    assert len(lines) == 7
    assert admin.execute("select id from visits").fetchall() == [(-1,)]
    assert admin.execute("select to_regclass('visits_rejects')").fetchone() == (None,)


def test_none_allowed_is_the_default(connection: TaskConnection) -> None:
    with pytest.raises(DataError, match="visits_amount_check"):
        loaded(connection, NUMBERS, Options())


def test_what_no_row_is_to_blame_for_is_raised_as_it_is(connection: TaskConnection, admin: Any) -> None:
    admin.execute(
        "create function f() returns trigger language plpgsql as $$ begin perform nothing; return new; end $$;"
        "create trigger t before insert on visits for each row execute function f()"
    )
    with pytest.raises(SqlError, match="nothing"):
        loaded(connection, "select 1 as id")


def test_a_load_without_bad_rows_makes_no_table_of_them(connection: TaskConnection, admin: Any) -> None:
    assert loaded(connection, NUMBERS + " where id between 10 and 20") == Loaded(11, 11)
    assert admin.execute("select to_regclass('visits_rejects')").fetchone() == (None,)


def test_a_run_keeps_its_bad_rows_once_and_those_of_other_runs(connection: TaskConnection, admin: Any) -> None:
    for run, bad in (("r", 5), ("r", 5), ("s", 10)):
        loaded(connection, NUMBERS, WHO._replace(run=run))
        assert len(rejects(admin)) == bad


def test_bad_records_of_csv_files_are_set_aside_with_file_and_line(
    connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'id,amount,note\r\n1,1,"a\r\nb"\r\n2,x,\r\n3\r\n4,4,a,b\r\n5,5,\xff\r\n6,6,""\r\n7,7,\0\r\n'
    )
    (tmp_path / "b.csv").write_bytes(b'note,id\nok,8\nfar too long,9\n"open,10\n')
    told = loaded(connection, csv_files("*.csv"), folder=tmp_path)
    assert told == Loaded(3, 10, 7)
    assert admin.execute("select id, note from visits order by id").fetchall() == [(1, "a\r\nb"), (6, ""), (8, "ok")]
    assert sorted(rejects(admin, "place, error, row")) == [
        ("a.csv:4", 'invalid input syntax for type numeric: "x"', {"id": "2", "amount": "x", "note": None}),
        ("a.csv:5", "1 fields instead of 3", "3"),
        ("a.csv:6", "4 fields instead of 3", "4,4,a,b"),
        ("a.csv:7", "invalid byte sequence for encoding UTF8: 0xff", "5,5,\\xff"),
        ("a.csv:9", "invalid byte sequence for encoding UTF8: 0x00", "7,7,\\x00"),
        (
            "b.csv:3",
            "value too long for type character varying(5)",
            {"id": "9", "note": "far too long", "amount": None},
        ),
        ("b.csv:4", "unterminated CSV quoted field", '"open,10\n'),
    ]


def test_bad_lines_of_json_are_set_aside_with_file_and_line(
    connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"id": 2, "amount": -1}\n')
    (tmp_path / "b.jsonl").write_bytes(
        b'{"id": 3}\r\n{"id": \n[1]\n{"id": NaN}\n{"id": 4, "note": "\xff"}\n{"id": 5}\n'
    )
    (tmp_path / "c.jsonl").write_text('{"id": "x"}\n{"id": 6, "note": "\\u0000"}\n{"id": 7}')
    told = loaded(connection, jsonl_files("*.jsonl"), folder=tmp_path)
    assert told == Loaded(4, 11, 7)
    assert admin.execute("select id from visits order by id").fetchall() == [(1,), (3,), (5,), (7,)]
    assert sorted(place for (place,) in rejects(admin, "place")) == [
        "a.jsonl:3",
        *("b.jsonl:2", "b.jsonl:3", "b.jsonl:4", "b.jsonl:5"),
        *("c.jsonl:1", "c.jsonl:2"),
    ]
    assert ("c.jsonl:1", {"id": "x"}) in rejects(admin, "place, row")


def test_lines_end_where_copy_ends_them_in_every_encoding(
    connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    """Python's decoders end a line at U+0085 as well, which "…" of Windows is in a file that is taken for latin-1."""
    (tmp_path / "a.csv").write_bytes(b"id,note\n1,a\x85b\n2,c\nx,d\n")
    told = loaded(connection, csv_files("a.csv", encoding="latin-1"), folder=tmp_path)
    assert (told.rows, told.rejected) == (2, 1)
    assert admin.execute("select note from visits order by id").fetchall() == [("a\x85b",), ("c",)]
    assert rejects(admin, "place, row ->> 'id'") == [("a.csv:4", "x")]


def test_blank_lines_are_no_rows_and_half_a_surrogate_pair_is_a_bad_one(
    connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": 1}\n  \n{"id": 2, "note": "\\ud83d"}\n{"id": 3, "note": "\\ud83c\\udfe5"}\n'
    )
    told = loaded(connection, jsonl_files("a.jsonl"), folder=tmp_path)
    assert (told.rows, told.rejected) == (2, 1)
    assert admin.execute("select place from visits_rejects").fetchall() == [("a.jsonl:3",)]


def test_a_quote_that_is_never_closed_does_not_cost_the_square_of_the_file(
    connection: TaskConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text('id,note\n1,"\n' + "2,b\n" * 1_000_000)
    with Deadline("task", 60, None), pytest.raises(DataError, match=r"a\.csv:2: unterminated CSV quoted field"):
        loaded(connection, csv_files("a.csv"), WHO._replace(rejects=0), folder=tmp_path)


def test_files_that_are_bad_through_and_through_are_given_up_early(connection: TaskConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,note\n" + "1;2\n" * 200_000)
    with pytest.raises(DataError, match="more than the 10 bad rows"):
        loaded(connection, csv_files("a.csv"), folder=tmp_path)


def test_the_columns_of_another_load_are_compared_with_the_table_itself(
    connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    """Columns that are left out do not keep a bad row from being found."""
    (tmp_path / "a.csv").write_text("extra,id\nx,1\ny,z\n")
    told = loaded(connection, csv_files("a.csv"), WHO._replace(drift="ignore"), folder=tmp_path)
    assert told == Loaded(1, 2, 1)
    assert rejects(admin, "place, row") == [("a.csv:3", {"id": "z", "extra": "y"})]
