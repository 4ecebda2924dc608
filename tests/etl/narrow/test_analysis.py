"""What the analysis accepts, refuses and tells, on tables made for the case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.errors import ConfigurationError, NotChunkSafe
from stepwell.etl.connection import TaskConnection
from stepwell.etl.narrow import Narrowed, narrow
from stepwell.etl.ranges import Range
from stepwell.etl.script import Script

EXAMPLE = Path(__file__).parents[3] / "examples" / "visits"
SCHEMA = """
create table v (id int primary key, day date, person text, n int not null, code text not null unique);
create table t (id int primary key, day date, person text, n int, label text);
create table log (id int, what text, n bigint);
"""
# As an ICU collation that ignores case would be, which not every build of PostgreSQL has.
VAGUE = """
create collation nd (provider = libc, locale = 'C');
update pg_collation set collisdeterministic = false where collname = 'nd';
"""
Try = Callable[..., Narrowed]


@pytest.fixture
def attempt(connection: TaskConnection) -> Try:
    """`attempt(sql, schema="more tables", by=…, functions=…)`: narrowed, or NotChunkSafe."""

    def run(text: str, schema: str = "", by: tuple[str, ...] = ("day", "person"), **options: Any) -> Narrowed:
        connection.execute("drop schema public cascade; create schema public")
        connection.execute(SCHEMA + schema)
        return narrow(Script.parse(text, "a.sql"), options.pop("table", "v"), by, connection, **options)

    return run


def refusal(attempt: Try, text: str, schema: str = "", **options: Any) -> str:
    with pytest.raises(NotChunkSafe) as caught:
        attempt(text, schema, **options)
    return caught.value.message


def test_the_example_is_chunk_safe(connection: TaskConnection) -> None:
    """A MERGE over WITH queries and windows; its target is tied by the primary key of the driving row."""
    connection.execute((EXAMPLE / "schema.sql").read_text())
    script = Script.parse((EXAMPLE / "sql" / "task_02.sql").read_text(), "task_02.sql")
    narrowed = narrow(script, "staging.visits", ("visit_date", "person"), connection)
    [statement] = narrowed.statements
    text, values = statement.render(Range(("2026-01-01", "a"), ("2026-01-02", "b")))
    assert "(SELECT * FROM staging.visits WHERE (" in text
    assert values == ["2026-01-01", "a", "2026-01-02", "b"]
    assert statement.names == ("as_of",)
    assert narrowed.warnings == ()


# How it is told


def test_a_refusal_tells_construct_place_reason_and_three_ways_out(attempt: Try) -> None:
    told = refusal(attempt, "-- é\ninsert into log\n  select max(id), 'é', sum(n) from v;")
    assert "a.sql:3:10: aggregate without GROUP BY: each chunk would give a row of its own" in told
    assert "rewrite: group by (day, person)" in told
    assert "move: put this statement into a task of its own" in told
    assert "/*chunk:v*/ true" in told


def test_all_refusals_are_told_at_once(attempt: Try) -> None:
    told = refusal(attempt, "insert into log select id, :a, random() from v limit :b;\n\ndelete from log;")
    assert "a.sql:1:32: function random()" in told
    assert "a.sql:1:54: LIMIT" in told
    assert "a.sql:3:13: DELETE of log" in told


def test_places_are_those_of_the_file_though_parameters_were_replaced(attempt: Try) -> None:
    told = refusal(attempt, "insert into log select :a_long_name::int, :another_name, random() from v;")
    assert "a.sql:1:58: function random()" in told


def test_what_is_not_on_the_list_is_refused(attempt: Try) -> None:
    """Nothing unknown is harmless: the constructs are a closed list."""
    for text in (
        "insert into log select id, x.a, 1 from v, xmltable('/a' passing '<a/>' columns a text) x;",
        "insert into log select id, 'a', json_arrayagg(n) from v group by id, day, person;",
        "insert into log select id, 'a', grouping(id) from v group by id;",
        "notify nobody;",
        "insert into log select ctid::text::int, 'a', 1 from v;",
        "select * into temp x from v;",
        "set local search_path = other; insert into log select id, 'a', 1 from v;",
        "create temp table x as select * from v;",
        "drop table if exists log; insert into log select id, 'a', 1 from v;",
        "copy v to stdout;",
        "analyze v;",
        "lock table v;",
        "insert into log select 1, 'a', 1;",
    ):
        assert refusal(attempt, text)


def test_what_the_parser_does_not_know_is_refused(attempt: Try) -> None:
    assert "a.sql:2:13: syntax" in refusal(attempt, "insert into log\nselect from from v;")


# What a row may be told by


@pytest.mark.parametrize(
    ("index", "accepted"),
    [
        ("create unique index on u (code)", True),
        ("create unique index on u (code) include (n)", True),
        ("create unique index on u (code, id)", False),
        ("create unique index on u (code) where n > 0", False),
        ("create unique index on u (lower(code))", False),
        ("alter table u add unique (code) deferrable", False),
        ("create unique index on u (code); alter table u alter code drop not null", False),
        ("alter table u alter code type text collate nd; create unique index on u (code)", False),
    ],
)
def test_a_unique_column_counts_only_if_no_two_rows_can_ever_be_equal_in_it(
    attempt: Try, index: str, accepted: bool
) -> None:
    schema = f"""
    {VAGUE}
    create table u (id int not null, day date, person text, n int, code text not null);
    """
    text = "insert into log select max(id), code, count(*) from u group by code;"
    if accepted:
        assert attempt(text, schema + index, table="u")
    else:
        assert "GROUP BY" in refusal(attempt, text, schema + index, table="u")


@pytest.mark.parametrize("type_", ["text collate nd", "pair"])
def test_a_key_must_be_of_a_type_whose_equality_is_the_built_in_one(attempt: Try, type_: str) -> None:
    schema = f"""
    {VAGUE} create type pair as (a int, b int);
    create table u (k {type_});
    """
    with pytest.raises(ConfigurationError, match="nothing can be built"):
        attempt("insert into log select 1, 'a', 1 from u;", schema, table="u", by=("k",))


def test_columns_of_other_types_do_not_carry_the_key(attempt: Try) -> None:
    schema = "create table d (day timestamp, person text, n int, primary key (day, person));"
    text = "update d set n = d.n + v.n from v where v.day = d.day and v.person = d.person;"
    assert "UPDATE of d" in refusal(attempt, text, schema)
    assert attempt(text, schema.replace("timestamp", "date"))


def test_integers_of_any_size_carry_it(attempt: Try) -> None:
    assert attempt("update w set n = 1 from v where v.id = w.id;", "create table w (id bigint primary key, n int);")


def test_a_value_that_may_arrive_changed_does_not_count(attempt: Try) -> None:
    """Two numbers of a visit are one when the target's column cuts them."""
    schema = "create table s (code varchar(2) primary key);"
    text = "insert into s select v.code from v on conflict (code) do nothing;"
    assert "ON CONFLICT" in refusal(attempt, text, schema)
    assert attempt(text, schema.replace("varchar(2)", "text"))


