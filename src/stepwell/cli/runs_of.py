"""What the commands that read runs share: the journal if there is one, a run's events, its true status."""

from typing import TYPE_CHECKING, Any

from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.local import Reader

INTERRUPTED = "INTERRUPTED"  # under way, says the journal, but the process that drove it has died
COLOURS = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "ABORTED": "yellow",
    INTERRUPTED: "yellow",
}
NO_RUNS = "there are no runs here yet: `stepwell run` starts one"


def reader_here() -> "Reader | None":
    """A reader of this folder's journal; None where there is none, since looking must not make one."""
    from stepwell.cli.local import Reader, home

    return Reader(home()) if (home() / "journal.db").exists() else None


def reader() -> "Reader":
    found = reader_here()
    if found is None:
        raise UsageError(NO_RUNS)
    return found


def all_events(client: Any, arn: str) -> list[dict[str, Any]]:
    from stepwell.operate.paging import items

    return list(items(client.get_execution_history, "events", executionArn=arn, maxResults=1000))


def status_of(reader: "Reader", execution: dict[str, Any]) -> str:
    """AWS's status, or INTERRUPTED."""
    from stepwell.journal.owners import is_alive

    status: str = execution["status"]
    if status != "RUNNING":
        return status
    row = reader.journal.execution(execution["executionArn"])
    return status if row is None or is_alive(reader.folder, row.owner) else INTERRUPTED


def words(status: str) -> str:
    return status.lower().replace("_", " ")


def pipeline_of(execution: dict[str, Any]) -> str:
    name: str = execution["stateMachineArn"].rpartition(":")[2]
    return name
