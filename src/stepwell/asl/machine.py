"""From a definition to a machine: every mistake is found at once, and each is told with its address."""

from json import loads
from typing import Any

from stepwell.asl.fields import check_language, read_dataflow, read_placement, read_way
from stepwell.asl.model import Machine, State
from stepwell.asl.reader import Problem, Reader
from stepwell.asl.retry import read_catch, read_retry
from stepwell.asl.states import KINDS
from stepwell.errors import InvalidDefinition

__all__ = ["Machine", "Problem", "State", "examine", "parse_machine"]

_TOP = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
_BRANCH = frozenset({"Comment", "StartAt", "States", "ProcessorConfig"})
_ANY_STATE = frozenset({"Type", "Comment", "QueryLanguage"})
_LONGEST_NAME = 80


def parse_machine(definition: str | dict[str, Any]) -> Machine:
    """Raises InvalidDefinition with one line for each mistake."""
    machine, problems = examine(definition)
    if machine is None:
        raise InvalidDefinition("\n".join(str(problem) for problem in problems if not problem.warning))
    return machine


def examine(definition: str | dict[str, Any]) -> tuple[Machine | None, list[Problem]]:
    """The machine, or None; and what is wrong with its definition, or doubtful."""
    fields = definition
    if isinstance(fields, str):
        try:
            fields = loads(fields)
        except (ValueError, RecursionError) as error:
            return None, [Problem("INVALID_JSON_DESCRIPTION", f"The definition is not JSON: {error}", "/")]
    if not isinstance(fields, dict):
        return None, [Problem("INVALID_JSON_DESCRIPTION", "Expected value of type Object", "/")]
    problems: list[Problem] = []
    reader = Reader(fields, "", problems)
    reader.allow(_TOP)
    machine = _Parser(_language(reader) == "JSONata").machine(reader)
    machine.timeout_seconds = reader.integer("TimeoutSeconds", 1)
    return (machine if all(problem.warning for problem in problems) else None), problems


class _Parser:
    """One pass over a definition. It remembers the names seen, which are unique across all branches.

    `jsonata`: the whole definition is in this language; a state's own choice does not reach into its branches.
    """

    def __init__(self, jsonata: bool) -> None:
        self.names: set[str] = set()
        self.jsonata = jsonata

    def machine(self, reader: Reader) -> Machine:
        reader.require("StartAt", "States")
        start = reader.text("StartAt") or ""
        states = self.states(reader)
        if reader.has("StartAt") and states and start not in states:
            reader.refuse(f"Missing 'StartAt' target: {start}", "StartAt", "MISSING_TRANSITION_TARGET")
        if states:
            _check_ways(reader, {start} if start in states else set(states))
        return Machine(start, states, reader.text("Comment"))

    def branch(self, reader: Reader) -> Machine:
        reader.allow(_BRANCH)
        return self.machine(reader)

    def states(self, reader: Reader) -> dict[str, State]:
        inner = reader.object("States")
        if inner is None:
            return {}
        if not inner.fields:
            inner.refuse("Value cannot be empty")
        return {name: self.state(inner, name) for name in inner.fields}

    def state(self, states: Reader, name: str) -> State:
        if name in self.names:
            states.refuse(f"Duplicate state name: {name}", name, "DUPLICATE_STATE_NAME")
        if not 0 < len(name) <= _LONGEST_NAME:
            states.refuse(f"A state's name has 1 to {_LONGEST_NAME} characters", name, "INVALID_STATE_NAME")
        self.names.add(name)
        reader = states.object(name) or Reader({"Type": "Fail"}, "", [])
        reader.require("Type")
        type_ = reader.text("Type") or ""
        if type_ not in KINDS:
            if reader.has("Type"):
                reader.refuse(f"Value must be one of: [{', '.join(KINDS)}]", "Type")
            type_ = "Fail"
            reader = Reader({}, reader.at, [])
        return self.compiled(reader, name, type_)

    def compiled(self, reader: Reader, name: str, type_: str) -> State:
        kind = KINDS[type_]
        language = _language(reader)
        if self.jsonata and language == "JSONPath":
            reader.refuse("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
        reader.jsonata, reader.state = self.jsonata or language == "JSONata", reader.at
        reader.allow(kind.fields | _ANY_STATE | (frozenset() if kind.ends else {"Next", "End"}))
        check_language(reader)
        target, flow = reader.text("Default") if kind.ends else _next(reader), read_dataflow(reader)
        return State(
            name,
            type_,
            read_way(reader, target, read_placement(reader)),
            flow,
            kind.compile(reader, self.branch),
            read_retry(reader),
            read_catch(reader),
            reader.jsonata,
        )


def _language(reader: Reader) -> str | None:
    language = reader.text("QueryLanguage")
    if language not in (None, "JSONPath", "JSONata"):
        reader.refuse("Value must be one of: [JSONPath, JSONata]", "QueryLanguage")
    return language


def _next(reader: Reader) -> str | None:
    ends = reader.boolean("End")
    target = reader.text("Next")
    if reader.has("Next") == ends:
        reader.refuse("Exactly one of these fields is required: [Next, End]")
    return target


def _check_ways(reader: Reader, start: set[str]) -> None:
    """Every target exists, every state can be reached, and from every state there is a way to an end."""
    states: dict[str, Any] = reader.fields["States"]
    ways: dict[str, set[str]] = {name: set() for name in states}
    back: dict[str, set[str]] = {name: set() for name in states}
    for name, state in states.items():
        for field, target in targets(state):
            if target in states:
                ways[name].add(target)
                back[target].add(name)
            else:
                at = f"States/{name}/{field}"
                reader.refuse(f"Missing 'Next' target: {target}", at, "MISSING_TRANSITION_TARGET")
    reached = _reached(ways, start)
    for name in states:
        if name not in reached:
            reader.refuse(f'State "{name}" is not reachable.', f"States/{name}", "MISSING_TRANSITION_TARGET")
    ending = _reached(back, {name for name, onward in ways.items() if not onward or states[name].get("End")})
    endless = [name for name in states if name in reached - ending]
    if endless:
        what = f'No way leads from state "{endless[0]}" to the end of the state machine.'
        reader.warn(what, f"States/{endless[0]}", "NO_TERMINAL_STATE")


def _reached(ways: dict[str, set[str]], found: set[str]) -> set[str]:
    open_ends = list(found)
    while open_ends:
        new = ways[open_ends.pop()] - found
        found |= new
        open_ends += new
    return found


def targets(state: Any) -> list[tuple[str, str]]:
    """The addresses and names of the states that this one names."""
    if not isinstance(state, dict):
        return []
    named = [(field, state.get(field)) for field in ("Next", "Default")]
    for field in ("Choices", "Catch"):
        entries = state.get(field)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict):
                named.append((f"{field}[{index}]/Next", entry.get("Next")))
    return [(field, target) for field, target in named if isinstance(target, str)]
