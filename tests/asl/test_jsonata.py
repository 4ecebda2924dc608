"""Expressions in {% %}: what they give, and how they fail."""

import subprocess
import sys
from random import Random

import pytest

from stepwell.asl import jsonata
from stepwell.asl.boxes import InvalidQuery
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope

INPUT = Payload.of({"a": {"b": 1}, "list": [1, 2, 3], "n": None, "rows": [{"n": None}, {"n": 2}]})
VARIABLES = {"rows": Payload.of([{"x": 1}, {"x": 2}]), "none": Payload.of(None), "a": Payload.of({"b": [7]})}
SCOPE = Scope(lambda: {"Execution": {"Name": "run-1"}}, 0.0, Random(1), VARIABLES, 1_704_067_200_123)


def value(source, scope=SCOPE):
    return jsonata.compile("{% " + source + " %}", "Output/v")(INPUT, scope)


def failure(source):
    with pytest.raises(QueryFailed) as failed:
        value(source)
    what = f"The JSONata expression '{source}' specified for the field 'Output/v' "
    assert failed.value.name == "States.QueryEvaluationError"
    assert failed.value.location == "Output/v"
    assert failed.value.cause.startswith(what)
    return failed.value.cause.removeprefix(what)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$states.input", INPUT.value),
        ("$states.input.a.b", 1),
        ("$states.input.list", [1, 2, 3]),
        ("$states.context.Execution.Name", "run-1"),
        ("$rows.x", [1, 2]),
        ("$a.b", [7]),
        ("$sum($states.input.list) + $states.input.a.b", 7),
        ("$states.input.list[$ > 1]", [2, 3]),
        ("$merge([$states.input.a, {'c': 2}])", {"b": 1, "c": 2}),
        ("$variable := 1", 1),
        ("[1..3]", [1, 2, 3]),
        ('$contains("hello$world", /^hello\\$/)', True),
        ("$states.input[a.b = 1].list", [1, 2, 3]),
    ],
)
@pytest.mark.proves("$states.input $states.context")
def test_an_expression_sees_the_input_the_context_and_the_variables(source, expected):
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$states.input.n", None),
        ("$none", None),
        ("$states.input.rows.n", [None, 2]),
        ("$type($states.input.n)", "null"),
        ("$exists($states.input.n)", True),
        ("$exists($states.input.no)", False),
        ("[$states.input.n, $states.input.no]", [None]),
        ("{'a': $states.input.n, 'b': $states.input.no}", {"a": None}),
    ],
)
def test_null_is_a_value_and_undefined_is_none(source, expected):
    assert value(source) == expected


@pytest.mark.parametrize("source", ["$states.input.no", "$states.input.n.x", "$nothing", "$states.result", "$rows.y"])
@pytest.mark.proves("States.QueryEvaluationError")
def test_an_expression_that_gives_nothing_fails(source):
    assert failure(source) == "returned nothing (undefined)."


@pytest.mark.parametrize("source", ["$sum", "function($x){$x}", "/a/", "[$sum]"])
def test_an_expression_that_gives_no_json_fails(source):
    assert failure(source) == "returned an unsupported result type."


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("$nofunction()", ". T1006: Attempted to invoke a non-function"),
        ('$eval("1")', ". T1006: Attempted to invoke a non-function"),
        ('1 + "a"', '. T2002: The right side of the "+" operator must evaluate to a number'),
        ('$abs("x")', '. T0410: Argument 1 of function "abs" does not match function signature'),
        ('$sum(["a"])', '. T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ('$number("x")', '. D3030: Unable to cast value to a number: "x"'),
        (
            '$toMillis("x")',
            '. D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "x"',
        ),
        (
            '$sort([1, "a"])',
            ". D3070: The single argument form of the sort function can only be applied to an array of strings or an "
            "array of numbers.  Use the second argument to specify a comparison function",
        ),
        ("1 / 0", ". D1001: Number out of range: null"),
        ('$error("no way")', ". D3137: no way"),
        (
            "($f := function($x){1 + $f($x)}; $f(1))",
            ": Stack overflow error: Check for non-terminating recursive function. "
            "Consider rewriting as tail-recursive",
        ),
    ],
)
def test_an_expression_that_throws_fails_with_the_code_and_the_text_of_jsonata(source, why):
    assert failure(source) == f"threw an error during evaluation{why}"


def test_a_sum_of_two_hundred_terms_is_too_deep():
    """As with AWS; an expression of half that size is not."""
    assert failure("+".join(["1"] * 200)).startswith("threw an error during evaluation: Stack overflow error")
    assert value("+".join(["1"] * 100)) == 100


