"""What is refused when a state machine is made or changed: every mistake of its definition, in AWS's words."""

import json
from collections.abc import Iterator
from typing import Any

from stepwell.api.door import Answer, Door, Request, size_of
from stepwell.api.jackson import complaint
from stepwell.asl.machine import Machine, examine
from stepwell.asl.reader import Problem
from stepwell.errors import InvalidDefinition


def check_definition(text: str, type_: str) -> Machine:
    machine, problems = _examined(text, type_)
    problems = [problem for problem in problems if not problem.warning]
    if machine is None or problems:
        told = ", ".join(f"{p.code}: {p.what} at {p.at}" for p in problems)
        raise InvalidDefinition(f"Invalid State Machine Definition: '{told}'")
    return machine


def validate_state_machine_definition(_door: Door, request: Request) -> Answer:
    """Every mistake, each with its address; doubts only where the request asks for warnings."""
    _, problems = _examined(request["definition"], request.get("type", "STANDARD"))
    limit = size_of(request)
    told: list[Answer] = [
        {
            "severity": "WARNING" if problem.warning else "ERROR",
            "code": problem.code,
            "message": problem.what.strip(),
            "location": problem.at,
        }
        for problem in problems
        if request.get("severity") == "WARNING" or not problem.warning
    ]
    result = "OK" if all(problem.warning for problem in problems) else "FAIL"
    return {"result": result, "diagnostics": told[:limit], "truncated": len(told) > limit}


def _examined(text: str, type_: str) -> tuple[Machine | None, list[Problem]]:
    if not text.strip():
        return None, [Problem("MISSING_DESCRIPTION", "Received a null or empty workflow input.", "/")]
    machine, problems = examine(text)
    if any(problem.code == "INVALID_JSON_DESCRIPTION" for problem in problems):
        mistake = complaint(text)
        return None, [problem._replace(what=mistake or problem.what) for problem in problems]
    return machine, problems + list(_refused_in_express(json.loads(text), "", type_ == "EXPRESS"))


def _refused_in_express(machine: Any, at: str, express: bool) -> Iterator[Problem]:
    """An Express workflow, or child of a map run, waits for nobody: neither callbacks nor jobs nor activities."""
    for name, fields in _object(_object(machine).get("States")).items():
        state, here = _object(fields), f"{at}/States/{name}"
        told = _refusal(state.get("Resource")) if express and state.get("Type") == "Task" else None
        if told:
            yield Problem(
                "SCHEMA_VALIDATION_FAILED", f"Express state machine does not support {told}", f"{here}/Resource"
            )
        for field in ("Iterator", "ItemProcessor"):
            config = _object(_object(state.get(field)).get("ProcessorConfig"))
            if express and config.get("Mode") == "DISTRIBUTED":
                what = "Express state machine does not support the DISTRIBUTED mode of Map"
                yield Problem("SCHEMA_VALIDATION_FAILED", what, f"{here}/{field}/ProcessorConfig/Mode")
            inside = express or config.get("ExecutionType") == "EXPRESS"
            yield from _refused_in_express(state.get(field), f"{here}/{field}", inside)
        branches = state.get("Branches")
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from _refused_in_express(branch, f"{here}/Branches[{index}]", express)


def _object(value: Any) -> dict[str, Any]:
    """No fields where the definition has something else there."""
    return value if isinstance(value, dict) else {}


def _refusal(resource: Any) -> str | None:
    if not isinstance(resource, str):
        return None
    if ":activity:" in resource:
        return "Activity ARN"
    if resource.endswith(".waitForTaskToken"):
        return "'.waitForTaskToken' service integration "  # AWS writes two spaces here
    return "'.sync' service integration" if resource.endswith((".sync", ".sync:2")) else None
