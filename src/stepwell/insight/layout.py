"""Where the states of a definition stand in a picture: in layers from top to bottom, with what they contain inside.

Layers follow from the longest way to a state, their order from the middle of what leads there. A way that skips layers
keeps a free place in each of them, so that it never runs through a state; a way back runs along the right side.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from stepwell.insight.graph import about, condition, ends, followers, inside, is_resume, main_line

Definition = dict[str, Any]
Point = tuple[float, float]

LETTER = 7.4  # width of a letter of a state's name
NARROW, WIDE, HIGH = 168, 280, 52  # a state's box
GAP_X, GAP_Y = 28, 32
PADDING, HEAD = 16, 38  # of a state that contains others: around them, and for its own name
SPARE = 14  # the width of a place that only a way needs
DOT = 5  # radius of where a machine begins and ends
_SWEEPS = 3


class Node(NamedTuple):
    """A state. `label` is what people call it; `note` what it does; `holds`: there are others inside."""

    name: str
    type: str
    label: str
    note: str
    x: float
    y: float
    width: float
    height: float
    depth: int
    holds: bool


class Edge(NamedTuple):
    """A way through these points; `kind` is next, catch or back."""

    start: str
    end: str
    points: tuple[Point, ...]
    kind: str
    label: str


class Picture(NamedTuple):
    """`dots` are the places where machines begin and end; inner machines have none."""

    nodes: list[Node]
    edges: list[Edge]
    dots: list[Point]
    width: float
    height: float


class _Way(NamedTuple):
    start: str
    end: str
    kind: str
    label: str


def layout(definition: Definition, whole: bool = False) -> Picture:
    """The main line, or with `whole` every state and every way."""
    inner = _machine(definition, whole, 0, None)
    first = next((node for node in inner.nodes if node.depth == 0), None)
    if first is None:
        return inner
    top = HEAD
    moved = _moved(inner, 0, top)
    start = _start(definition, whole)
    begin = next(node for node in moved.nodes if node.name == start)
    dots: list[Point] = [(begin.x + begin.width / 2, top - 24)]
    edges = [Edge("", start, (dots[0], (dots[0][0], begin.y)), "next", "")]
    lowest = moved.height + top + 24
    states = definition["States"]
    finals = [node for node in moved.nodes if node.depth == 0 and ends(states[node.name]) and node.type != "Fail"]
    for node in finals:
        at = (node.x + node.width / 2, lowest)
        dots.append(at)
        edges.append(Edge(node.name, "", ((at[0], node.y + node.height), at), "next", ""))
    return Picture(moved.nodes, [*edges, *moved.edges], dots, moved.width, lowest + DOT + 2)


def _start(machine: Definition, whole: bool) -> str:
    states, start = machine["States"], str(machine["StartAt"])
    return str(states[start]["Choices"][0]["Next"]) if not whole and is_resume(states[start]) else start


def _machine(machine: Definition, whole: bool, depth: int, task: str | None) -> Picture:
    """One machine at (0, 0). `task`: it belongs to this task in chunks, whose lanes are shown as one."""
    states = machine["States"]
    start = _start(machine, whole)
    names = list(states) if whole else main_line(states, start)
    boxes = {name: _box(name, states[name], whole, depth, task) for name in names}
    ways = _ways(states, names, whole)
    layers, chains = _layers(names, start, ways)
    places, tall = _places(layers, {name: box[0] for name, box in boxes.items()})
    nodes, edges = [], []
    for name, (node, content) in boxes.items():
        x, y = places[name]
        nodes.append(node._replace(x=x, y=y))
        if content is not None:
            below = _moved(content, x + (node.width - content.width) / 2, y + HEAD)
            nodes += below.nodes
            edges += below.edges
    at = {node.name: node for node in nodes}
    forward = [_edge(way, at, [(places[n], tall[n]) for n in chains[way[:2]]]) for way in ways if way[:2] in chains]
    width = max((node.x + node.width for node in nodes), default=0.0)
    back = [_loop(way, at, width + 12 * (i + 1)) for i, way in enumerate(w for w in ways if w[:2] not in chains)]
    right = max([width, *(x for edge in back for x, _ in edge.points)])
    height = max((node.y + node.height for node in nodes), default=0.0)
    return Picture(nodes, [*edges, *forward, *back], [], right, height)


def _box(name: str, state: Definition, whole: bool, depth: int, task: str | None) -> tuple[Node, Picture | None]:
    """A state's size, and what is inside of it."""
    machines = [] if task is not None and state["Type"] == "Map" and not whole else inside(state)
    called = None if whole else _task_of(state)
    label = called or ("lanes" if task is not None and state["Type"] == "Map" else name)
    note = "in chunks" if called and state["Type"] == "Parallel" else _note(state)
    if not machines:
        width = min(WIDE, max(NARROW, len(label) * LETTER + 56, len(note) * 5.9 + 56))
        return Node(name, state["Type"], label, note, 0, 0, width, HIGH, depth, False), None
    content = _beside([_machine(each, whole, depth + 1, called) for each in machines])
    width = max(content.width + 2 * PADDING, len(label) * LETTER + 80, NARROW)
    node = Node(name, state["Type"], label, note, 0, 0, width, content.height + HEAD + PADDING, depth, True)
    return node, content