def test_a_failed_evaluation_leaves_no_trace_in_the_next():
    fill = jsonata.compile("{% ($f := function($n){$n = 0 ? 0 : 1 + $f($n - 1)}; $f($depth)) %}", "Output")
    for depth, fails in ((1_000, True), (5, False), (1_000, True), (5, False)):
        scope = Scope(dict, 0.0, Random(1), {"depth": Payload.of(depth)})
        if fails:
            with pytest.raises(QueryFailed):
                fill(INPUT, scope)
        else:
            assert fill(INPUT, scope) == depth


@pytest.mark.parametrize(
    ("source", "expected", "why"),
    [
        ("$states.input.a", "array", "Expected 'array', but was 'object' for value: {\"b\":1}"),
        ("$states.input.n", "string", "Expected 'string', but was 'null' for value: null"),
        ("'1'", "number", "Expected 'number', but was 'string' for value: \"1\""),
        ("true", "number", "Expected 'number', but was 'boolean' for value: true"),
        ("0", "boolean", "Expected 'boolean', but was 'number' for value: 0"),
    ],
)
def test_a_field_that_wants_a_type_refuses_the_others(source, expected, why):
    with pytest.raises(QueryFailed) as failed:
        jsonata.compile_typed("{%" + source + "%}", "F", expected)(INPUT, SCOPE)
    assert failed.value.cause.endswith(f"for the field 'F' returned an unexpected result type. {why}")


@pytest.mark.proves("$states.result $states.errorOutput")
def test_results_and_errors_are_seen_where_there_are_some():
    assert value("$states.result.x", SCOPE.with_answer(Payload.of({"x": 5}))) == 5
    fill = jsonata.compile("{% $states.errorOutput.Error %}", "Catch[0]/Output")
    assert fill(INPUT, SCOPE.with_answer(error=Payload.of({"Error": "E"}))) == "E"


def test_a_template_is_filled_in_at_any_depth_and_keeps_its_order():
    template = {"z": "{% $states.input.a.b %}", "a": [1, {"q": "{%$none%}"}, "{% 'x' %}"], "plain": " {% no %} "}
    fill = jsonata.template(template, "Output")
    assert fill is not None
    filled = fill(INPUT, SCOPE)
    assert filled == {"z": 1, "a": [1, {"q": None}, "x"], "plain": " {% no %} "}
    assert list(filled) == ["z", "a", "plain"]


def test_a_template_without_expressions_is_a_constant():
    assert jsonata.template({"a": [1, "$states.input"]}, "Output") is None


def test_a_failure_in_a_template_names_its_place():
    fill = jsonata.template({"rows": [0, {"x": "{% $no %}"}]}, "Output")
    assert fill is not None
    with pytest.raises(QueryFailed) as failed:
        fill(INPUT, SCOPE)
    assert failed.value.location == "Output/rows[1]/x"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("1 +", "Unexpected end of expression"),
        ("$a[1,2)", 'Expected "]", got ","'),
        ('"unterminated', "String literal must be terminated by a matching quote"),
        ('{"a":}', 'The symbol "}" cannot be used as a unary operator'),
        ('$match("a", /abc', "No terminating / in regular expression"),
        ("/a**/", "multiple repeat at position 2"),
        ("phone", "Reference to 'phone' at the top level is not supported."),
        ("1 + phone.home", "Reference to 'phone' at the top level is not supported."),
        ("$count(phone)", "Reference to 'phone' at the top level is not supported."),
        ("$", "Reference to '$' at the top level is not supported."),
        ("$$.a", "Reference to '$$' at the top level is not supported."),
        ("$states.errorOutput", "Field '$states.errorOutput' does not exist."),
        ("$states.nothing", "Field '$states.nothing' does not exist."),
    ],
)
def test_what_can_never_be_evaluated_is_refused_when_it_is_compiled(source, problem):
    with pytest.raises(InvalidQuery) as refused:
        jsonata.compile("{% " + source + " %}", "Output")
    assert (str(refused.value), refused.value.location) == (problem, "Output")


@pytest.mark.parametrize("source", ["$states.input[x = 1]", "$states.input.($.x)", "$map($rows, function($v){$v.x})"])
def test_names_below_the_top_level_are_looked_up_in_what_is_there(source):
    jsonata.compile("{% " + source + " %}", "Output")


def test_a_machine_without_expressions_never_loads_the_library():
    """Nor does one with plain references only, which are followed without it."""
    code = """
import sys
from stepwell.asl.machine import parse_machine
state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "{% $states.input.a %}"}, "End": True}
parse_machine({"StartAt": "A", "States": {"A": state}})
print("jsonata" in sys.modules)
state["Output"] = "{% 1 + 1 %}"
parse_machine({"StartAt": "A", "States": {"A": state}})
print("jsonata" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
