"""The planner sees what no rule sees, and what would be slow."""

import pytest

from stepwell.etl.connection import TaskConnection
from stepwell.etl.narrow import Finding, Narrowed, NarrowedStatement, narrow, witness
from stepwell.etl.ranges import Key, Range
from stepwell.etl.script import Script

KEY = Key(("day", "person"), ("date", "text"), (False, False))
RANGES = [
    Range(None, ("2026-01-03", "p5")),
    Range(("2026-01-03", "p5"), ("2026-01-06", "p2")),
    Range(("2026-01-06", "p2"), None),
]


@pytest.fixture
def tables(connection: TaskConnection) -> TaskConnection:
    connection.execute("""
        create table v (id int primary key, day date not null, person text not null, n int);
        insert into v select i, date '2026-01-01' + i % 10, 'p' || i % 7, i from generate_series(1, 5000) i;
        create table t (id int primary key, n int);
        insert into t select id, n from v;
        create table log (id int, n bigint);
        create index v_key on v (day, person);
        analyze;
    """)
    return connection


def told_of(connection: TaskConnection, text: str) -> list[Finding]:
    narrowed = narrow(Script.parse(text, "a.sql"), "v", ("day", "person"), connection)
    return witness(narrowed, connection, RANGES, {"least": 5})


def test_it_has_nothing_to_say_about_a_good_task(tables: TaskConnection) -> None:
    text = """
        create temp table work on commit drop as select id, n from v where n > :least;
        update t set n = t.n + w.n from work w where w.id = t.id;
        insert into log select v.id, t.n from v left join t on t.id = v.id where t.n > :least;
        update v set n = (select max(w.n) from v w where w.day = v.day and w.person = v.person);
    """
    assert told_of(tables, text) == []
    assert tables.execute("select count(*) from log").fetchone() == (0,)


def test_what_an_empty_chunk_reads_is_told(tables: TaskConnection) -> None:
    """A statement that no rule would let pass: the visits' other side comes once per chunk."""
    statement = NarrowedStatement(
        ("insert into log select t.id, 1 from t left join (select * from v where ", ") w using (id)"),
        ('"v"',),
        (),
        1,
        KEY,
    )
    told = witness(Narrowed("v", KEY, (statement,), ""), tables, [], {})
    assert told == [Finding(1, "an empty chunk would still read t", True)]


def test_a_row_out_of_nothing_is_told(tables: TaskConnection) -> None:
    statement = NarrowedStatement(("insert into log select count(*), 1 from v where ", ""), ('"v"',), (), 1, KEY)
    told = witness(Narrowed("v", KEY, (statement,), ""), tables, [], {})
    assert told == [Finding(1, "an empty chunk would still give rows", True)]


def test_a_missing_index_is_told(tables: TaskConnection) -> None:
    tables.execute("drop index v_key")
    told = told_of(tables, "insert into log select id, n from v;")
    assert told == [Finding(1, "a chunk reads all of v: create an index on (day, person)", False, unindexed=True)]


def test_an_estimate_that_is_far_off_is_told(tables: TaskConnection) -> None:
    """Statistics of a table that was smaller."""
    tables.execute("delete from v where id > 10; analyze v")
    tables.execute("insert into v select i, '2026-01-04', 'p1', 1 from generate_series(11, 9000) i")
    told = told_of(tables, "insert into log select id, n from v;")
    assert any("ANALYZE" in finding.text and not finding.fatal for finding in told)