def test_what_the_task_changes_itself_tells_nothing(attempt: Try) -> None:
    text = "insert into log select id, code, count(*) from v group by id, code;"
    assert attempt(text)
    changed = "update v set code = code || 'x'; insert into log select max(id), code, count(*) from v group by code;"
    assert "GROUP BY" in refusal(attempt, changed)


def test_a_name_may_mean_a_column_of_a_function_in_from(attempt: Try) -> None:
    """GROUP BY takes a column of FROM before an output column of the same name."""
    text = "insert into log (id, n) select v.id as part, count(*) from v, unnest(array[1]) as u (part) group by part;"
    assert "GROUP BY" in refusal(attempt, text)


# What stands beside the statement


def test_a_view_is_the_query_that_it_is(attempt: Try) -> None:
    text = "insert into log select v.id, w.label, 1 from v join w on w.id = v.id;"
    assert attempt(text, "create view w as select id, label from t;")
    assert "view over v" in refusal(attempt, text, "create view w as select id, 'x' as label from v;")
    assert "function random()" in refusal(attempt, text, "create view w as select id, random()::text as label from t;")
    nested = "create view x as select id from v; create view w as select id, 'x' as label from x;"
    assert "view over v" in refusal(attempt, text, nested)


def test_a_table_seen_through_a_view_counts_as_read(attempt: Try) -> None:
    schema = "create view w as select what, count(*) as n from log group by what;"
    text = """
    insert into log select id, code, 1 from v;
    update t set n = w.n from v, w where v.id = t.id and w.what = v.code;
    """
    assert "table log" in refusal(attempt, text, schema)


