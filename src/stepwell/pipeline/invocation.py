"""What a Lambda invocation asks for, read from its event: by Step Functions, or bare from a console."""

import json
import os
from typing import Any

from stepwell.errors import BadInput
from stepwell.pipeline.params import RESERVED

_KNOWN = ("action", "timeout", "context", "input")
_PASSED = ("phase", "lane", "number")  # by a machine that was compiled for a task in chunks
PHASES = ("plan", "lane", "reconcile", "prove", "show", "tune", "replay")  # of a task in chunks; replay of any


class Invocation:
    """One call of a pipeline's function.

    `run` stays the same over retries and resumes, `execution` is who asks now, `input` is the run's input as given.
    Of a task in chunks: the `phase` (None: all of them), the `lane`, and the `number` of the plan that it belongs to.
    """

    __slots__ = (
        "action",
        "clear",
        "execution",
        "input",
        "lane",
        "number",
        "phase",
        "request_id",
        "retries",
        "run",
        "state",
        "timeout",
        "window",
    )

    def __init__(self, event: object, request_id: str | None, example: str) -> None:
        """Raises BadInput that shows what an event looks like if it has no action, or something unknown."""
        event = _checked(event, example)
        self.request_id = request_id or os.urandom(8).hex()
        self.action: str = event["action"]
        self.timeout: float | None = event.get("timeout")
        self.phase: str | None = event.get("phase")
        self.lane: int = event.get("lane") or 0
        self.number: int | None = event.get("number")
        context = _object(event, "context")
        execution = _object(context, "Execution")
        self.input: object = execution.get("Input", event.get("input", {}))
        self.execution: str = execution.get("Id") or self.request_id
        state = _object(context, "State")
        self.retries: int = state.get("RetryCount") or 0
        self.state: str = state.get("Name") or ""
        own = _own(self.input)
        self.run = _text(own, "run") or execution.get("Name") or f"invoke-{self.request_id}"
        self.window = _text(own, "window")
        self.clear = self.action in _names(own, "clear")


def _checked(event: object, example: str) -> dict[str, Any]:
    shape = json.dumps({"action": example, "input": {}})
    if not isinstance(event, dict):
        raise BadInput(f"the event must be a JSON object like {shape}, not {type(event).__name__}")
    if not isinstance(event.get("action"), str):
        raise BadInput(f"the event names no action; an event looks like {shape}")
    for key in event:
        if key not in _KNOWN + _PASSED:
            raise BadInput(
                f"unknown key {key!r} in the event; known: {', '.join(_KNOWN)}; parameters go into input: {shape}"
            )
    timeout = event.get("timeout")
    if timeout is not None and (type(timeout) not in (int, float) or not timeout > 0):
        raise BadInput(f"timeout must be seconds, a number above 0, not {timeout!r}")
    if event.get("phase") not in (None, *PHASES):
        raise BadInput(f"phase must be one of {', '.join(PHASES)}, not {event['phase']!r}")
    for key in ("lane", "number"):
        if event.get(key) is not None and type(event[key]) is not int:
            raise BadInput(f"{key} must be a whole number, not {event[key]!r}")
    return event


def _object(holder: dict[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise BadInput(f"{key} must be a JSON object (of Step Functions' context object), not {value!r:.80}")
    return value or {}


def _own(given: object) -> dict[str, Any]:
    own = given.get(RESERVED) if isinstance(given, dict) else None
    if own is not None and not isinstance(own, dict):
        raise BadInput(f"{RESERVED!r} in the run's input is Stepwell's own and must be an object, not {own!r:.80}")
    return own or {}


def _text(own: dict[str, Any], key: str) -> str:
    value = own.get(key)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{RESERVED}.{key} in the run's input must be text, not {value!r:.80}")
    return value or ""


def _names(own: dict[str, Any], key: str) -> list[str]:
    value = own.get(key)
    if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise BadInput(f"{RESERVED}.{key} in the run's input must be a list of tasks, not {value!r:.80}")
    return value or []
