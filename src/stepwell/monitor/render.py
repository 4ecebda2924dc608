"""Templates, and the words and marks that they share. Everything that is put into one is escaped."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from stepwell.insight.timeline import Bar, Timeline
from stepwell.insight.words import count, duration

_SIGNS = {
    "SUCCEEDED": "M4.2 8.3L7 11L11.8 5.4",
    "FAILED": "M5 5L11 11M11 5L5 11",
    "TIMED_OUT": "M8 4.4V8.4L10.6 10",
    "ABORTED": "M4.8 8H11.2",
    "CAUGHT": "M8 4.2V8.8M8 11.4V11.8",
    "INTERRUPTED": "M6.2 5V11M9.8 5V11",
    "WAITING": "",
}
_LONGEST = 200_000  # letters of a document that are shown


@cache
def templates() -> Environment:
    made = Environment(
        loader=PackageLoader("stepwell.monitor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "duration": duration,
        "count": count,
        "words": words,
        "when": when,
        "ms": milliseconds,
        "pretty": pretty,
        "percent": lambda part: f"{int(part * 1000) / 10:.1f} %",
        "rate": lambda rate: count(round(rate)) if rate >= 10 else f"{rate:.1f}",
    }
    made.globals |= {"sign": sign, "share": share, "width": width}
    return made


def render(template: str, values: dict[str, Any]) -> str:
    return templates().get_template(template).render(values)


def macro(template: str, name: str, *values: Any, **named: Any) -> str:
    """One part of a page, as it is sent when it has changed."""
    return str(getattr(templates().get_template(template).module, name)(*values, **named))


def words(status: str) -> str:
    return status.lower().replace("_", " ")


def when(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def sign(status: str) -> Markup:
    """The sign of a status; its word stands beside it, so that nobody has to know colours."""
    if status == "RUNNING":
        inner = '<circle class="ring" cx="8" cy="8" r="6.2"/><circle class="spin" cx="8" cy="8" r="6.2"/>'
    else:
        inner = f'<circle class="disc" cx="8" cy="8" r="8"/><path class="mark" d="{_SIGNS.get(status, "")}"/>'
    return Markup(
        '<svg class="sign s-{}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{}</svg>'
    ).format(
        status.lower(),
        Markup(inner),  # noqa: S704
    )


def share(moment: int, told: Timeline) -> str:
    """Where a moment is on a timeline, in percent."""
    end = told.end or milliseconds(datetime.now(UTC))
    return f"{100 * (moment - told.start) / max(1, end - told.start):.3f}"


def width(bar: Bar, told: Timeline) -> str:
    end = told.end or milliseconds(datetime.now(UTC))
    part = 100 * ((bar.end or end) - bar.start) / max(1, end - told.start)
    return f"{max(0.25, part):.3f}"


def pretty(text: str | None) -> Markup:
    """A JSON document, laid out, its parts told apart by colour; any other text as it is."""
    if text is None:
        return Markup("")
    try:
        laid_out = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        laid_out = text
    cut = len(laid_out) > _LONGEST
    shown = Markup("\n").join(_line(line) for line in laid_out[:_LONGEST].split("\n"))
    return shown + Markup("\n<i>… cut after 200,000 letters</i>") if cut else shown


def _line(line: str) -> Markup:
    """One line of json.dumps with indent: at most one key and one value."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    key, value = "", stripped
    if stripped.startswith('"'):
        end = _end_of_string(stripped)
        if stripped[end : end + 2] == ": ":
            key, value = stripped[:end], stripped[end + 2 :]
    shown = Markup("<b>{}</b>: ").format(key) if key else Markup("")
    return escape(indent) + shown + _value(value)


def _end_of_string(text: str) -> int:
    at = 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _value(text: str) -> Markup:
    bare = text.rstrip(",")
    kind = "s" if bare.startswith('"') else "n" if bare not in ("{", "}", "[", "]", "{}", "[]") and bare else ""
    return Markup('<span class="j{}">{}</span>').format(kind, text) if kind else escape(text)
