import pytest

from stepwell.asl.choice import OPERATORS, compile_rule
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.errors import StatesError

INPUT = {"n": 5, "s": "abc", "b": True, "t": "2020-01-01T00:00:00Z", "null": None, "m": 5.0, "list": [1]}
LATER = "2020-01-01T02:00:00+01:00"


def holds(rule, scope, value=INPUT):
    problems = []
    test = compile_rule(Reader(rule, "/R", problems))
    assert problems == []
    return test(Payload.of(value), scope)


@pytest.mark.parametrize(
    ("variable", "operator", "operand", "expected"),
    [
        ("$.n", "NumericEquals", 5.0, True),
        ("$.n", "NumericEquals", 6, False),
        ("$.b", "NumericEquals", 1, False),
        ("$.n", "NumericLessThan", 6, True),
        ("$.n", "NumericLessThanEquals", 5, True),
        ("$.n", "NumericGreaterThan", 5, False),
        ("$.n", "NumericGreaterThanEquals", 5, True),
        ("$.s", "NumericEquals", 5, False),
        ("$.s", "StringEquals", "abc", True),
        ("$.s", "StringLessThan", "abd", True),
        ("$.s", "StringLessThanEquals", "abc", True),
        ("$.s", "StringGreaterThan", "ab", True),
        ("$.s", "StringGreaterThanEquals", "abd", False),
        ("$.n", "StringEquals", "5", False),
        ("$.b", "BooleanEquals", True, True),
        ("$.n", "BooleanEquals", True, False),
        ("$.t", "TimestampEquals", "2020-01-01T01:00:00+01:00", True),
        ("$.t", "TimestampLessThan", LATER, True),
        ("$.t", "TimestampLessThanEquals", LATER, True),
        ("$.t", "TimestampGreaterThan", LATER, False),
        ("$.t", "TimestampGreaterThanEquals", LATER, False),
        ("$.s", "TimestampEquals", LATER, False),
        ("$.s", "StringMatches", "a*", True),
        ("$.n", "StringMatches", "*", False),
        ("$.m", "NumericEqualsPath", "$.n", True),
        ("$.n", "NumericGreaterThanPath", "$$.Execution.Input.n", False),
        ("$.n", "NumericEqualsPath", "$.s", False),
        ("$.s", "StringEqualsPath", "$.s", True),
        ("$.b", "BooleanEqualsPath", "$.b", True),
        ("$.t", "TimestampEqualsPath", "$.t", True),
        ("$.null", "IsNull", True, True),
        ("$.n", "IsNull", False, True),
        ("$.n", "IsNumeric", True, True),
        ("$.b", "IsNumeric", True, False),
        ("$.s", "IsString", True, True),
        ("$.b", "IsBoolean", True, True),
        ("$.t", "IsTimestamp", True, True),
        ("$.s", "IsTimestamp", False, True),
        ("$.null", "IsPresent", True, True),
        ("$.no.such", "IsPresent", True, False),
        ("$.no.such", "IsPresent", False, True),
        ("$.list", "IsPresent", False, False),
        ("$.list[9]", "IsPresent", True, False),  # how a list is known to be empty
    ],
)
@pytest.mark.proves(
    "Choice.Variable Choice.IsPresent Choice.IsNull Choice.IsBoolean Choice.IsNumeric Choice.IsString "
    "Choice.IsTimestamp"
)
def test_an_operator_compares(variable, operator, operand, expected, scope):
    assert holds({"Variable": variable, operator: operand}, scope) is expected


def test_every_comparison_of_the_language_is_there():
    assert len(OPERATORS) == 16


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("log-*.txt", "log-1.txt", True),
        ("log-*.txt", "log-1.zip", False),
        ("*a*b", "xaxb", True),
        ("*a*b", "b", False),
        ("aba*ba", "aba", False),
        ("abc", "abc", True),
        ("*", "", True),
        ("a\\*c", "a*c", True),
        ("a\\*c", "abc", False),
        ("a\\\\*", "a\\b", True),
    ],
)
@pytest.mark.proves("Choice.StringMatches")
def test_an_asterisk_stands_for_any_text_unless_a_backslash_is_before_it(pattern, value, expected, scope):
    assert holds({"Variable": "$", "StringMatches": pattern}, scope, value) is expected


@pytest.mark.proves("Choice.And Choice.Or Choice.Not")
def test_rules_are_joined_and_turned_round(scope):
    yes, no = {"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.n", "IsString": True}
    assert holds({"And": [yes, yes]}, scope)
    assert not holds({"And": [yes, no]}, scope)
    assert holds({"Or": [no, yes]}, scope)
    assert not holds({"Or": [no]}, scope)
    assert holds({"Not": no}, scope)
    assert holds({"And": [{"Or": [no, {"Not": no}]}, yes]}, scope)


def test_later_rules_are_not_looked_at_once_it_is_decided(scope):
    missing = {"Variable": "$.missing", "IsNull": True}
    guarded = {"And": [{"Variable": "$.missing", "IsPresent": True}, missing]}
    assert not holds(guarded, scope)


def test_a_missing_variable_fails_the_state_unless_its_presence_is_asked_for(scope):
    with pytest.raises(StatesError) as error:
        holds({"Variable": "$.missing", "NumericEquals": 1}, scope)
    assert error.value.name == "States.Runtime"
    assert error.value.cause == (
        "Invalid path '$.missing': The choice state's condition path references an invalid value."
    )


def test_the_input_itself_may_be_null(scope):
    assert holds({"Variable": "$", "IsNull": True}, scope, None)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"Variable": "$.a"}, "A comparison operator is required at /R"),
        ({"Variable": "$.a", "IsNull": True, "IsString": True}, "Exactly one comparison operator is required at /R"),
        ({"IsNull": True}, "These fields are required: [Variable] at /R"),
        ({"Variable": "$.a", "NumericEquals": "1"}, "Expected value of type Number at /R/NumericEquals"),
        ({"Variable": "$.a", "TimestampEquals": "now"}, "Expected value of type Timestamp at /R/TimestampEquals"),
        ({"And": []}, "Value cannot be empty at /R/And"),
        ({"Not": 5}, "Expected value of type Object at /R/Not"),
        ({"Or": [{"Variable": "$.a"}]}, "A comparison operator is required at /R/Or[0]"),
    ],
)
def test_a_rule_that_is_wrong_says_where(rule, problem):
    problems = []
    compile_rule(Reader(rule, "/R", problems))
    assert str(problems[0]) == problem
