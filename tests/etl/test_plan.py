"""Plans are complete, without overlap, exact, and never split a key, on awkward tables of all kinds."""

import random
from collections import Counter

import psycopg
import pytest

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import connect
from stepwell.etl.plan import Plan, Table, find_table, make_plan
from stepwell.etl.ranges import predicate


def planned(url: str, by: tuple[str, ...], size: int, table: str = "item") -> tuple[Table, Plan, list[list[tuple]]]:
    """The plan of a table, and the rows (id, key …) that each of its chunks finds."""
    with connect(url, "test") as connection:
        found = find_table(connection, table, by)
        plan = make_plan(connection, found, size)
        connection.end(commit=False)
        rows = []
        columns = ", ".join(f'"{name}"' for name in by)
        for chunk in plan.chunks:
            condition, values = predicate(chunk.range, found.key, "", 1)
            query = f"select id, {columns} from {table} where {condition}"
            rows.append(psycopg.RawCursor(connection).execute(query, values).fetchall())
        return found, plan, rows


def must_hold(url: str, by: tuple[str, ...], size: int, exact: bool = True) -> tuple[Plan, list[list[tuple]]]:
    """The laws: each row in one chunk, counted right, no key in two, no chunk too large that holds several keys."""
    _, plan, rows = planned(url, by, size)
    with psycopg.connect(url) as admin:
        everything = sorted(row[0] for row in admin.execute("select id from item"))
    assert sorted(row[0] for chunk in rows for row in chunk) == everything
    assert [chunk.rows for chunk in plan.chunks] == [len(chunk) for chunk in rows]
    assert plan.rows == len(everything)
    keys = Counter(key for chunk in rows for key in {row[1:] for row in chunk if None not in row[1:]})
    assert set(keys.values()) <= {1}
    assert [chunk.number for chunk in plan.chunks] == list(range(1, len(plan.chunks) + 1))
    for chunk, found in zip(plan.chunks, rows, strict=True):
        assert (chunk.rows > size) == (chunk.number in plan.oversized)
        if chunk.range.null is None and exact and len({row[1:] for row in found}) > 1:
            assert chunk.rows <= size
    ranges = [chunk.range for chunk in plan.chunks if chunk.range.null is None]
    assert ranges[0].lo is None
    assert ranges[-1].hi is None
    assert [each.hi for each in ranges[:-1]] == [each.lo for each in ranges[1:]]
    return plan, rows


def make(url: str, columns: str, rows: str, index: str | None = None) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create table item (id bigint generated always as identity, {columns})")
        admin.execute(f"insert into item ({', '.join(part.split()[0] for part in columns.split(','))}) {rows}")
        if index:
            admin.execute(f"create index on item ({index})")


def other_collation(url: str) -> str:
    """One that does not sort by bytes, where this server has one."""
    with psycopg.connect(url) as admin:
        row = admin.execute(
            "select collname from pg_collation where collname ~ 'en.US|en-x-icu' "
            "and collencoding in (-1, pg_char_to_encoding(getdatabaseencoding())) order by collname limit 1"
        ).fetchone()
    return f'collate "{row[0]}"' if row else 'collate "ucs_basic"'


@pytest.mark.parametrize("seed", range(12))
def test_the_laws_hold_for_random_tables(database: str, seed: int) -> None:
    """NULLs in each column, duplicates, few and many values, keys of up to three columns, indexes up and down."""
    chance = random.Random(seed)
    kinds = {
        "int": lambda n: str(chance.randrange(-n, n)),
        "numeric": lambda n: f"{chance.randrange(n)}.{'0' * chance.randrange(1, 3)}",
        "date": lambda n: f"'{2026 + chance.randrange(2)}-{1 + chance.randrange(12):02}-{1 + n % 28:02}'",
        'text collate "C"': lambda n: f"'{chance.choice('aAbBzZä_')}{chance.randrange(n)}'",
        f"text {other_collation(database)}": lambda n: f"'{chance.choice('aAbBzZäé-')}{chance.randrange(n)}'",
        "timestamptz": lambda n: f"timestamptz '2026-03-29 00:30+00' + interval '{chance.randrange(n)} min'",
        "boolean": lambda n: chance.choice(("true", "false")),
        "double precision": lambda n: chance.choice(("'NaN'", "'-Infinity'", "0.1", str(chance.random()))),
    }
    count = chance.choice((1, 2, 3))
    chosen = [chance.choice(list(kinds)) for _ in range(count)]
    spread = [chance.choice((1, 3, 40, 1000)) for _ in range(count)]
    nulls = [chance.choice((0, 0, 0.02, 0.3)) for _ in range(count)]
    rows = [
        ", ".join(
            "null" if chance.random() < empty else kinds[kind](many)
            for kind, many, empty in zip(chosen, spread, nulls, strict=True)
        )
        for _ in range(chance.choice((1, 60, 700)))
    ]
    names = [f"k{i}" for i in range(count)]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, chosen, strict=True))
    order = " desc" if chance.random() < 0.3 else ""
    index = ", ".join(name + order for name in names) if chance.random() < 0.7 else None
    make(database, columns, f"values {', '.join(f'({row})' for row in rows)}", index)
    for size in (1, 7, 50, 5000):
        must_hold(database, tuple(names), size, exact=index is not None)


