"""Files as the source of a load."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell import csv_files, jsonl_files
from stepwell.errors import ConfigurationError, DataError
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.load import Loaded, load
from stepwell.etl.options import Options
from stepwell.etl.sources import Source

MAKE = """
create table visits (id int primary key, day date, person varchar(12) not null default 'nobody', amount numeric(12, 2),
  tags text[], doc jsonb, check (amount < 1000));
insert into visits values (-1);
"""


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(MAKE)
        yield connection


@pytest.fixture
def connection(database: str, admin: Any) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        yield leased


Loads = Callable[..., Loaded]


@pytest.fixture
def loads(connection: TaskConnection, tmp_path: Path) -> Loads:
    def run(source: Source, options: Options | None = None, into: str = "visits", **params: Any) -> Loaded:
        told = load(connection, into, source, params, None, options, str(tmp_path))
        connection.end(commit=True)
        return told

    return run


def rows(admin: Any, columns: str = "id, person, amount::text", table: str = "visits") -> list[Any]:
    return list(admin.execute(f"select {columns} from {table} order by id").fetchall())


# CSV


def test_the_headers_names_are_the_tables_columns(loads: Loads, admin: Any, tmp_path: Path) -> None:
    """In any order; a column that is not in the file takes its default, an empty field is NULL, a quoted one is not."""
    (tmp_path / "a.csv").write_text('amount, id\n1.5,1\n,2\n"3",3\n')
    assert loads(csv_files("a.csv")) == Loaded(3, 3)
    assert rows(admin) == [(1, "nobody", "1.50"), (2, "nobody", None), (3, "nobody", "3.00")]
    (tmp_path / "b.csv").write_text('id,person\n1,""\n2,"a ""b"",\nc"\n')
    loads(csv_files("b.csv"))
    assert rows(admin) == [(1, "", None), (2, 'a "b",\nc', None)]


@pytest.mark.parametrize("drift", ["fail", "ignore"])
def test_files_of_a_glob_are_one_load_each_with_its_own_header(
    loads: Loads, admin: Any, tmp_path: Path, drift: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_bytes(b"\xef\xbb\xbfid,person\r\n1,a\r\n2,b\r\n")
    (tmp_path / "in/2.csv.gz").write_bytes(gzip.compress(b"person,amount,id\nc,7,3\n"))
    (tmp_path / "in/3.csv").write_text("")
    (tmp_path / "in/4.csv").write_text("id\n")
    assert loads(csv_files("in/*"), Options(drift=drift)).rows == 3
    assert rows(admin) == [(1, "a", None), (2, "b", None), (3, "c", "7.00")]


def test_columns_are_renamed_or_named(loads: Loads, admin: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Visit no;Who's there\n1;a\n")
    loads(csv_files("a.csv", delimiter=";", columns={"Visit no": "id", "Who's there": "person"}))
    assert rows(admin) == [(1, "a", None)]
    (tmp_path / "b.csv").write_text("7\t'it''s'\tNULL\n")
    loads(csv_files("b.csv", header=False, columns=("id", "person", "amount"), delimiter="\t", quote="'", null="NULL"))
    assert rows(admin) == [(7, "it's", None)]


def test_another_encoding_is_read(loads: Loads, admin: Any, tmp_path: Path) -> None:
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "a.csv").write_text("id,person\n1,größe\n", encoding=encoding)
        loads(csv_files("a.csv", encoding=encoding))
        assert rows(admin) == [(1, "größe", None)]


def test_the_path_takes_the_runs_parameters(loads: Loads, admin: Any, tmp_path: Path) -> None:
    (tmp_path / "2026-01-01.csv").write_text("id\n1\n")
    assert loads(csv_files("{day}.csv"), day="2026-01-01").rows == 1
    with pytest.raises(ConfigurationError, match="asks for the parameter 'day'; known: other"):
        loads(csv_files("{day}.csv"), other=1)


def test_columns_that_the_table_does_not_have_follow_drift(loads: Loads, admin: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,extra,person\n1,x,a\n")
    with pytest.raises(
        ConfigurationError, match=r"a\.csv: the file gives columns that public\.visits does not have: ext"
    ):
        loads(csv_files("a.csv"))
    assert loads(csv_files("a.csv"), Options(drift="ignore")).rows == 1
    assert rows(admin, "id, person") == [(1, "a")]
    assert loads(csv_files("a.csv"), Options(drift="add")).rows == 1
    assert rows(admin, "id, person, extra") == [(1, "a", "x")]


def test_a_new_table_gets_columns_of_text(loads: Loads, admin: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,extra\n1,x\n")
    loads(csv_files("a.csv"), into="fresh")
    assert rows(admin, "id, extra", "fresh") == [("1", "x")]


def test_files_are_upserted_by_their_key(loads: Loads, admin: Any, tmp_path: Path) -> None:
    options = Options("incremental", ("id",), "day", pipeline="p", task="t", run="r")
    for text in ("id,day,person\n1,2026-01-01,a\n2,2026-01-02,b\n", "id,day,person\n2,2026-01-03,new\n"):
        (tmp_path / "a.csv").write_text(text)
        told = loads(csv_files("a.csv"), options)
    assert (told.rows, told.watermark) == (1, "2026-01-03")
    assert rows(admin, "id, person") == [(-1, "nobody"), (1, "a"), (2, "new")]


def test_memory_does_not_grow_with_a_file(
    admin: Any, database: str, tmp_path: Path, peak_memory: Callable[[str], int]
) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt", compresslevel=1) as file:
        file.write("id,tags\n")
        for number in range(150_000):
            file.write(f'{number},"{{{"x" * 1000}}}"\n')
    code = f"""
