import pytest

from stepwell.asl import expression
from stepwell.asl.cursor import InvalidExpression
from stepwell.asl.expression import compile_path
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.payload import Payload
from stepwell.errors import StatesError


def test_one_dollar_is_the_input_and_two_are_the_context_object(scope):
    assert expression.compile("$.a").read(Payload.of({"a": 1}), scope) == 1
    assert expression.compile("$$.Execution.Input.n").read(Payload.of({"a": 1}), scope) == 7
    assert expression.compile("$$").read(Payload.of(None), scope) == scope.context()


def test_a_path_in_a_null_input_fails_with_a_text_of_its_own(scope):
    with pytest.raises(StatesError, match="Unable to apply Path transformation to null or empty input"):
        expression.compile("$").read(Payload.of(None), scope)


def test_followed_a_null_input_is_a_value_like_any_other(scope):
    assert expression.compile("$").follow(Payload.of(None), scope) is None
    with pytest.raises(PathNotFound):
        expression.compile("$.a").follow(Payload.of(None), scope)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "",
        "States.No()",
        "States.UUID(1)",
        "States.Array(1",
        "States.Array(1,)",
        "States.Array(a)",
        "States.Array('a)",
        "States.UUID()[0]",
        "$.a $.b",
        'States.StringToJson(\'{"a":"\\""}\')',
    ],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(InvalidExpression):
        expression.compile(text)


def test_where_only_a_path_may_stand_a_call_is_refused():
    with pytest.raises(InvalidExpression):
        compile_path("States.UUID()")


def test_blanks_between_arguments_do_not_matter(scope):
    assert expression.compile("States.Array( 1 ,2 )").read(Payload.of({}), scope) == [1, 2]


def test_a_missing_argument_names_the_call_the_path_and_the_input(scope):
    with pytest.raises(StatesError) as error:
        expression.compile("States.Array(States.Format('{}', $.b))").read(Payload.of({"a": 1}), scope)
    assert error.value.name == "States.Runtime"
    assert error.value.cause == (
        "The function 'States.Format('{}', $.b)' had the following error: "
        "The JsonPath argument for the field '$.b' could not be found in the input '{\"a\":1}'"
    )