def _task_of(state: Definition) -> str | None:
    """The pipeline's task that a state runs: by its call, or by its first call where it works in chunks."""
    parameters = state.get("Parameters", {})
    action = parameters.get("action") if isinstance(parameters, dict) else None
    if isinstance(action, str):
        phase = parameters.get("phase")
        return action if phase is None else str(phase)
    branches = inside(state) if state["Type"] == "Parallel" else []
    if len(branches) == 1:
        first = branches[0]["States"][branches[0]["StartAt"]].get("Parameters", {})
        return str(first["action"]) if isinstance(first, dict) and first.get("phase") == "plan" else None
    return None


def _note(state: Definition) -> str:
    if state["Type"] == "Map" and "MaxConcurrency" in state:
        return f"{state['MaxConcurrency']} at a time"
    parts = about(state).split(", ")
    told = ", ".join(part for part in parts if part and not part.isidentifier())
    return told or {"Succeed": "succeeds", "Fail": "fails"}.get(state["Type"], str(state["Type"]))


def _beside(pictures: list[Picture]) -> Picture:
    """Machines side by side, as a Parallel runs them."""
    nodes, edges, x = [], [], 0.0
    for picture in pictures:
        moved = _moved(picture, x, 0)
        nodes += moved.nodes
        edges += moved.edges
        x += picture.width + GAP_X
    return Picture(nodes, edges, [], x - GAP_X, max(picture.height for picture in pictures))


def _moved(picture: Picture, x: float, y: float) -> Picture:
    nodes = [node._replace(x=node.x + x, y=node.y + y) for node in picture.nodes]
    edges = [edge._replace(points=tuple((a + x, b + y) for a, b in edge.points)) for edge in picture.edges]
    return Picture(nodes, edges, picture.dots, picture.width, picture.height)


# Layers


def _ways(states: Definition, names: list[str], whole: bool) -> list[_Way]:
    known = set(names)
    found: dict[tuple[str, str], _Way] = {}
    for name in names:
        state = states[name]
        for follower in followers(state):
            if follower in known:
                found.setdefault((name, follower), _Way(name, follower, "next", _label(state, follower, whole)))
        for catcher in state.get("Catch", []) if whole else []:
            label = catcher["ErrorEquals"][0] + (" …" if len(catcher["ErrorEquals"]) > 1 else "")
            found.setdefault((name, catcher["Next"]), _Way(name, catcher["Next"], "catch", label))
    return list(found.values())


def _label(state: Definition, follower: str, whole: bool) -> str:
    if state["Type"] != "Choice" or not whole:
        return ""
    told = next((condition(rule) for rule in state["Choices"] if rule.get("Next") == follower), "otherwise")
    return told if len(told) <= 40 else f"{told[:39]}…"


Chains = dict[tuple[str, str], list[str]]


