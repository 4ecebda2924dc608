"""The range goes where the table is read, and nothing else changes."""

import pytest

from stepwell.etl.narrow.context import Hole
from stepwell.etl.narrow.splice import is_same, places, splice


def hole(text: str, name: str, target: bool = False, alias: str = "") -> Hole:
    return Hole(len(text[: text.index(name)].encode()), target, alias)


def filled(text: str, *holes: Hole) -> str:
    pieces = splice(text, holes)
    assert is_same(text, pieces)
    return "<range>".join(pieces[0])


def test_a_table_becomes_a_subquery_with_its_own_name() -> None:
    assert filled("select 'é', v.x from a.v", hole("select 'é', v.x from a.v", "a.v", alias='"v"')) == (
        "select 'é', v.x from (SELECT * FROM a.v WHERE <range>) AS \"v\""
    )


def test_an_alias_stays_with_its_columns() -> None:
    text = 'select * from "A b" . "v V" /* é */ as w (x, y), z'
    assert filled(text, hole(text, '"A b"')) == (
        'select * from (SELECT * FROM "A b" . "v V" WHERE <range>) /* é */ as w (x, y), z'
    )


def test_a_star_behind_the_name_goes_with_it() -> None:
    text = "select 1 from v * where x * 2 > 1"
    assert filled(text, hole(text, "v *", alias='"v"')) == (
        'select 1 from (SELECT * FROM v WHERE <range>) AS "v" where x * 2 > 1'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("update v set x = 1", "update v set x = 1 WHERE <range>"),
        ("update v set x = 1 -- where", "update v set x = 1 WHERE <range> -- where"),
        ("update v set x = 1 returning id", "update v set x = 1 WHERE <range> returning id"),
        ("delete from v where a or b", "delete from v where <range> AND ( a or b)"),
        (
            "delete from v using (select 1 where true) s where a[1] = (2) /* c */ returning (select 1 where b) -- end",
            "delete from v using (select 1 where true) s where <range> AND ( a[1] = (2)) /* c */ "
            "returning (select 1 where b) -- end",
        ),
        (
            "with w as (select 1 where c) update v set x = (select 2 where d) from w where e -- f",
            "with w as (select 1 where c) update v set x = (select 2 where d) from w where <range> AND ( e) -- f",
        ),
    ],
)
def test_a_target_gets_its_range_beside_its_own_condition(text: str, expected: str) -> None:
    assert filled(text, hole(text, "v ", target=True, alias='"v"')) == expected


def test_two_references_get_a_range_each() -> None:
    text = "update v set x = w.x from v as w where w.k = v.k"
    given = filled(text, hole(text, "v ", target=True, alias='"v"'), hole(text, "v as w"))
    assert given == "update v set x = w.x from (SELECT * FROM v WHERE <range>) as w where <range> AND ( w.k = v.k)"


def test_a_text_that_means_something_else_afterwards_is_found_out() -> None:
    text = "select * from v, w"
    wrong = splice(text, [hole(text, "w", alias='"v"')])
    assert not is_same(text, wrong)
    assert not is_same("select * from v where a or b", (("select * from v where ", " AND a or b"), ('"v"',)))


def test_a_placeholder_names_the_alias() -> None:
    texts, aliases = places('select 1 from v x, v "Y" where /* chunk: X */ true and (/*chunk:"Y"*/ TRUE or z)') or (
        (),
        (),
    )
    assert texts == ('select 1 from v x, v "Y" where ', " and (", " or z)")
    assert aliases == ('"x"', '"Y"')
    assert places("select 1 /* chunk:v */, true from v where '/*chunk:v*/ true' = ''") is None
