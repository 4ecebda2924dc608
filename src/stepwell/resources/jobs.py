"""`.sync`: what a call has begun, whether it has ended and how, and how it is stopped. `jobs.json` lists the jobs.

Everything is read from the state's parameters (`given`) and the answer to the call, which is on disk: whoever takes an
execution over goes on waiting. All names have a capital first letter.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]


class Job(NamedTuple):
    """Its two calls are actions with their parameters. Any other status than `good` and `busy` has failed."""

    look: tuple[str, Json]
    stop: tuple[str, Json]
    at: str  # where in the answer of `look` the job is
    status: str
    good: list[str]
    busy: list[str]

    def read(self, answer: Json) -> Json:
        found: Json = _dig(answer, self.at) if self.at else answer
        return found

    def state(self, found: Json) -> bool | None:
        """None while it runs, then whether it has ended well: an ECS task has if each of its containers has."""
        status = _dig(found, self.status)
        well = all(container.get("ExitCode") == 0 for container in found.get("Containers", ()))
        return None if status in self.busy else status in self.good and well


@cache
def jobs() -> dict[str, Json]:
    """What is known of each kind of job, by `service:action`."""
    known: dict[str, Json] = json.loads(Path(__file__).with_name("jobs.json").read_text(encoding="utf-8"))
    return known


def job(key: str, given: Json, answer: Json) -> Job:
    facts, source = jobs()[key], {"given": given, "answer": answer}
    look, stop = ((action, _filled(template, source)) for action, template in (facts["look"], facts["stop"]))
    return Job(look, stop, facts["at"], facts["status"], facts["good"].split(), facts["busy"].split())


def _filled(template: Any, source: Json) -> Any:
    if isinstance(template, dict):
        return {key: _filled(item, source) for key, item in template.items()}
    if isinstance(template, list):
        return [_filled(item, source) for item in template]
    return template[1:] if template.startswith("=") else _dig(source, template)


def _dig(value: Any, path: str) -> Any:
    """What is at this path; None where the last step leads nowhere."""
    *steps, last = path.split(".")
    for step in steps:
        value = value[int(step)] if step.isdecimal() else value[step]
    return value[int(last)] if last.isdecimal() else value.get(last)


# What a state sees of an execution that it has started and waited for.
_EXECUTION = ("Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "StartDate",
              "StateMachineArn", "Status", "StopDate")  # fmt: skip


def ended(key: str, pattern: str, found: Json) -> Json:
    """A job that has ended as the state sees it; `.sync:2` has JSON where `.sync` has texts of JSON."""
    found.pop("SdkHttpMetadata", None)
    found.pop("SdkResponseMetadata", None)
    if key != "states:startExecution":
        return found
    texts = ("Input", "Output") if pattern == "sync:2" else ()
    return {name: json.loads(found[name]) if name in texts else found[name] for name in _EXECUTION if name in found}
