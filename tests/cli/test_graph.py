from typing import Any


def test_the_pipeline_is_drawn_with_a_note_for_the_failures_of_a_task(project: Any) -> None:
    lines = [line.strip() for line in project.said("graph").splitlines()]
    assert lines[0] == "stateDiagram-v2"
    assert [line for line in lines if "-->" in line] == [
        "[*] --> ValidateConfig",
        "ValidateConfig --> ExecuteTask01",
        "ExecuteTask01 --> ExecuteTask02",
        "ExecuteTask02 --> PipelineSuccess",
        "PipelineSuccess --> [*]",
    ]
    assert "note right of ExecuteTask02 : fails as ConfigurationFailed, TimedOut, DataFailed, Failed" in lines


def test_all_states_are_drawn_when_asked_for(project: Any) -> None:
    drawn = project.said("graph", "--all")
    for state in project.json("compile")["States"]:
        assert f"--> {state}" in drawn


def test_the_graph_can_be_a_picture_that_needs_nothing_else(project: Any) -> None:
    picture = project.said("graph", "--svg")
    assert picture.startswith("<svg xmlns=")
    assert "task_02" in picture
    assert "href" not in picture
