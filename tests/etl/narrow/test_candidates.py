"""By which table and key a task could be cut: the proof is asked, key by key."""

import pytest

from stepwell.errors import NotChunkSafe
from stepwell.etl.narrow.candidates import candidate
from stepwell.etl.script import Script

SCHEMA = """
create table visits (id int primary key, day date not null, person text not null, minutes int);
create index on visits (day, person);
insert into visits select n, date '2026-01-01' + n % 30, 'p' || n % 7, n from generate_series(1, 500) n;
create table people (person text primary key, region text);
insert into people values ('p1', 'north');
create table "Odd" (a int primary key, b int);
insert into "Odd" select n, n from generate_series(1, 900) n;
create table target (id int primary key, minutes int, rank int);
"""


@pytest.fixture
def made(connection):
    connection.execute(SCHEMA)
    return connection


def found(connection, text):
    return candidate(Script.parse(text, "a.sql"), connection)


def test_a_row_by_row_statement_is_cut_by_the_primary_key(made):
    text = "update target t set minutes = v.minutes from visits v where v.id = t.id"
    assert found(made, text) == ("visits", ("id",), 500, True)


def test_a_window_is_cut_by_the_index_of_its_partition(made):
    text = """
    with ranked as (
      select id, rank() over (partition by day, person order by id) as r from visits join people using (person)
    )
    insert into target (id, rank) select id, r from ranked
    """
    assert found(made, text) == ("visits", ("day", "person"), 500, True)


def test_without_an_index_that_fits_a_single_column_is_proposed(made):
    text = "insert into target (id, rank) select id, rank() over (partition by minutes order by id) from visits"
    assert found(made, text) == ("visits", ("minutes",), 500, False)


def test_names_are_written_as_they_can_be_written_again(made):
    assert found(made, 'insert into target (id) select a from "Odd"').table == '"Odd"'


def test_a_total_over_all_rows_is_refused_with_its_reason(made):
    with pytest.raises(NotChunkSafe, match="visits"):
        found(made, "insert into target (id, minutes) select 1, sum(minutes) from visits")
    with pytest.raises(NotChunkSafe, match="reads no table"):
        found(made, "select 1")
