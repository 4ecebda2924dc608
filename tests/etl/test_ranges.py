"""What conditions say, and that PostgreSQL finds by them what it should, whatever the columns are called."""

import psycopg
import pytest

from stepwell.etl.connection import connect
from stepwell.etl.ranges import Key, Range, Values, join, named_predicate, predicate

TWO = Key(("day", "person"), ("date", "text"), (True, False))


def between(lo: Values | None, hi: Values | None) -> Range:
    return Range(lo, hi, None, "edges")


ONE = Key(("id",), ("bigint",), (False,))


def test_an_open_range_of_a_key_that_is_never_null_is_everything() -> None:
    assert predicate(Range(None, None), ONE, "", 1) == ("true", [])


def test_one_column_needs_two_plain_bounds() -> None:
    condition, values = predicate(between(("10",), ("20",)), ONE, "v", 3)
    assert condition == 'v."id" >= $3::text::bigint AND v."id" < $4::text::bigint'
    assert values == ["10", "20"]


def test_bounds_in_one_value_of_the_first_column_are_an_equality() -> None:
    condition, values = predicate(between(("2026-01-01", "a"), ("2026-01-01", "k")), TWO, "", 1)
    assert condition == ('"day" = $1::text::date AND "person" >= $2::text::text AND "person" < $3::text::text')
    assert values == ["2026-01-01", "a", "k"]


def test_a_range_without_a_lower_bound_has_no_lower_condition() -> None:
    condition, values = predicate(between(None, ("2026-01-01", "k")), TWO, "", 1)
    assert ">" not in condition
    assert values == ["2026-01-01", "k"]


@pytest.mark.parametrize("shape", ["rows", "edges"])
def test_both_shapes_find_the_same(database: str, shape: str) -> None:
    key = Key(("a", "b", "c"), ("integer", "integer", "integer"), (True, True, True))
    with connect(database, "test") as connection:
        connection.execute(
            "create table t as select nullif(a, 4) a, nullif(b, 4) b, nullif(c, 4) c from "
            "generate_series(0, 5) a, generate_series(0, 5) b, generate_series(0, 5) c"
        )
        for lo, hi in (
            (("1", "2", "3"), ("3", "1", "0")),
            (("1", "2", "3"), None),
            (None, ("1", "2", "3")),
            (("1", "2", "3"), ("1", "2", "5")),
            (("1", "2", "3"), ("1", "5", "0")),
        ):
            condition, values = predicate(Range(lo, hi, None, shape), key, "", 1)
            found = psycopg.RawCursor(connection).execute(f"select a, b, c from t where {condition}", values).fetchall()
            below = tuple(map(int, lo)) if lo else (-1,)
            above = tuple(map(int, hi)) if hi else (9,)
            digits = [n for n in range(6) if n != 4]
            wanted = [(a, b, c) for a in digits for b in digits for c in digits if below <= (a, b, c) < above]
            assert sorted(found) == wanted


def test_a_range_of_nulls_names_the_column_and_those_before_it() -> None:
    key = Key(("a", "b"), ("int", "int"), (True, True))
    assert predicate(Range(None, None, 1), key, "v", 1) == ('v."a" IS NOT NULL AND v."b" IS NULL', [])


def test_neighbours_are_joined_and_nulls_are_not() -> None:
    first, last = between(None, ("2026-01-01", "a")), between(("2026-01-02", "b"), ("2026-01-02", "c"))
    assert join(first, last) == between(None, ("2026-01-02", "c"))
    assert join(last, last) is last
    assert join(first, last._replace(shape="rows")).shape == "rows"
    with pytest.raises(ValueError, match="no neighbours"):
        join(first, Range(None, None, 0))


def test_odd_names_and_values_are_bound_and_quoted(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute('create table t ("select" text, "100%s ""$1""" int)')
        admin.execute("""insert into t select chr(i) || '''"%s$1', i from generate_series(97, 122) i""")
    key = Key(("select", '100%s "$1"'), ("text", "integer"), (True, True))
    range_ = between(("c'\"%s$1", "0"), ("f'\"%s$1", "102"))
    with connect(database, "test") as connection:
        condition, values = predicate(range_, key, "t", 1)
        raw = psycopg.RawCursor(connection).execute(f"select count(*) from t where {condition}", values)
        assert raw.fetchone() == (3,)
        named, params = named_predicate(range_, key, "", "chunk")
        assert connection.execute(f"select count(*) from t where {named}", params).fetchone() == (3,)


def test_the_estimate_is_right_at_both_ends_of_the_table_and_the_range_is_in_the_index(database: str) -> None:
    """Two comparisons of rows are estimated up to a thousand times too low, or too high without bounds."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table t as select date '2026-01-01' + i / 1000 as day, md5(i::text) as person "
            "from generate_series(1, 100000) i"
        )
        admin.execute("create index on t (day, person)")
        admin.execute("analyze t")
        keys = admin.execute("select day::text, person from t order by day, t.person").fetchall()
    with connect(database, "test") as connection:
        for start in (0, 1500, 50_300, 97_700):
            lo, hi = keys[start] if start else None, keys[start + 1200]
            condition, values = predicate(between(lo, hi), TWO, "", 1)
            query = f"explain (format json) select * from t where {condition}"
            plan = psycopg.RawCursor(connection).execute(query, values).fetchone()[0][0]["Plan"]
            assert 600 < plan["Plan Rows"] < 2400
            assert "Index Cond" in str(plan)
