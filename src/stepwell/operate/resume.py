"""Going on with a run: in the same execution where AWS would, else in a new one that begins at the task that failed.

AWS redrives from the state in which an execution has ended. A compiled pipeline ends in a Fail state, and to enter that
again helps nobody: so a failed task is resumed by a new execution of the same run. What was stopped or timed out as a
whole still stands at its task, and is redriven, unless the definition has changed.
"""

import json
from typing import Any, NamedTuple

from stepwell.errors import UsageError
from stepwell.operate.paging import items
from stepwell.operate.runs import RESERVED, Client, run_of


class Redrive(NamedTuple):
    """Go on in the same execution."""

    arn: str


class Restart(NamedTuple):
    """Start a new execution of the same run at a task."""

    name: str
    input: str
    start_at: str


def latest_of_run(client: Client, execution: dict[str, Any]) -> dict[str, Any]:
    """The newest execution of the run that this one belongs to."""
    run = run_of(execution)
    for item in _executions(client, execution["stateMachineArn"]):
        if item["name"] == execution["name"]:
            return execution
        other: dict[str, Any] = client.describe_execution(executionArn=item["executionArn"])
        if run_of(other) == run:
            return other
    return execution


def plan(
    client: Client, execution: dict[str, Any], definition: str, start_at: str | None = None, may_redrive: bool = True
) -> Redrive | Restart:
    """How to go on with an execution that has ended without success. `definition` is what the pipeline is now."""
    machine = json.loads(definition)
    unchanged = client.describe_state_machine_for_execution(executionArn=execution["executionArn"])["definition"]
    failed_in = _last_top_state(client, execution, json.loads(unchanged))
    stands = machine["States"].get(failed_in or "", {}).get("Type")
    if (
        may_redrive
        and start_at is None
        and unchanged == definition
        and stands in ("Task", "Parallel")
        and not _ended_in_fail(execution)
    ):
        return Redrive(execution["executionArn"])
    return _restart(client, execution, machine, start_at, failed_in)


def _restart(
    client: Client, execution: dict[str, Any], machine: dict[str, Any], start_at: str | None, failed_in: str | None
) -> Restart:
    actions = actions_of(machine)
    if start_at is not None and start_at not in actions:
        raise UsageError(f"unknown task {start_at!r}; this pipeline has: {', '.join(actions)}")
    begin = start_at or _action_at(machine, failed_in)
    if begin is None:
        raise UsageError(
            f"the run {execution['name']} ended in the state {failed_in}, which the pipeline does not have any more: "
            f"say where to go on, `stepwell resume {execution['name']} --from TASK`; tasks: {', '.join(actions)}"
        )
    document = json.loads(execution["input"])
    ours = {k: v for k, v in document.get(RESERVED, {}).items() if k == "window"}
    ours |= {"run": run_of(execution), "start_at": begin}
    if start_at is not None:
        ours["clear"] = actions[actions.index(start_at) :]
    name = _free_name(client, execution["stateMachineArn"], run_of(execution))
    return Restart(name, json.dumps(document | {RESERVED: ours}), begin)


def actions_of(machine: dict[str, Any]) -> list[str]:
    """The actions that a compiled pipeline calls, in order."""
    found, name = [], "ValidateConfig"
    while name is not None:
        state = machine["States"][name]
        branches = state.get("Branches", [{"StartAt": name, "States": {name: state}}])
        for branch in branches:
            parameters = branch["States"][branch["StartAt"]].get("Parameters", {})
            found += [parameters["action"]] if "action" in parameters else []
        name = state.get("Next")
    return found


def _action_at(machine: dict[str, Any], state: str | None) -> str | None:
    """The task to begin at so that this state is entered again."""
    if state is None or machine["States"].get(state, {}).get("Type") == "Choice":
        return "validate_config"
    found = machine["States"].get(state, {})
    branch = found.get("Branches", [{"StartAt": state, "States": {state: found}}])[0]
    action: str | None = branch["States"][branch["StartAt"]].get("Parameters", {}).get("action")
    return action


def _last_top_state(client: Client, execution: dict[str, Any], machine: dict[str, Any]) -> str | None:
    """The last Task or Parallel of the execution's machine itself, not of a branch of it, that was entered."""
    arn = execution["executionArn"]
    for event in items(client.get_execution_history, "events", executionArn=arn, reverseOrder=True):
        if event["type"] in ("TaskStateEntered", "ParallelStateEntered"):
            name: str = event["stateEnteredEventDetails"]["name"]
            if name in machine["States"]:
                return name
    return None


def _ended_in_fail(execution: dict[str, Any]) -> bool:
    """A pipeline's Fail states always give an error; what is stopped or times out as a whole does not end in one."""
    return bool(execution["status"] == "FAILED")


def _free_name(client: Client, machine: str, run: str) -> str:
    taken = {item["name"] for item in _executions(client, machine)}
    number = 2
    while f"{run}-{number}" in taken:
        number += 1
    return f"{run}-{number}"


def _executions(client: Client, machine: str) -> Any:
    return items(client.list_executions, "executions", stateMachineArn=machine)
