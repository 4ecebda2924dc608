import pytest

from stepwell.asl import template as templates
from stepwell.asl.payload import Payload
from stepwell.asl.template import InvalidTemplate, hash_map_order
from stepwell.errors import StatesError

INPUT = Payload.of({"a": {"b": 1}, "list": [1, 2]})


def fill(template, scope):
    return templates.compile(template)(INPUT, scope)


def test_fields_that_end_in_dollar_are_filled_in_at_any_depth(scope):
    template = {"x.$": "$.a.b", "deep": {"y.$": "$$.State.Name"}, "list": [{"z.$": "$.list"}, 5], "plain": "$.a"}
    assert fill(template, scope) == {"x": 1, "deep": {"y": "S"}, "list": [{"z": [1, 2]}, 5], "plain": "$.a"}


def test_the_definition_is_not_changed_by_filling_it_in(scope):
    template = {"deep": {"y.$": "$.a.b"}}
    fill(template, scope)["deep"]["y"] = 9
    assert fill(template, scope) == {"deep": {"y": 1}}
    assert template == {"deep": {"y.$": "$.a.b"}}


def test_a_template_without_paths_is_handed_out_as_it_is(scope):
    assert fill(["a", 1, None], scope) == ["a", 1, None]


def test_plain_fields_come_first_and_computed_ones_in_the_order_of_a_java_hash_map(scope):
    """As in the item selector of a recorded Map."""
    names = ["original_input", "iteration_input_value", "iteration_index", "from_input_constant"]
    template = {**{f"{name}.$": "$.a" for name in names}, "constant_value": "HelloWorld"}
    assert list(fill(template, scope)) == [
        "constant_value",
        "iteration_input_value",
        "from_input_constant",
        "iteration_index",
        "original_input",
    ]


def test_a_hash_map_of_more_than_twelve_keys_has_more_buckets():
    """The thirteen keys of a recorded Pass state."""
    written = """context_object execution execution_id execution_input execution_name execution_rolearn
        execution_starttime state state_enteredtime state_name statemachine statemachine_id statemachine_name"""
    recorded = """execution execution_rolearn execution_name statemachine_id execution_id execution_input
        execution_starttime state_name state_enteredtime statemachine state context_object statemachine_name"""
    assert hash_map_order(written.split()) == recorded.split()


def test_a_path_that_leads_nowhere_names_the_field_and_the_input(scope):
    with pytest.raises(StatesError) as error:
        fill({"deep": {"y.$": "$.a.c"}}, scope)
    assert error.value.name == "States.Runtime"
    assert error.value.cause == (
        "The JSONPath '$.a.c' specified for the field 'y.$' could not be found in the input '" + INPUT.text + "'"
    )


@pytest.mark.parametrize("value", ["no path", 5, "States.No()", None])
def test_a_computed_field_needs_a_path_or_a_call(value):
    with pytest.raises(InvalidTemplate, match=r"'y\.\$' must be a valid JSONPath or a valid intrinsic function call"):
        templates.compile({"y.$": value})
