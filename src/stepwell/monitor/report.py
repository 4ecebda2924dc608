"""One run as one file: the same parts as its page, with styles and scripts inside, for a CI artifact or a mail."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stepwell.insight.drawing import STYLE
from stepwell.insight.timeline import title
from stepwell.monitor.render import render
from stepwell.monitor.source import Source
from stepwell.monitor.views import chunk_data, fragments, state_view
from stepwell.monitor.watched import Watched

_STATIC = Path(__file__).with_name("static")
_SCRIPTS = ("time.js", "grid.js")
_MODULE = re.compile(r"^import .*$\n|^export ", re.MULTILINE)


def report(source: Source, watched: Watched) -> str:
    """The text of the file. What runs say is escaped, and the page allows no script but its own, by its digest."""
    style = STYLE.read_text() + (_STATIC / "page.css").read_text()
    script = "".join(_MODULE.sub("", (_STATIC / name).read_text()) for name in _SCRIPTS) + "grids()\n"
    policy = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'"
    values: dict[str, Any] = {
        "watched": watched,
        "parts": fragments(source, watched, where=_where, live=False),
        "tasks": {name: chunk_data(task) for name, task in watched.tasks.items()},
        "states": [state_view(source, watched, name, None) for name in _called(watched)],
        "style": style,
        "script": script,
        "policy": policy,
        "title": title,
        "run_url": _where,
        "suffix": source.suffix,
    }
    return render("report.html", values)


def _called(watched: Watched) -> list[str]:
    """The states that have called something, in the order in which they were entered."""
    return list(dict.fromkeys(visit.name for visit in watched.story.visits if visit.attempts))


def _where(_: Watched, state: str = "", **__: Any) -> str:
    return f"#{quote(state)}-" if state else "#main"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
