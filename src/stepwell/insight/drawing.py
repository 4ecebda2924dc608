"""A picture of a definition as SVG: its states as boxes with a sign each, the ways between them as curves."""

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from stepwell.insight.layout import DOT, HEAD, LETTER, Edge, Node, Picture, Point

STYLE = Path(__file__).with_name("graph.css")
_MARGIN = 12
_SMALL = 6.2  # width of a letter of a note
# The sign of each status, in a circle of radius 8 around (0, 0).
_SIGNS = {
    "SUCCEEDED": "M-3.6 .3L-1 2.9L3.7-2.7",
    "FAILED": "M-3-3L3 3M3-3L-3 3",
    "TIMED_OUT": "M0-4V.4L2.8 2.4",
    "ABORTED": "M-3 0H3",
    "CAUGHT": "M0-4V1M0 3.6V4",
    "RUNNING": "",
    "INTERRUPTED": "M-2-3V3M2-3V3",
}


class Look(NamedTuple):
    """How a state stands in a run: its status, what is said below its name, and since when it is under way (ms)."""

    status: str
    detail: str
    since: int | None = None


def svg(
    picture: Picture,
    looks: Mapping[str, Look] | None = None,
    link: Callable[[str], str] | None = None,
    chosen: str | None = None,
    standalone: bool = False,
) -> str:
    """The text of an SVG element; `link` answers where a state leads to; `standalone`: a file of its own."""
    looks = looks or {}
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    head = f'viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" {head} role="img" aria-label="State machine">'
        if standalone
        else f'<svg class="graph" {head} role="group" aria-label="State machine">'
    )
    parts = [begin]
    if standalone:
        parts.append(f"<style>{STYLE.read_text()}</style>")
    parts.append(
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="g-head" d="M1 1L7 4L1 7z"/></marker></defs>'
    )
    holding = [node for node in picture.nodes if node.holds]
    parts += [_node(node, looks, link, chosen) for node in sorted(holding, key=lambda node: node.depth)]
    parts += [_edge(edge, looks) for edge in picture.edges]
    parts += [_node(node, looks, link, chosen) for node in picture.nodes if not node.holds]
    parts += [f'<circle class="g-dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT}"/>' for x, y in picture.dots]
    return "".join([*parts, "</svg>"])


def _node(node: Node, looks: Mapping[str, Look], link: Callable[[str], str] | None, chosen: str | None) -> str:
    look = looks.get(node.name)
    status = look.status if look else "NONE"
    classes = f"g-node g-{status.lower()}{' g-holds' if node.holds else ''}{' g-chosen' if node.name == chosen else ''}"
    detail = (look.detail if look else "") or node.note
    said = ", ".join(filter(None, (node.label, status.lower().replace("_", " ") if look else "", detail)))
    box = f'<rect class="g-box" width="{node.width:.0f}" height="{node.height:.0f}" rx="10"/>'
    middle = HEAD / 2 + 1 if node.holds else node.height / 2
    sign = f'<g class="g-sign" transform="translate(21 {middle:.0f})">{_sign(node, status)}</g>'
    inner = f"<title>{escape(said)}</title>{box}{sign}{_texts(node, detail, look)}"
    place = f'data-state="{escape(node.name)}" transform="translate({node.x:.1f} {node.y:.1f})"'
    body = f'<g class="{classes}" {place}>{inner}</g>'
    if link is None:
        return body
    return f'<a href="{escape(link(node.name))}" class="g-link" aria-label="{escape(said)}">{body}</a>'


def _sign(node: Node, status: str) -> str:
    circle = '<circle class="g-ring" r="8"/>'
    if status == "NONE":
        return circle + _kind(node.type)
    if status == "RUNNING":
        return circle + '<circle class="g-spin" r="8"/>'
    return f'{circle}<path class="g-mark" d="{_SIGNS.get(status, "")}"/>'


def _kind(type_: str) -> str:
    """What a state is, where no run tells how it stands."""
    shapes = {
        "Choice": "M0-4L4 0L0 4L-4 0z",
        "Wait": "M0-4V.4L2.8 2.4",
        "Parallel": "M-2.5-3.5V3.5M2.5-3.5V3.5",
        "Map": "M-3.5-2.5H3.5M-3.5 0H3.5M-3.5 2.5H3.5",
        "Succeed": _SIGNS["SUCCEEDED"],
        "Fail": _SIGNS["FAILED"],
        "Pass": "M-3 0H3M.5-2.5L3 0L.5 2.5",
    }
    return f'<path class="g-kind" d="{shapes.get(type_, "M-2-3L3 0L-2 3z")}"/>'


def _texts(node: Node, detail: str, look: Look | None) -> str:
    since = f' data-since="{look.since}"' if look and look.since is not None else ""
    if node.holds:
        name = _cut(node.label, int((node.width - 60) / LETTER * 0.6))
        x = 38 + len(name) * LETTER + 8
        fits = int((node.width - x - 12) / _SMALL)
        told = f'<text class="g-note" x="{x:.0f}" y="24"{since}>{escape(_cut(detail, fits))}</text>' if fits > 6 else ""
        return f'<text class="g-name" x="38" y="24">{escape(name)}</text>{told}'
    room = node.width - 48
    return (
        f'<text class="g-name" x="40" y="23">{escape(_cut(node.label, int(room / LETTER)))}</text>'
        f'<text class="g-note" x="40" y="40"{since}>{escape(_cut(detail, int(room / _SMALL)))}</text>'
    )


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(1, letters - 1)]}…"


def _edge(edge: Edge, looks: Mapping[str, Look]) -> str:
    gone = " g-gone" if edge.start in looks and (edge.end in looks or not edge.end) else ""
    gone = " g-gone" if not edge.start and edge.end in looks else gone
    head = ' marker-end="url(#arrow)"' if edge.end else ""
    path = f'<path class="g-way g-{edge.kind}{gone}" d="{_curve(edge)}"{head}/>'
    if not edge.label:
        return path
    (x, y), end = edge.points[-1], "middle"
    if edge.kind == "back":
        (x, y), end = edge.points[1], "end"
    return f'{path}<text class="g-label" x="{x:.1f}" y="{y - 13:.1f}" text-anchor="{end}">{escape(edge.label)}</text>'


def _curve(edge: Edge) -> str:
    if edge.kind == "back":
        return _cornered(edge.points)
    (x, y), *rest = edge.points
    text = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        if abs(to_x - x) < 0.5:
            text += f"L{to_x:.1f} {to_y:.1f}"
        else:
            bend = (to_y - y) / 2
            text += f"C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    return text


def _cornered(points: tuple[Point, ...]) -> str:
    (ax, ay), (bx, by), (_, cy), (dx, _) = points
    turn = 8 if cy > by else -8
    out = f"M{ax:.1f} {ay:.1f}H{bx - 8:.1f}Q{bx:.1f} {by:.1f} {bx:.1f} {by + turn:.1f}"
    return f"{out}V{cy - turn:.1f}Q{bx:.1f} {cy:.1f} {bx - 8:.1f} {cy:.1f}H{dx:.1f}"
