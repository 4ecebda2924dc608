from typing import Any

from stepwell.insight.graph import mermaid


def task(action: str, **fields: Any) -> dict[str, Any]:
    own = {"Type": "Task", "Resource": "arn:aws:lambda:x", "Parameters": {"action": action}, "TimeoutSeconds": 60}
    data, bad = (
        {"ErrorEquals": ["DataError"], "Next": f"{action}Data"},
        {"ErrorEquals": ["A", "B"], "Next": f"{action}Bad"},
    )
    return own | {"Retry": [{"ErrorEquals": ["X"], "MaxAttempts": 1}], "Catch": [data, bad]} | fields


def with_fails(**states: dict[str, Any]) -> dict[str, Any]:
    fails = {c["Next"]: {"Type": "Fail"} for state in states.values() for c in state.get("Catch", [])}
    return states | fails


RESUMABLE = {
    "StartAt": "StartOrResume",
    "States": with_fails(
        StartOrResume={
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.stepwell.start_at", "IsPresent": False, "Next": "One"},
                {"Variable": "$.stepwell.start_at", "StringEquals": "one", "Next": "One"},
            ],
            "Default": "Unknown",
        },
        One=task("one", Next="Done"),
        Done={"Type": "Succeed"},
    )
    | {"Unknown": {"Type": "Fail"}},
}


def test_the_main_line_is_drawn_and_failures_stand_beside_it() -> None:
    assert mermaid(RESUMABLE) == [
        "stateDiagram-v2",
        "    [*] --> One",
        "    One : One",
        "    One : one, at most 60 s, 1 retry",
        "    note right of One : fails as oneData, oneBad",
        "    One --> Done",
        "    Done --> [*]",
    ]


def test_all_states_and_ways_are_drawn_when_asked_for() -> None:
    lines = mermaid(RESUMABLE, whole=True)
    assert "    [*] --> StartOrResume" in lines
    assert "    StartOrResume --> One : $.stepwell.start_at is one" in lines
    assert "    StartOrResume --> Unknown : otherwise" in lines
    assert "    One --> oneBad : A …" in lines
    assert "    oneData --> [*]" in lines
    assert not any("note" in line for line in lines)


def test_branches_and_iterations_are_drawn_inside_their_state() -> None:
    branches = [{"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in ("A", "B")]
    lanes = {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": True}}}
    machine = {
        "StartAt": "Both",
        "States": {
            "Both": {"Type": "Parallel", "Branches": branches, "Next": "Lanes"},
            "Lanes": {"Type": "Map", "ItemProcessor": lanes, "End": True},
        },
    }
    assert mermaid(machine) == [
        "stateDiagram-v2",
        "    [*] --> Both",
        "    state Both {",
        "        [*] --> A",
        "        A --> [*]",
        "        --",
        "        [*] --> B",
        "        B --> [*]",
        "    }",
        "    state Lanes {",
        "        [*] --> C",
        "        C --> [*]",
        "    }",
        "    Both --> Lanes",
        "    Lanes --> [*]",
    ]


def test_names_that_mermaid_does_not_take_become_titles() -> None:
    inner = {"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}
    machine = {"StartAt": "Für alle", "States": {"Für alle": {"Type": "Map", "Iterator": inner, "End": True}}}
    assert mermaid(machine) == [
        "stateDiagram-v2",
        "    [*] --> F_r_alle",
        '    state "Für alle" as F_r_alle {',
        "        [*] --> end_",
        "        end_ : end",
        "        end_ --> [*]",
        "    }",
        "    F_r_alle --> [*]",
    ]


def test_a_choice_that_combines_conditions_says_so_briefly() -> None:
    rule = {"And": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.b", "IsNull": True}], "Next": "B"}
    states = {"A": {"Type": "Choice", "Choices": [rule]}, "B": {"Type": "Succeed"}}
    assert "    A --> B : And …" in mermaid({"StartAt": "A", "States": states}, whole=True)