def test_functions_are_refused_unless_they_are_declared(attempt: Try) -> None:
    schema = "create function f(n int) returns int language sql as 'select n + 1';"
    text = "insert into log select id, 'a', f(n) from v;"
    assert "function f()" in refusal(attempt, text, schema)
    assert attempt(text, schema, functions={"f": "adds one"})


def test_an_overload_of_a_built_in_function_is_not_trusted(attempt: Try) -> None:
    schema = "create function lower(n int) returns text language sql volatile as 'select code from v limit 1';"
    assert "function lower()" in refusal(attempt, "insert into log select id, lower(n), 1 from v;", schema)


def test_operators_and_casts_of_somebody_are_not_trusted(attempt: Try) -> None:
    schema = """
    create function f(a int, b int) returns int language sql as 'select count(*)::int from v';
    create operator |+| (leftarg = int, rightarg = int, function = f);
    """
    assert "operator |+|" in refusal(attempt, "insert into log select id, 'a', n |+| 1 from v;", schema)
    schema = """
    create type mood as enum ('good');
    create function f(a int) returns mood language sql as 'select ''good''::mood';
    create cast (int as mood) with function f(int) as assignment;
    """
    assert "cast integer to mood" in refusal(attempt, "insert into log select id, 'a', 1 from v;", schema)


def test_the_default_of_a_column_must_not_number_the_rows(attempt: Try) -> None:
    schema = "create table numbered (no serial primary key, id int);"
    text = "insert into numbered (id) select id from v;"
    assert "default of numbered.no" in refusal(attempt, text, schema)
    assert attempt(text, schema, functions={"nextval": "any number will do"})
    assert attempt("insert into numbered (no, id) select n, id from v;", schema)


def test_rows_that_foreign_keys_take_along_count_as_written(attempt: Try) -> None:
    schema = "create table child (id int references t on delete cascade, what text);"
    text = "delete from t using v where v.id = t.id;"
    assert attempt(text, schema)
    read = "insert into log select v.id, c.what, 1 from v join child c on c.what = v.code;"
    assert "foreign keys to t" in refusal(attempt, text + read, schema)
    schema = "alter table v add foreign key (id) references t on delete cascade;"
    assert "foreign keys to t" in refusal(attempt, text, schema)


def test_a_target_must_be_a_table_that_just_takes_the_rows(attempt: Try) -> None:
    text = "insert into log select id, 'a', 1 from v;"
    assert "rules" in refusal(attempt, text, "create rule r as on insert to log do also delete from t;")
    view = "create view target as select * from log;"
    assert "not a plain table" in refusal(attempt, text.replace("into log", "into target"), view)


def test_row_security_is_refused(attempt: Try) -> None:
    schema = """
    alter table t enable row level security; create role narrow_reader;
    grant all on schema public to narrow_reader; grant all on all tables in schema public to narrow_reader;
    set local role narrow_reader;
    """
    assert "row security" in refusal(attempt, "insert into log select id, t.label, 1 from v join t using (id);", schema)


def test_a_generated_column_changes_with_what_it_is_made_of(attempt: Try) -> None:
    schema = "create table g (a int, id int generated always as (a) stored unique, n int);"
    text = "update g set a = v.n from v where v.id = g.id;"
    assert "UPDATE of g" in refusal(attempt, text, schema)
    assert attempt(text, schema.replace(" generated always as (a) stored", ""))


def test_triggers_are_warned_of(attempt: Try) -> None:
    schema = """
    create function f() returns trigger language plpgsql as 'begin return new; end';
    create trigger g before insert on log for each row execute function f();
    """
    narrowed = attempt("insert into log select id, 'a', 1 from v;", schema)
    assert ["triggers" in warning for warning in narrowed.warnings] == [True]


def test_a_partition_or_parent_of_the_driving_table_is_refused(attempt: Try) -> None:
    schema = """
    create table p (id int, day date, person text) partition by list (person);
    create table p1 partition of p for values in ('a'); create table p2 partition of p default;
    """
    text = "insert into log select p.id, x.person, 1 from p, p1 x where x.id = p.id;"
    assert "table p1" in refusal(attempt, text, schema, table="p")
    assert attempt("insert into log select p.id, person, 1 from p;", schema, table="p")
    with pytest.raises(ConfigurationError, match="inherit"):
        attempt("insert into log select id, 'a', 1 from v;", "create table heir () inherits (v);")


def test_a_search_path_that_hides_the_built_in_operators_is_refused(attempt: Try, connection: TaskConnection) -> None:
    connection.execute("set local search_path = public, pg_catalog")
    assert "search_path" in refusal(attempt, "insert into log select id, 'a', 1 from v;")


