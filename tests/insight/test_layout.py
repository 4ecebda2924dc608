from itertools import combinations, pairwise
from typing import Any

from stepwell.insight.drawing import Look, svg
from stepwell.insight.layout import Node, layout


def line(*names: str, **more: dict[str, Any]) -> dict[str, Any]:
    """A machine of Pass states in a row; `more` replaces or adds states."""
    states: dict[str, Any] = {name: {"Type": "Pass", "Next": then} for name, then in pairwise(names)}
    return {"StartAt": names[0], "States": states | {names[-1]: {"Type": "Succeed"}} | more}


def overlap(one: Node, other: Node) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    above = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not (beside or above)


def choice(*targets: str) -> dict[str, Any]:
    rules = [{"Variable": "$.x", "IsNull": True, "Next": name} for name in targets]
    return {"Type": "Choice", "Choices": rules}


def test_a_state_stands_below_the_one_that_leads_to_it() -> None:
    nodes = {node.name: node for node in layout(line("A", "B", "C")).nodes}
    assert nodes["A"].y < nodes["B"].y < nodes["C"].y


def test_no_two_states_of_a_machine_overlap() -> None:
    machine = line("A", "D", A=choice("B", "C", "D"), B={"Type": "Pass", "Next": "D"}, C={"Type": "Pass", "Next": "D"})
    for one, other in combinations(layout(machine).nodes, 2):
        assert not overlap(one, other), (one.name, other.name)


def test_what_a_parallel_does_stands_inside_of_it_side_by_side() -> None:
    branches = [line("B1", "B2"), line("C1", "C2", "C3")]
    picture = layout(line("A", "P", "Z", P={"Type": "Parallel", "Branches": branches, "Next": "Z"}))
    nodes = {node.name: node for node in picture.nodes}
    outer = nodes["P"]
    for name in ("B1", "B2", "C1", "C2", "C3"):
        assert outer.x < nodes[name].x
        assert nodes[name].x + nodes[name].width < outer.x + outer.width
        assert outer.y < nodes[name].y
        assert nodes[name].y + nodes[name].height < outer.y + outer.height
    assert not overlap(nodes["B1"], nodes["C1"])


def test_a_way_back_runs_beside_the_states_and_not_through_them() -> None:
    picture = layout(line("A", "Wait", "Ask", "Z", Ask=choice("Wait", "Z")))
    back = next(edge for edge in picture.edges if edge.kind == "back")
    assert (back.start, back.end) == ("Ask", "Wait")
    assert max(x for x, _ in back.points) > max(node.x + node.width for node in picture.nodes)


def test_a_way_over_several_layers_passes_no_state() -> None:
    picture = layout(line("A", "B", "C", "Z", A=choice("B", "Z")))
    way = next(edge for edge in picture.edges if (edge.start, edge.end) == ("A", "Z"))
    inner = [node for node in picture.nodes if node.name in ("B", "C")]
    for x, y in way.points[1:-1]:
        assert not any(n.x <= x <= n.x + n.width and n.y <= y <= n.y + n.height for n in inner)


def test_states_that_only_failures_lead_to_are_drawn_when_the_whole_machine_is() -> None:
    catch = {"Type": "Task", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Bad"}], "Next": "Z"}
    machine = line("A", "Z", A=catch, Bad={"Type": "Fail"})
    assert [node.name for node in layout(machine).nodes] == ["A", "Z"]
    assert {edge.kind for edge in layout(machine, whole=True).edges} == {"next", "catch"}


def test_a_hundred_states_are_laid_out() -> None:
    names = [f"S{number}" for number in range(100)]
    assert len(layout(line(*names)).nodes) == 100


def test_names_in_the_picture_are_escaped_and_long_ones_cut() -> None:
    name = "<script>alert('x')</script>" + "y" * 60
    text = svg(layout(line(name, "Z")))
    assert "<script>" not in text
    assert "…" in text


def test_a_state_wears_its_status() -> None:
    text = svg(layout(line("A", "Z")), {"A": Look("RUNNING", "3 s", 1000)}, link=lambda name: f"?state={name}")
    assert 'class="g-node g-running"' in text
    assert 'data-since="1000"' in text
    assert 'href="?state=A"' in text


def test_a_picture_of_its_own_brings_its_style() -> None:
    assert "prefers-color-scheme: dark" in svg(layout(line("A", "Z")), standalone=True)
