import subprocess
import sys
import time

import pytest

from stepwell.errors import ConfigurationError
from stepwell.etl.script import Script


def names(text: str) -> list[tuple[str, ...]]:
    return [statement.names for statement in Script.parse(text, "a.sql").statements]


@pytest.mark.parametrize(
    "text",
    [
        "select x::date",
        "select ':no'",
        "select 'it''s :no'",
        "select E'it\\'s :no'",
        "select e'\\\\', 'a' -- :no",
        "select E'a'\n  'b\\' :no'",
        "select E'a' -- :no\n 'b\\' :no'",
        'select "a:no", "b"":no"',
        "select $$ :no $$",
        "select $tag$ $$ :no $other$ $tag$",
        "select 1 -- :no",
        "select 1 /* :no /* :no */ :no */",
        "select f(a := 1)",
        "select a[1: 2], a[:2]",
        "select U&'\\0041 :no'",
        "select x$1$y, x$$y",
        "select ': ' , 1 : 2",
    ],
)
def test_quotes_comments_casts_and_slices_hold_no_parameters(text: str) -> None:
    script = Script.parse(text, "a.sql")
    assert script.names == frozenset()
    assert [statement.text for statement in script.statements] == [text.strip()]


@pytest.mark.parametrize(
    ("text", "expected", "parameters"),
    [
        ("select :a", "select $1", ("a",)),
        ("select :b, :a, :b", "select $1, $2, $1", ("b", "a")),
        ("select :since::date", "select $1::date", ("since",)),
        ("select 'x':a", "select 'x'$1", ("a",)),
        ("select E'\\\\':a", "select E'\\\\'$1", ("a",)),
        ("select a[1:n]", "select a[1$1]", ("n",)),
        ("select x-:n", "select x-$1", ("n",)),
        ("select :_a1, :größe", "select $1, $2", ("_a1", "größe")),
        ("select $$x$$:a", "select $$x$$$1", ("a",)),
        ("select /* */:a--:b", "select /* */$1--:b", ("a",)),
    ],
)
def test_a_name_after_a_single_colon_becomes_a_placeholder(
    text: str, expected: str, parameters: tuple[str, ...]
) -> None:
    [statement] = Script.parse(text, "a.sql").statements
    assert (statement.text, statement.names) == (expected, parameters)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("  ;; -- nothing\n ; /* here */", 0),
        ("select 1; select 2;", 2),
        ("select ';'; select $$;$$; select \";\"", 3),
        ("select 1 -- ;\n; select 2 /* ; /* ; */ ; */", 2),
        ("create rule r as on insert to t do also (delete from a; delete from b); select 1", 2),
        ("create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 2", 2),
        ("create or replace procedure p() begin atomic delete from a; end; select 2", 2),
        ("create table begin_t (a int); select 2", 2),
        ("do $$ begin perform 1; end $$; select 2", 2),
        ("\ufeffselect 1", 1),
    ],
)
def test_statements_end_where_psql_ends_them(text: str, count: int) -> None:
    assert len(Script.parse(text, "a.sql").statements) == count


def test_a_statement_knows_its_line_and_its_place_in_the_file() -> None:
    text = "-- head\n\n  -- of the first\n  select 1;\n\nupdate a\nset b = :value\nwhere c = :key;\n"
    first, second = Script.parse(text, "sql/a.sql").statements
    assert (first.place, second.place) == ("sql/a.sql:4", "sql/a.sql:6")
    assert text[second.offset :].startswith("update a\nset b = :value")
    assert second.locate(second.text.index("c =")) == (8, 6, "where c = :key;")
    assert [text[mark.file_at : mark.file_end] for mark in second.marks] == [":value", ":key"]


@pytest.mark.parametrize("position", range(7, 24))
def test_every_character_between_parameters_is_found_in_the_file(position: int) -> None:
    text = "; select :first + a, :second, :first + b"
    [statement] = Script.parse(text, "a.sql").statements
    if statement.text[position].isalpha():
        assert text[statement.file_offset(position)] == statement.text[position]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("select 1;\nselect 'open", 2, "string"),
        ("\n\nselect E'open\\'", 3, "string"),
        ('select "open', 1, "identifier"),
        ("select 1;\n/* /* */", 2, "comment"),
        ("select $a$ $b$", 1, "dollar"),
        ("select 1;\nselect $1", 2, "write :name"),
        ("select 1;\n\\copy a from 'b'", 2, "psql"),
    ],
)
def test_what_can_never_be_right_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"a\.sql:{line}: .*{what}"):
        Script.parse(text, "a.sql")


def test_unknown_parameters_are_all_named_with_their_lines_and_what_is_known() -> None:
    script = Script.parse("select :days;\nselect :dais,\n :since", "a.sql")
    with pytest.raises(ConfigurationError) as caught:
        script.check(["days", "run"])
    told = caught.value.message
    assert "a.sql:2: unknown parameter :dais" in told
    assert "a.sql:3: unknown parameter :since" in told
    assert ":days, :run" in told


def test_values_are_bound_in_the_order_of_the_placeholders_and_objects_as_json() -> None:
    script = Script.parse("select :b, :a, :b, :c", "a.sql")
    params = {"a": {"x": [1]}, "b": 2, "c": [{"y": 1}], "unused": 0}
    assert script.bind(script.statements[0], params) == [2, '{"x": [1]}', '[{"y": 1}]']


def test_a_literal_in_place_of_a_parameter_cannot_join_what_stands_before_it() -> None:
    [statement] = Script.parse("select 1 -:n, ':n', :n", "a.sql").statements
    assert statement.inline({"n": "-5"}) == "select 1 -(-5), ':n', (-5)"


def test_a_megabyte_of_sql_is_split_in_a_moment() -> None:
    line = "select a.one, b.two from s.a join s.b on a.id = b.id where a.d >= :since and b.name = 'x''y' -- why\n;\n"
    started = time.process_time()
    assert len(Script.parse(line * (2**20 // len(line)), "a.sql").statements) > 9000
    assert time.process_time() - started < 5  # 0.35 s; a quadratic scanner takes minutes


def test_reading_a_script_imports_no_driver() -> None:
    code = "import sys; import stepwell.etl.script; print({'psycopg', 'dataclasses', 'inspect'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
