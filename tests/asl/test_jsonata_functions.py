"""The functions that Step Functions adds to JSONata."""

from random import Random

import pytest

from stepwell.asl import jsonata
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope


def value(source, seed=1, clock=1_704_067_200_123):
    scope = Scope(dict, 0.0, Random(seed), {"empty": Payload.of({})}, clock)
    return jsonata.compile("{% " + source + " %}", "Output")(Payload.of({}), scope)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$partition([1,2,3,4,5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$range(0, 5, 2)", [0, 2, 4]),
        ("$range(6, 0, -3)", [6, 3, 0]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ('$hash("input", "SHA-1")', "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ('$hash("input", "MD5")', "a43c1b0aa53a0c908810c06ab1ff3967"),
        ('$parse("{\\"a\\":[1,null]}")', {"a": [1, None]}),
        ('$parse("{\\"a\\":1}").a', 1),
        ("$random(42)", 0.7275636800328681),
        ("$count($range(1, 200000, 1))", 200_000),
    ],
)
@pytest.mark.proves("$partition $range $hash $parse")
def test_they_give_what_aws_gives(source, expected):
    assert value(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "$partition([1], 0)",
        "$range(1, 3, 0)",
        "$range(3, 1, 1)",
        '$hash("a", "CRC")',
        '$parse("no")',
        "$partition($empty.x, 1)",
    ],
)
def test_arguments_out_of_bounds_give_nothing(source):
    with pytest.raises(QueryFailed, match=r"returned nothing \(undefined\)"):
        value(source)


@pytest.mark.parametrize("source", ["$partition([1], -1)", "$range(1, 900000, 1)", '$range("a", 1, 1)', "$hash()"])
def test_arguments_that_make_no_sense_throw(source):
    with pytest.raises(QueryFailed, match="threw an error"):
        value(source)


@pytest.mark.proves("$random")
def test_chance_and_time_are_handed_in():
    """The same dice and the same clock give the same values."""
    for source in ("$random()", "$uuid()", "$shuffle([1..9])"):
        assert value(source) == value(source) != value(source, seed=2)
    assert value("$millis()") == 1_704_067_200_123
    assert value("$now()") == "2024-01-01T00:00:00.123Z"
    assert value('$now("[Y0001]-[M01]")') == "2024-01"


@pytest.mark.proves("$uuid")
def test_a_uuid_is_of_version_four():
    assert value("$uuid()")[14] == "4"
