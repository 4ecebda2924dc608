"""Starting runs: which machine, under which name, with which input, and not while another is under way."""

import json
from collections.abc import Callable
from typing import Any

from stepwell.errors import BadInput, RunInProgress, StateMachineDoesNotExist

# A Step Functions client: boto3's, or the one of this machine. Its shapes are AWS's, and no type of ours.
Client = Any

RESERVED = "stepwell"  # the key of the input that is ours


def publish(client: Client, arn: str, name: str, definition: str, role: str) -> None:
    """Make the machine what the definition says; nothing happens where it says so already."""
    try:
        current = client.describe_state_machine(stateMachineArn=arn)
    except StateMachineDoesNotExist:
        client.create_state_machine(name=name, definition=definition, roleArn=role)
        return
    if current["definition"] != definition:
        client.update_state_machine(stateMachineArn=arn, definition=definition)


def input_text(given: str | None, **reserved: Any) -> str:
    """The execution's input: the run's parameters, and under `stepwell` what we say to the machine ourselves."""
    try:
        document = json.loads(given or "{}")
    except ValueError as error:
        raise BadInput(f"--input is not JSON: {error}; example: --input '{{\"days\": 7}}'") from None
    if not isinstance(document, dict):
        raise BadInput("--input must be a JSON object of parameters; example: --input '{\"days\": 7}'")
    if RESERVED in document:
        raise BadInput(f'--input must not contain "{RESERVED}", which is reserved: use --from, --name and --window')
    ours = {key: value for key, value in reserved.items() if value}
    return json.dumps(document | ({RESERVED: ours} if ours else {}))


def refuse_overlap(
    client: Client,
    machine: str,
    name: str | None,
    window: str,
    has_died: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> None:
    """RunInProgress while a run of this machine is under way, unless name and window both differ from it.

    `has_died` tells whether the process of a run has died, so that the run only waits to be resumed.
    """
    for execution in client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        other = client.describe_execution(executionArn=execution["executionArn"])
        if name is None or window == window_of(other):
            raise RunInProgress(_overlap(other["name"], other, has_died(other)))


def _overlap(name: str, other: dict[str, Any], has_died: bool) -> str:
    since = f"{other['startDate'].astimezone():%Y-%m-%d %H:%M:%S}"
    if has_died:
        what = f"the run {name}, begun {since}, was interrupted: its process has died. Go on with it"
        ways = f"(`stepwell resume {name}`)"
    else:
        what = f"the run {name} is under way since {since}: wait for it"
        ways = f"(`stepwell show {name}`)"
    return f"{what} {ways} or end it (`stepwell stop {name}`); to run beside it, give --name and another --window"


def ours_in(execution: dict[str, Any]) -> dict[str, Any]:
    """What the execution's input says under `stepwell`."""
    document = json.loads(execution["input"])
    ours = document.get(RESERVED) if isinstance(document, dict) else None
    return ours if isinstance(ours, dict) else {}


def window_of(execution: dict[str, Any]) -> str:
    return str(ours_in(execution).get("window", ""))


def run_of(execution: dict[str, Any]) -> str:
    """What stays the same over retries, redrive and resume."""
    return str(ours_in(execution).get("run", execution["name"]))
