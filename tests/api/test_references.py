"""Which variables a state reads, by its query language."""

import json

import pytest

from stepwell.api.references import variable_references


def of(state, **machine):
    return variable_references(json.dumps({"StartAt": "S", "States": {"S": state}, **machine})).get(
        "variableReferences"
    )


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({"InputPath": "$x"}, ["x"]),
        ({"InputPath": "$.x"}, None),
        ({"InputPath": "$$.Execution.Id"}, None),
        ({"Parameters": {"a.$": "$x.y[0]", "b": "$z"}}, ["x"]),
        ({"Parameters": {"a.$": "States.Format('$no {}', $yes, $.x)"}}, ["yes"]),
        ({"Choices": [{"And": [{"Variable": "$a", "StringEqualsPath": "$b.c"}]}]}, ["a", "b"]),
        ({"Assign": {"x.$": "$y", "z": "$no"}}, ["y"]),
        ({"Type": "Pass", "Result": {"a.$": "$no"}}, None),
        ({"ErrorPath": "$e", "SecondsPath": "$$.Execution"}, ["e"]),
    ],
)
def test_a_path_or_template_reads_what_it_names(state, names):
    assert of(state) == (None if names is None else {"S": names})


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("{% $x + $y.z %}", ["x", "y"]),
        ("{% $states.input.x %}", None),
        ("{% $sum([1, $x]) %}", ["x"]),
        ("{% ($a := 1; $a + $b) %}", ["b"]),
        ("{% $map($list, function($v, $i) { $v * $f }) %}", ["f", "list"]),
        ("{% '$no' & $yes %}", ["yes"]),
        ("{% /* $no */ $yes %}", ["yes"]),
        ("{% $x@$i#$n.($i + $n) %}", ["x"]),
        ("$no", None),
    ],
)
def test_jsonata_reads_what_it_does_not_bind_itself(expression, names):
    assert of({"Output": expression}, QueryLanguage="JSONata") == (None if names is None else {"S": names})
    assert of({"Output": {"a": [expression]}, "QueryLanguage": "JSONata"}) == (None if names is None else {"S": names})


def test_the_states_inside_a_map_are_listed_by_their_own_names():
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "InputPath": "$x"}}}
    state = {"Type": "Map", "ItemsPath": "$list", "ItemProcessor": inner}
    assert of(state) == {"S": ["list"], "I": ["x"]}
    branches = [{"StartAt": "B", "States": {"B": {"Type": "Pass", "OutputPath": "$y"}}}]
    assert of({"Type": "Parallel", "Branches": branches}) == {"B": ["y"]}