def test_system_columns_and_group_by_of_a_primary_key_alone_are_refused(attempt: Try) -> None:
    """A chunk is a subquery, of which PostgreSQL does not know the primary key."""
    told = refusal(attempt, "insert into log select id, person, count(*) from v group by id;")
    assert "PostgreSQL accepts it whole, but not on a chunk" in told
    assert "ctid" in refusal(attempt, "insert into log select id, v.ctid::text, 1 from v;")


def test_a_table_that_is_not_there_is_a_mistake_of_the_configuration(attempt: Try) -> None:
    with pytest.raises(ConfigurationError, match="no such table"):
        attempt("select 1;", table="nowhere")
    with pytest.raises(ConfigurationError, match="no column 'colour'; it has: id, day"):
        attempt("select 1;", by=("colour",))


# What is only warned of


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("update t set n = v.n from v where v.day = t.day and v.person = t.person;", "several rows fit one target row"),
        ("insert into log select distinct on (day, person) id, 'a', n from v order by day, person, n;", "ties"),
        ("insert into log select id, 'a', row_number() over (partition by day, person order by n) from v;", "ties"),
        ("insert into log select id, now()::text, 1 from v;", "time"),
        ("insert into log select id, current_date::text, 1 from v;", "time"),
        ("insert into d select day, person, n from v on conflict do nothing;", "any may be kept"),
        ("insert into log select max(id), 'a', sum(f) from v group by day, person;", "last digits"),
        ("insert into log select id, (select label from t limit 1), 1 from v;", "order"),
    ],
)
def test_what_postgres_leaves_open_is_warned_of(attempt: Try, text: str, about: str) -> None:
    """Whole and chunks may both be right and differ: only `prove`, or the author, can tell."""
    schema = "create table d (day date, person text, n int, unique (day, person)); alter table v add f float8;"
    warnings = attempt(text, schema).warnings
    assert len(warnings) == 1
    assert about in warnings[0]
    assert warnings[0].startswith("a.sql:1:")


def test_a_source_of_which_one_row_fits_is_not_warned_of(attempt: Try) -> None:
    for text in (
        "update t set n = v.n from v where v.id = t.id;",
        "update t set n = g.m from (select day, person, max(n) m from v group by day, person) g "
        "where g.day = t.day and g.person = t.person;",
        "with x as (select v.id, v.n, l.label from v left join t2 l using (id)) "
        "update t set n = x.n from x where x.id = t.id;",
    ):
        assert attempt(text, "create table t2 (id int primary key, label text);").warnings == ()


# The way out by hand


def test_a_placeholder_puts_the_range_where_the_author_says(attempt: Try) -> None:
    text = "insert into log select count(*), 'a', sum(n) from v as x where /*chunk:x*/ true and n > :n;\nselect 1;"
    narrowed = attempt(text)
    rendered, values = narrowed.statements[0].render(Range(None, ("2026-01-01", "a"), None, "rows"))
    assert narrowed.placed
    assert '("x"."day", "x"."person") < ($2::text::date, $3::text::text)' in rendered
    assert "/*chunk" not in rendered
    assert values == ["2026-01-01", "a"]
    assert [statement.driving for statement in narrowed.statements] == [True, False]
    assert any("aggregate without GROUP BY" in warning for warning in narrowed.warnings)


def test_whole_the_placeholder_is_plain_sql(attempt: Try, connection: TaskConnection) -> None:
    attempt("insert into log select id, 'a', 1 from v where /*chunk:v*/ true;")
    connection.execute("insert into v values (1, null, null, 1, 'a')")
    connection.execute("insert into log select id, 'a', 1 from v where /*chunk:v*/ true")
    assert connection.execute("select count(*) from log").fetchone() == (1,)


# What is frozen


def test_it_survives_the_ledger(attempt: Try) -> None:
    narrowed = attempt("insert into log select id, :a, 1 from v; update v set n = :b;")
    assert Narrowed.from_json(narrowed.to_json()) == narrowed


def test_the_hash_tells_whether_the_proof_still_holds(attempt: Try) -> None:
    text = "insert into log select id, 'a', 1 from v;"
    first = attempt(text)
    assert attempt(text).hash == first.hash
    assert attempt(text + " ").hash != first.hash
    assert attempt(text, "alter table v drop constraint v_code_key;").hash != first.hash
    assert attempt(text, by=("id",)).hash != first.hash
