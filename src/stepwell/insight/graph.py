"""A definition as a Mermaid state diagram: the main line alone, or every state and every way between them."""

from collections.abc import Iterator
from typing import Any

Definition = dict[str, Any]
_START_AT = "$.stepwell.start_at"


def mermaid(definition: Definition, whole: bool = False) -> list[str]:
    """Lines of a `stateDiagram-v2`. Without `whole`, states that only end in failure become notes."""
    return ["stateDiagram-v2", *_machine(definition, "    ", whole)]


def _machine(machine: Definition, indent: str, whole: bool) -> Iterator[str]:
    states = machine["States"]
    start = machine["StartAt"]
    if not whole and is_resume(states[start]):
        start = states[start]["Choices"][0]["Next"]
    names = list(states) if whole else main_line(states, start)
    yield f"{indent}[*] --> {_id(start)}"
    for name in names:
        yield from _state(name, states, indent, whole)
    for name in names:
        if whole:
            yield from (f"{indent}{line}" for line in _ways(name, states[name]))
        else:
            next_ones = dict.fromkeys(follower for follower in followers(states[name]) if follower in names)
            yield from (f"{indent}{_id(name)} --> {_id(follower)}" for follower in next_ones)
            if ends(states[name]):
                yield f"{indent}{_id(name)} --> [*]"


def main_line(states: Definition, start: str) -> list[str]:
    """What can be reached without a failure, in the order of reaching it."""
    reached, ahead = [], [start]
    while ahead:
        name = ahead.pop(0)
        if name not in reached and states[name]["Type"] != "Fail":
            reached.append(name)
            ahead += followers(states[name])
    return reached


def is_resume(state: Definition) -> bool:
    """The Choice with which a pipeline begins, that only a resumed run needs."""
    return state["Type"] == "Choice" and all(rule.get("Variable") == _START_AT for rule in state["Choices"])


def followers(state: Definition) -> list[str]:
    targets = [state.get("Next"), *(rule.get("Next") for rule in state.get("Choices", [])), state.get("Default")]
    return [target for target in targets if target is not None]


def ends(state: Definition) -> bool:
    return bool(state.get("End")) or state["Type"] in ("Succeed", "Fail")


def _state(name: str, states: Definition, indent: str, whole: bool) -> Iterator[str]:
    state = states[name]
    machines = inside(state)
    does = about(state)
    if machines:
        yield f"{indent}state {_id(name)} {{" if _id(name) == name else f'{indent}state "{name}" as {_id(name)} {{'
        for index, machine in enumerate(machines):
            if index:
                yield f"{indent}    --"
            yield from _machine(machine, f"{indent}    ", whole)
        yield f"{indent}}}"
    elif does or _id(name) != name:
        yield f"{indent}{_id(name)} : {name}"  # the first text is the title, the second stands below it
    if does:
        yield f"{indent}{_id(name)} : {does}"
    failures = [] if whole else [c["Next"] for c in state.get("Catch", []) if states[c["Next"]]["Type"] == "Fail"]
    if failures:
        told = ", ".join(failure.removeprefix(name) or failure for failure in failures)
        yield f"{indent}note right of {_id(name)} : fails as {told}"


def inside(state: Definition) -> list[Definition]:
    machine = state.get("ItemProcessor") or state.get("Iterator")
    return state.get("Branches", []) or ([machine] if machine else [])


def about(state: Definition) -> str:
    """What a task does: the action of a pipeline's function, how long it may take, how often it is tried."""
    parts = [str(action)] if (action := state.get("Parameters", {}).get("action")) else []
    if "TimeoutSeconds" in state:
        parts.append(f"at most {state['TimeoutSeconds']} s")
    tries = sum(retrier.get("MaxAttempts", 3) for retrier in state.get("Retry", [])[-1:])
    if tries:
        parts.append("1 retry" if tries == 1 else f"{tries} retries")
    return ", ".join(parts)


def _ways(name: str, state: Definition) -> Iterator[str]:
    own = _id(name)
    if "Next" in state:
        yield f"{own} --> {_id(state['Next'])}"
    for rule in state.get("Choices", []):
        yield f"{own} --> {_id(rule['Next'])} : {condition(rule)}"
    if "Default" in state:
        yield f"{own} --> {_id(state['Default'])} : otherwise"
    for catcher in state.get("Catch", []):
        first, *more = catcher["ErrorEquals"]
        yield f"{own} --> {_id(catcher['Next'])} : {first}{' …' if more else ''}"
    if ends(state):
        yield f"{own} --> [*]"


def condition(rule: Definition) -> str:
    """`$.stepwell.start_at is task_01`; a colon or semicolon would end the label."""
    if "Variable" not in rule:
        return next((word for word in ("And", "Or", "Not") if word in rule), "condition") + " …"
    variable = str(rule["Variable"])
    tests = [f"{variable} {key} {value}" for key, value in rule.items() if key not in ("Variable", "Next", "Comment")]
    return " and ".join(tests).replace(" StringEquals ", " is ").replace(";", ",").replace(":", "#58;").strip()


def _id(name: str) -> str:
    """A name that Mermaid takes; `end` and the like are words of its own."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)
    return f"{plain}_" if plain.lower() in ("end", "state", "note", "direction") else plain