@pytest.mark.parametrize("index", ["a", None])
def test_an_empty_table_is_one_open_chunk_and_one_for_nulls(database: str, index: str | None) -> None:
    make(database, "a int", "select 1 where false", index)
    plan, _ = must_hold(database, ("a",), 10)
    assert [(chunk.rows, chunk.range.null) for chunk in plan.chunks] == [(0, None), (0, 0)]


def test_a_single_row_is_one_open_chunk(database: str) -> None:
    make(database, "a int not null", "values (5)", "a")
    plan, _ = must_hold(database, ("a",), 10)
    assert [chunk.rows for chunk in plan.chunks] == [1]


def test_chunks_have_exactly_the_rows_wanted(database: str) -> None:
    make(database, "a int not null", "select i from generate_series(1, 1000) i", "a")
    plan, _ = must_hold(database, ("a",), 100)
    assert [chunk.rows for chunk in plan.chunks] == [100] * 10


def test_a_giant_key_stands_alone_and_is_told(database: str) -> None:
    make(
        database,
        "a int, b int",
        "select 5, 7 from generate_series(1, 300) union all select i, 1 from generate_series(1, 100) i",
        "a, b",
    )
    plan, rows = must_hold(database, ("a", "b"), 40)
    (number,) = plan.oversized
    assert {row[1:] for row in rows[number - 1]} == {(5, 7)}
    assert plan.chunks[number - 1].rows == 300


def test_a_giant_key_at_the_end_and_at_the_beginning_stands_alone(database: str) -> None:
    make(
        database,
        "a int",
        "select 1 from generate_series(1, 50) union all select 9 from generate_series(1, 50) union all select 5",
        "a",
    )
    plan, _ = must_hold(database, ("a",), 10)
    assert [chunk.rows for chunk in plan.bounded] == [50, 1, 50]
    assert plan.oversized == (1, 3)


def test_a_key_as_large_as_a_chunk_is_not_oversized(database: str) -> None:
    make(database, "a int", "select i / 10 from generate_series(0, 99) i", "a")
    plan, _ = must_hold(database, ("a",), 10)
    assert [chunk.rows for chunk in plan.bounded] == [10] * 10
    assert plan.oversized == ()


def test_nulls_in_each_column_have_a_chunk_each(database: str) -> None:
    make(
        database,
        "a int, b int, c int",
        "select nullif(i % 5, 0), nullif(i % 7, 0), nullif(i % 11, 0) from generate_series(1, 500) i",
        "a, b, c",
    )
    plan, _ = must_hold(database, ("a", "b", "c"), 50)
    assert [chunk.range.null for chunk in plan.chunks][-3:] == [0, 1, 2]


def test_columns_that_may_be_null_have_a_chunk_also_if_no_row_has_it_now(database: str) -> None:
    make(database, "a int not null, b int", "select i, i from generate_series(1, 50) i", "a, b")
    plan, _ = must_hold(database, ("a", "b"), 50)
    assert [(chunk.range.null, chunk.rows) for chunk in plan.chunks] == [(None, 50), (1, 0)]


def test_a_table_of_nothing_but_nulls_is_whole(database: str) -> None:
    make(database, "a int", "select null::int from generate_series(1, 30)", "a")
    plan, _ = must_hold(database, ("a",), 10)
    assert [(chunk.range.null, chunk.rows) for chunk in plan.chunks] == [(None, 0), (0, 30)]


def test_a_first_column_that_is_always_the_same_is_cut_by_the_second(database: str) -> None:
    make(database, "a text, b int", "select 'x', i from generate_series(1, 100) i", "a, b")
    plan, _ = must_hold(database, ("a", "b"), 10)
    assert len(plan.bounded) == 10


