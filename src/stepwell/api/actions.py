"""The table of actions of the Step Functions API: each is a function of its name in the files beside this one."""

from collections.abc import Callable

from stepwell.api import activities, definitions, executions, machines, map_runs, tags, teststate, versions
from stepwell.api.door import Answer, Door, Later, Request, Written
from stepwell.errors import UnknownOperationException

__all__ = ["ACTIONS", "Door", "perform"]

_FUNCTIONS: tuple[Callable[[Door, Request], Answer | Written | Later], ...] = (
    activities.create_activity,
    activities.delete_activity,
    activities.describe_activity,
    activities.get_activity_task,
    activities.list_activities,
    activities.send_task_failure,
    activities.send_task_heartbeat,
    activities.send_task_success,
    machines.create_state_machine,
    machines.delete_state_machine,
    machines.describe_state_machine,
    machines.describe_state_machine_for_execution,
    machines.list_state_machines,
    machines.publish_state_machine_version,
    machines.update_state_machine,
    definitions.validate_state_machine_definition,
    executions.describe_execution,
    executions.get_execution_history,
    executions.list_executions,
    executions.redrive_execution,
    executions.start_execution,
    executions.start_sync_execution,
    executions.stop_execution,
    map_runs.describe_map_run,
    map_runs.list_map_runs,
    map_runs.update_map_run,
    tags.list_tags_for_resource,
    tags.tag_resource,
    tags.untag_resource,
    teststate.test_state,
    versions.create_state_machine_alias,
    versions.delete_state_machine_alias,
    versions.delete_state_machine_version,
    versions.describe_state_machine_alias,
    versions.list_state_machine_aliases,
    versions.list_state_machine_versions,
    versions.update_state_machine_alias,
)

# By AWS's name: `start_execution` performs StartExecution.
ACTIONS = {"".join(map(str.capitalize, function.__name__.split("_"))): function for function in _FUNCTIONS}

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