def _layers(names: list[str], start: str, ways: list[_Way]) -> tuple[list[list[str]], Chains]:
    """Names by layer, spare places included, and by way the spare places that it passes (none: a way back)."""
    ahead = defaultdict(list)
    for way in ways:
        ahead[way.start].append(way.end)
    order = _depth_first([start, *names], ahead)
    place = {name: index for index, name in enumerate(order)}
    layer = dict.fromkeys(order, 0)
    for name in order:
        for follower in ahead[name]:
            if place[follower] > place[name]:
                layer[follower] = max(layer[follower], layer[name] + 1)
    layers: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name in order:
        layers[layer[name]].append(name)
    chains: Chains = {}
    for way in ways:
        if place[way.end] > place[way.start]:
            chain = [f"\0{way.start}\0{way.end}\0{at}" for at in range(layer[way.start] + 1, layer[way.end])]
            chains[way.start, way.end] = chain
            for index, spare in enumerate(chain, layer[way.start] + 1):
                layers[index].append(spare)
    return _ordered(layers, ways, chains), chains


def _depth_first(names: Iterable[str], ahead: dict[str, list[str]]) -> list[str]:
    """A topological order where there is one: every state before what it leads to, ways back aside."""
    done: list[str] = []
    seen: set[str] = set()
    for root in names:
        stack = [(root, iter(ahead[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            name, rest = stack[-1]
            follower = next((each for each in rest if each not in seen), None)
            if follower is None:
                done.append(name)
                stack.pop()
            else:
                seen.add(follower)
                stack.append((follower, iter(ahead[follower])))
    return done[::-1]


def _ordered(layers: list[list[str]], ways: list[_Way], chains: Chains) -> list[list[str]]:
    """Each layer sorted by the middle of its neighbours above, then below, a few times."""
    above, below = defaultdict(list), defaultdict(list)
    for way in ways:
        chain = chains.get((way.start, way.end))
        if chain is not None:
            stops = [way.start, *chain, way.end]
            for one, other in pairwise(stops):
                below[one].append(other)
                above[other].append(one)
    for sweep in range(_SWEEPS * 2):
        near, steps = (above, layers) if sweep % 2 == 0 else (below, layers[::-1])
        rank: dict[str, float] = {name: i for row in layers for i, name in enumerate(row)}
        for row in steps:
            row.sort(key=lambda name, rank=rank, near=near: _middle([rank[n] for n in near[name]], rank[name]))  # type: ignore[misc]
            rank |= {name: i for i, name in enumerate(row)}
    return layers


def _middle(places: list[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _places(layers: list[list[str]], nodes: dict[str, Node]) -> tuple[dict[str, Point], dict[str, float]]:
    """The upper left corner of each state and spare place, and how high its layer is; every layer is centred."""
    widths = [[nodes[name].width if name in nodes else SPARE for name in row] for row in layers]
    total = max((sum(row) + GAP_X * (len(row) - 1) for row in widths), default=0)
    places, tall, y = {}, {}, 0.0
    for row, sizes in zip(layers, widths, strict=True):
        x = (total - sum(sizes) - GAP_X * (len(row) - 1)) / 2
        high = max((nodes[name].height for name in row if name in nodes), default=HIGH)
        for name, width in zip(row, sizes, strict=True):
            places[name] = (x, y)
            tall[name] = high
            x += width + GAP_X
        y += high + GAP_Y
    return places, tall


# Ways


def _edge(way: _Way, at: dict[str, Node], spares: list[tuple[Point, float]]) -> Edge:
    one, other = at[way.start], at[way.end]
    points = [(one.x + one.width / 2, one.y + one.height)]
    for (x, y), high in spares:
        points += [(x + SPARE / 2, y), (x + SPARE / 2, y + high)]
    points.append((other.x + other.width / 2, other.y))
    return Edge(way.start, way.end, tuple(points), way.kind, way.label)


def _loop(way: _Way, at: dict[str, Node], x: float) -> Edge:
    one, other = at[way.start], at[way.end]
    a, b = (one.x + one.width, one.y + one.height / 2), (other.x + other.width, other.y + other.height / 2)
    if one is other:
        a, b = (a[0], a[1] + 10), (b[0], b[1] - 10)
    return Edge(way.start, way.end, (a, (x, a[1]), (x, b[1]), b), "back", way.label)