def test_values_that_are_equal_and_look_different_are_one(database: str) -> None:
    """1.0 and 1.00 are the same number: a bound of each must not cut between them."""
    make(
        database,
        "a numeric, b int",
        "select case i % 3 when 0 then 1 when 1 then 1.0 else 1.00 end, i / 2 from generate_series(1, 200) i",
        "a, b",
    )
    must_hold(database, ("a", "b"), 7)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("drop index item_a_b_idx")
    must_hold(database, ("a", "b"), 7, exact=False)


def test_a_collation_that_ignores_case_keeps_its_keys_together(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        try:
            admin.execute("create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
        except psycopg.errors.FeatureNotSupported:
            pytest.skip("this server is built without ICU")
    make(
        database,
        "a text collate ci, b int",
        "select case i % 2 when 0 then 'Ab' else 'aB' end || i / 50, i / 4 from generate_series(1, 400) i",
        "a, b",
    )
    with connect(database, "test") as connection:
        table = find_table(connection, "item", ("a", "b"))
        plan = make_plan(connection, table, 10)
        count = 0
        for chunk in plan.chunks:
            condition, values = predicate(chunk.range, table.key, "", 1)
            found = psycopg.RawCursor(connection).execute(f"select count(*) from item where {condition}", values)
            assert found.fetchone() == (chunk.rows,)
            count += chunk.rows
        assert count == 400


def test_rows_that_come_later_are_in_a_chunk(database: str) -> None:
    make(database, "a int not null", "select i from generate_series(100, 200) i", "a")
    with connect(database, "test") as connection:
        table = find_table(connection, "item", ("a",))
        plan = make_plan(connection, table, 10)
        connection.execute("insert into item (a) values (-5), (150), (999)")
        counts = []
        for chunk in plan.chunks:
            condition, values = predicate(chunk.range, table.key, "", 1)
            counts += psycopg.RawCursor(connection).execute(f"select count(*) from item where {condition}", values)
        assert sum(n for (n,) in counts) == 104


def test_without_an_index_the_command_that_makes_one_is_told(database: str) -> None:
    make(database, "a int, b int", "select i % 10, i from generate_series(1, 1000) i")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create index on item (a)")  # of the first column alone
        admin.execute("create index on item (b, a)")
        admin.execute("create index on item (a, b) where a > 3")
        admin.execute("create index on item (a, b desc)")
        admin.execute("create index on item (a, (b + 0))")
    table, plan, _ = planned(database, ("a", "b"), 100)
    assert table.by_index is None
    assert 'CREATE INDEX ON item ("a", "b");' in table.advice()[0]
    assert len(plan.bounded) == 10
    must_hold(database, ("a", "b"), 100, exact=False)


@pytest.mark.parametrize("name", ["n", "before", "total", "begins", "same_first", "keys", "of_key", "ahead"])
@pytest.mark.parametrize("index", [None, "indexed"])
def test_a_column_may_be_called_as_one_likes(database: str, name: str, index: str | None) -> None:
    make(database, f"{name} int", "select i % 10 from generate_series(1, 1000) i", index and name)
    assert len(planned(database, (name,), 100)[1].bounded) == 10


def test_a_primary_key_and_a_longer_index_serve(database: str) -> None:
    make(database, "a int, b int", "select i, i from generate_series(1, 100) i", "a, b")
    assert planned(database, ("a",), 10)[0].by_index == "item_a_b_idx"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("alter table item add primary key (a)")
    assert planned(database, ("a",), 10)[0].by_index == "item_pkey"


def test_a_partitioned_table_is_cut_like_any_other(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create table item (id bigint generated always as identity, a int, b int) partition by range (a)")
        admin.execute("create table item_1 partition of item for values from (0) to (50)")
        admin.execute("create table item_2 partition of item default")
        admin.execute("create index on item (a, b)")
        admin.execute("insert into item (a, b) select i % 100, i from generate_series(1, 1000) i")
    plan, _ = must_hold(database, ("a", "b"), 100)
    assert len(plan.bounded) == 10


@pytest.mark.parametrize(
    ("table", "by", "told"),
    [
        ("nowhere", ("a",), "there is no such table"),
        ("item", ("b",), "has no column 'b'; it has: id, a, j"),
        ("item", ("j",), "cannot be cut into chunks by j"),
        ("seen", ("a",), "only a table can be cut"),
        ("it em", ("a",), "Chunks('it em')"),
    ],
)
def test_what_cannot_be_cut_is_told(database: str, table: str, by: tuple[str, ...], told: str) -> None:
    make(database, "a int, j json", "values (1, '{}')")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create view seen as select * from item")
    with connect(database, "test") as connection, pytest.raises(ConfigurationError, match=r"Chunks|cut") as refused:
        find_table(connection, table, by)
    assert told in str(refused.value)
