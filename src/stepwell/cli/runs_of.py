"""What the commands that read runs share: the journal if there is one, a run's events, how its status looks."""

from typing import TYPE_CHECKING, Any

from stepwell.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from stepwell.cli.local import Reader

INTERRUPTED = "INTERRUPTED"  # known on this machine alone
COLOURS = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "ABORTED": "yellow",
    "PENDING_REDRIVE": "yellow",
    INTERRUPTED: "yellow",
}
NO_RUNS = "there are no runs here yet: `stepwell run` starts one"


def has_runs() -> bool:
    """Whether this folder has a journal: looking must not make one."""
    from stepwell.cli.local import home

    return (home() / "journal.db").exists()


def reader_here() -> "Reader | None":
    """A reader of this folder's journal, if there is one."""
    from stepwell.cli.local import Reader, home

    return Reader(home()) if has_runs() else None


def reader() -> "Reader":
    found = reader_here()
    if found is None:
        raise UsageError(NO_RUNS)
    return found


def all_events(client: Any, arn: str) -> list[dict[str, Any]]:
    from stepwell.operate.paging import items

    return list(items(client.get_execution_history, "events", executionArn=arn, maxResults=1000))


def words(status: str) -> str:
    return status.lower().replace("_", " ")


def began(execution: dict[str, Any]) -> "datetime":
    """When it was started, or redriven last."""
    moment: datetime = execution.get("redriveDate") or execution["startDate"]
    return moment


def pipeline_of(execution: dict[str, Any]) -> str:
    name: str = execution["stateMachineArn"].rpartition(":")[2]
    return name
