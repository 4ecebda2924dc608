"""Expected values as recorded from AWS or given in its documentation."""

import re
from random import Random

import pytest

from stepwell.asl import expression
from stepwell.asl.intrinsics import FUNCTIONS
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

INPUT = Payload.of(
    {
        "list": [1, 2, 3, 4, 5],
        "same": [1, 1, 1.0, True, "a", "a", [], [], {"a": 1, "b": 2}, {"b": 2, "a": 1}],
        "object": {"Arg1": 1, "Arg2": []},
        "json": '{"a": [1]}',
        "text": "This.is+a,test=string",
    }
)


def call(text, scope):
    return expression.compile(text).read(INPUT, scope)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("States.Array()", []),
        ("States.Array($.list[0], 'a', 1.5, -2, true, false, null)", [1, "a", 1.5, -2, True, False, None]),
        ("States.ArrayPartition($.list, 2)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayPartition($.list, 2.5)", [[1, 2, 3], [4, 5]]),
        ("States.ArrayContains($.list, 3)", True),
        ("States.ArrayContains($.list, 3.0)", False),
        ("States.ArrayRange(0, 10, 3)", [0, 3, 6, 9]),
        ("States.ArrayRange(1, 9, 9)", [1]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayRange(3, 1, 1)", []),
        ("States.ArrayGetItem($.list, 4)", 5),
        ("States.ArrayLength($.list)", 5),
        ("States.ArrayUnique(States.Array(2, 1, 2, 3, 1))", [2, 1, 3]),
        ("States.ArrayUnique($.same)", [1, 1.0, True, "a", [], {"a": 1, "b": 2}]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "Data to encode"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.Hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("States.JsonMerge($.object, States.StringToJson('\\{\"Arg1\":2\\}'), false)", None),
        ("States.MathAdd(-9, 3)", -6),
        ("States.MathAdd(1.49, 1.5)", 3),
        ("States.MathAdd(-1.5, -1.51)", -3),
        ("States.MathAdd(-0.5, 0.5)", 1),
        ("States.StringSplit($.text, '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.StringSplit(', , ,', ',')", [" ", " "]),
        ("States.StringSplit(',,,', ',')", []),
        ("States.StringSplit('a b', '')", ["a b"]),
        ("States.Format('Hello, {}, it is {}', 'Ann', $.object)", "Hello, Ann, it is {Arg1=1, Arg2=[]}"),
        ("States.Format('{}{}{}', null, true, 1.1)", "nulltrue1.1"),
        ("States.Format('{} {} {}', 1e30, -12345678.5, 9999999.5)", "1.0E30 -1.23456785E7 9999999.5"),
        ("States.Format('{} {} {}', 0.001, 0.00012, 0.0)", "0.001 1.2E-4 0.0"),
        ("States.Format('it\\'s \\{\\} and \\\\ {}', 1)", "it's {} and \\ 1"),
        ("States.StringToJson($.json)", {"a": [1]}),
        ("States.JsonToString($.object)", '{"Arg1":1,"Arg2":[]}'),
        ("States.ArrayGetItem(States.StringSplit($$.Execution.Name, '-'), States.MathAdd(0, 1))", "1"),
    ],
)
@pytest.mark.proves(
    "States.Array States.ArrayPartition States.ArrayContains States.ArrayRange States.ArrayGetItem "
    "States.ArrayLength States.ArrayUnique States.Base64Encode States.Base64Decode States.Hash "
    "States.JsonMerge States.JsonToString States.StringToJson States.MathAdd States.StringSplit "
    "States.Format"
)
def test_a_function_computes(text, value, scope):
    assert call(text, scope) == ({"Arg1": 2, "Arg2": []} if value is None else value)


def test_there_are_the_eighteen_functions_of_the_language():
    assert len(FUNCTIONS) == 18


def test_items_are_unique_by_type_too(scope):
    kinds = [type(item).__name__ for item in call("States.ArrayUnique($.same)", scope)]
    assert kinds == ["int", "float", "bool", "str", "list", "dict"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("States.ArrayLength('a')", "The first argument must be an array"),
        ("States.ArrayPartition($.list, 0)", "The second argument must be a positive number"),
        ("States.ArrayRange(1, 2, 0)", "The third argument must not be zero"),
        ("States.ArrayRange(1, 99999999999999999999, 1)", "The range must have at most 1000 items"),
        ("States.ArrayRange(1, 1001, 1)", "The range must have at most 1000 items"),
        ("States.ArrayGetItem($.list, 5)", "The index is out of the array's bounds"),
        ("States.Base64Decode('?')", "The first argument must be a Base64 encoded string"),
        ("States.Hash('a', 'CRC')", "The second argument must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512"),
        ("States.JsonMerge($.object, $.list, false)", "The first and the second argument must be JSON objects"),
        ("States.MathAdd('a', 1)", "The first argument must be a number"),
        ("States.MathRandom(2, 2)", "The first argument must be less than the second"),
        ("States.StringSplit(1, 'a')", "The first argument must be a string"),
        ("States.Format('{}')", "The number of {} (1) is not the number of arguments (0)"),
        ("States.StringToJson('nope')", "The first argument must be a valid JSON text"),
    ],
)
@pytest.mark.proves("States.IntrinsicFailure")
def test_arguments_that_do_not_fit_fail_the_state(text, why, scope):
    with pytest.raises(StatesError) as error:
        call(text, scope)
    assert error.value.name == "States.IntrinsicFailure"
    assert error.value.cause == f"The function '{text}' had the following error: {why}"


def test_a_merge_in_depth_is_refused(scope):
    with pytest.raises(StatesError, match="only shallow merging is supported"):
        call("States.JsonMerge($.object, $.object, true)", scope)


@pytest.mark.proves("States.MathRandom")
def test_random_numbers_come_from_the_scopes_dice_or_from_a_seed(scope):
    again = Scope(scope.context, scope.now, Random(1))
    assert call("States.MathRandom(1, 1000)", scope) == call("States.MathRandom(1, 1000)", again)
    assert call("States.MathRandom(1, 1000, 5)", scope) == call("States.MathRandom(1, 1000, 5)", scope)
    assert all(call("States.MathRandom(1, 3)", scope) in (1, 2) for _ in range(20))


@pytest.mark.proves("States.UUID")
def test_a_uuid_is_of_version_four(scope):
    uuid = call("States.UUID()", scope)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)
    assert uuid != call("States.UUID()", scope)
