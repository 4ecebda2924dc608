"""The table of actions of the Step Functions API: each is a function of its name in the files beside this one."""

from collections.abc import Callable

from stepwell.api import activities, definitions, executions, machines, map_runs, tags, teststate, versions
from stepwell.api.door import Answer, Door, Later, Request, Written
from stepwell.api.validation import INPUTS
from stepwell.errors import UnknownOperationException

__all__ = ["ACTIONS", "Door", "aws_name", "perform"]

_FILES = (activities, definitions, executions, machines, map_runs, tags, teststate, versions)


def aws_name(function: str) -> str:
    """`start_execution` performs StartExecution."""
    return "".join(map(str.capitalize, function.split("_")))


# By AWS's name: what is called in a file as AWS's model calls one of its actions.
ACTIONS: dict[str, Callable[[Door, Request], Answer | Written | Later]] = {
    aws_name(name): function for file in _FILES for name, function in vars(file).items() if aws_name(name) in INPUTS
}

# They only read, so they need not wait for their turn with what is being written.
READS = frozenset(name for name in ACTIONS if name.startswith(("Describe", "List", "GetExecution")))

# They leave the journal alone, and may take long: any thread performs them.
ALONE = frozenset({"TestState"})


def perform(door: Door, action: str, request: Request) -> Answer | Written | Later:
    """Perform one action by its AWS name."""
    function = ACTIONS.get(action)
    if function is None:
        raise UnknownOperationException(f"unknown action {action}; known: {', '.join(sorted(ACTIONS))}")
    return function(door, request)
