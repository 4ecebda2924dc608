"""Which variables a definition speaks of."""

import json

import pytest

from stepwell.asl.machine import examine
from stepwell.asl.references import variable_references


def references(jsonata=False, **state):
    language = {"QueryLanguage": "JSONata"} if jsonata else {}
    return variable_references({**language, "StartAt": "S", "States": {"S": state}}).get("S", [])


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({"InputPath": "$a.b", "OutputPath": "$.no"}, ["a"]),
        ({"Parameters": {"x.$": "States.Format('$no {}', $y, $x[0])", "z": "$no"}}, ["x", "y"]),
        ({"Choices": [{"Variable": "$v", "StringEqualsPath": "$w"}]}, ["v", "w"]),
        ({"ErrorPath": "$e", "SecondsPath": "$$.Execution"}, ["e"]),
        ({"Assign": {"a.$": "$b", "c": "$no"}}, ["b"]),
    ],
)
def test_of_jsonpath_paths_and_computed_fields_count(state, names):
    assert references(**state) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{% $a.b + $sum($c) %}", ["a", "c"]),
        ("{% $states.input %}", []),
        ("{% ($x := 1; $x + $y) %}", ["y"]),
        ("{% $map($items, function($v, $i){$v & $suffix}) %}", ["items", "suffix"]),
        ("{% '$no' & \"$no\" %}", []),
        ("$no", []),
    ],
)
def test_of_jsonata_the_names_count_that_an_expression_does_not_bind(text, names):
    assert references(jsonata=True, Output={"v": text}) == names


def test_states_inside_a_map_or_parallel_have_their_own_references():
    inner = {"States": {"I": {"Type": "Pass", "InputPath": "$i"}}}
    outer = {"Type": "Map", "ItemsPath": "$o", "ItemProcessor": inner}
    both = {"Type": "Parallel", "Branches": [{"States": {"B": {"OutputPath": "$b"}}}]}
    found = variable_references({"States": {"M": outer, "P": both}})
    assert found == {"M": ["o"], "I": ["i"], "B": ["b"]}
    assert json.dumps(found)


def test_an_inner_scope_may_use_the_names_of_the_outer_one():
    """AWS accepts a branch that assigns a variable which a catcher of its Parallel assigns, too."""

    def branch(name):
        return {"StartAt": name, "States": {name: {"Type": "Pass", "Assign": {"x": 1}, "End": True}}}

    state = {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "Assign": {"x": 2}, "End": True}
    assert examine({"StartAt": "P", "States": {"P": state}})[1] == []