from stepwell import csv_files
from stepwell.etl.connection import connect
from stepwell.etl.load import load
with connect({database!r}, "test") as connection:
    assert load(connection, "visits", csv_files("a.csv.gz"), {{}}, None, None, {str(tmp_path)!r}).rows == 150000
"""
    assert peak_memory(code) < 100


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"id,amount\n1,2\n2,abc\n3,x\n", r'a\.csv:3: invalid input syntax for type numeric: "abc": \{'),
        (b"id,amount\n1,2\n2,abc\n3,x\n", r'a\.csv:4: invalid input syntax for type numeric: "x"'),
        (b"id,amount\n1,2\n2\n", r'a\.csv:3: 1 fields instead of 2: "2"'),
        (b"id,amount\n1,2\n2,3,4\n", r"a\.csv:3: 3 fields instead of 2"),
        (b'id,person\n1,"a\nb"\n2,"\xff"\n', r"a\.csv:4: invalid byte sequence for encoding UTF8: 0xff"),
        (b'id,person\n1,"a\nb\n', r"a\.csv:2: unterminated CSV quoted field"),
        (b"id,amount\n1,2\n2,5000\n", r'a\.csv:3: .*violates check constraint "visits_amount_check"'),
        (b"id,person\n1,a\n2,\n", r'a\.csv:3: null value in column "person" of relation "visits"'),
        (b"id,person\n1,much too long a name\n", r"a\.csv:2: value too long for type character varying\(12\)"),
        (b"id,person\n1,a\n1,b\n", r'a\.csv:3: duplicate key value .*"visits_pkey": Key \(id\)=\(1\) already exists'),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(
    loads: Loads, connection: TaskConnection, admin: Any, tmp_path: Path, content: bytes, part: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=part):
        loads(csv_files("a.csv"))
    connection.end(commit=False)
    assert rows(admin, "id") == [(-1,)]


@pytest.mark.parametrize(
    ("source", "kind", "part"),
    [
        (csv_files("nowhere/*.csv"), ConfigurationError, r"there is no file 'nowhere/\*\.csv' to load \(looked for /"),
        (csv_files("cut.gz"), DataError, r"cut\.gz: the gzipped file is broken or cut off"),
        (csv_files("spoiled.gz"), DataError, r"spoiled\.gz: the gzipped file is broken or cut off"),
        (csv_files("twice.csv"), ConfigurationError, r"twice\.csv:1: the header has the column 'id' twice"),
        (csv_files("unnamed.csv"), ConfigurationError, r"unnamed\.csv:1: .*a column without a name: id, , b"),
        (csv_files("twice.csv", encoding="klingon"), ConfigurationError, "there is no encoding 'klingon'"),
        (csv_files("utf.csv", encoding="ascii"), DataError, r"utf\.csv: it is not ascii"),
    ],
)
def test_files_that_cannot_be_read_are_said_to_be_so(
    loads: Loads, tmp_path: Path, source: Source, kind: type[Exception], part: str
) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"id\n" + b"1\n" * 1000)[:-12])
    (tmp_path / "spoiled.gz").write_bytes(gzip.compress(b"id\n1\n")[:12] + b"\xff" * 20)
    (tmp_path / "twice.csv").write_text("id,id\n")
    (tmp_path / "unnamed.csv").write_text("id,,b\n")
    (tmp_path / "utf.csv").write_text("id,person\n1,ö\n")
    with pytest.raises(kind, match=part):
        loads(source)


def test_a_line_that_older_servers_take_for_the_end_of_all_rows_is_refused_there(
    loads: Loads, connection: TaskConnection, admin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.execute("create table notes (note text)")
    (tmp_path / "a.csv").write_text("note\na\n\\.\nb\n")
    if admin.info.server_version >= 180000:
        assert loads(csv_files("a.csv"), into="notes").rows == 3
    monkeypatch.setattr("stepwell.etl.sources.reading._NO_END", 10**9)
    for lot in (256, 7, 8, 9):
        monkeypatch.setattr("stepwell.etl.sources.reading.LOT", lot)
        with pytest.raises(DataError, match=r"a\.csv: a line is \\\. alone"):
            loads(csv_files("a.csv"), into="notes")
        connection.end(commit=False)


def test_what_cannot_describe_a_file_is_refused_where_it_is_said() -> None:
    with pytest.raises(ConfigurationError, match="needs the names in order"):
        csv_files("a.csv", header=False)
    with pytest.raises(ConfigurationError, match="one ASCII character"):
        csv_files("a.csv", delimiter="||")


# JSON lines


def test_the_keys_of_each_line_are_the_tables_columns(loads: Loads, admin: Any, tmp_path: Path) -> None:
    """Numbers keep their digits, arrays and objects arrive as such, blank lines are none."""
    lines = [
        '{"id": 1, "person": "a\\tb\\\\c \\u00f6", "amount": 123.45}',
        "",
        '{"doc": {"n": 12345678901234567890.123456789}, "tags": ["x", "y,z", null], "id": 2, "person": "b"}',
        '{"id": 3, "person": "c", "day": "2026-01-01", "doc": null}',
    ]
    (tmp_path / "a.jsonl").write_text("\r\n".join(lines))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id": 4, "person": "d"}\n'))
    assert loads(jsonl_files("*.jsonl*")) == Loaded(4, 4)
    assert rows(admin, "id, person, day::text, amount::text, tags, doc::text") == [
        (1, "a\tb\\c ö", None, "123.45", None, None),
        (2, "b", None, None, ["x", "y,z", None], '{"n": 12345678901234567890.123456789}'),
        (3, "c", "2026-01-01", None, None, None),
        (4, "d", None, None, None, None),
    ]


def test_a_key_that_comes_late_is_known_before_a_row_moves(
    loads: Loads, connection: TaskConnection, admin: Any, tmp_path: Path
) -> None:
    lines = [json.dumps({"id": number, "person": "a"}) for number in range(5000)]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, '{"id": 5000, "person": "b", "late": [1]}']))
    with pytest.raises(ConfigurationError, match="does not have: late text"):
        loads(jsonl_files("a.jsonl"))
    connection.end(commit=False)
    assert loads(jsonl_files("a.jsonl"), Options(drift="add")).rows == 5001
    assert admin.execute("select late from visits where id = 5000").fetchall() == [("[1]",)]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('{"id": 3, "person": "c"', r"b\.jsonl:3: invalid input syntax for type json"),
        ("[1]", r"b\.jsonl:3: a line must be a JSON object, and this one is of type array"),
        ('{"id": "x", "person": "c"}', r'b\.jsonl:3: invalid input syntax for type integer: "x"'),
        ('{"id": 3, "person": null}', r'b\.jsonl:3: null value in column "person" of relation "visits"'),
        ('{"id": 3, "person": "much too long a name"}', r"b\.jsonl:3: value too long"),
    ],
)
def test_a_bad_line_is_named_with_file_and_line(loads: Loads, tmp_path: Path, line: str, part: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "person": "a"}\n\n{"id": 2, "person": "b"}\n')
    (tmp_path / "b.jsonl").write_text(f'\n{{"id": 9, "person": "b"}}\n{line}\n')
    with pytest.raises(DataError, match=part):
        loads(jsonl_files("*.jsonl"))


def test_files_without_an_object_have_no_columns(loads: Loads, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(ConfigurationError, match=r"a\.jsonl: there is not one JSON object"):
        loads(jsonl_files("a.jsonl"))
