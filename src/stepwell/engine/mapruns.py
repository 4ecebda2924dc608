"""A map run: how it is named, how it begins and ends in its parent's history, and when it may go on or must give up.

The parent's history has no event of a child. A map run is its children, counted: nothing else is kept of how far it is.
"""

from stepwell.asl.machine import Machine
from stepwell.asl.outcome import MapRun, Plan
from stepwell.asl.states import enter
from stepwell.engine.changes import Changes, RunChange
from stepwell.engine.context import scope_of
from stepwell.engine.events import blame
from stepwell.engine.execution import RUNNING, Execution, machines_of
from stepwell.engine.frames import Frame
from stepwell.engine.tasks import uuid_of

AT_ONCE = 1_000  # children at most, where MaxConcurrency sets no limit or a higher one; 10,000 on AWS
EXCEEDED = ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")


class Tally:
    """How far a map run is, in items (a child may have a batch of them), and within which limits."""

    def __init__(self, concurrency: int, tolerated_count: int, tolerated_percentage: float) -> None:
        self.limit(concurrency, tolerated_count, tolerated_percentage)
        self.total = 0
        self.failed = 0  # failed or timed out
        self.live: dict[int, int] = {}  # the children under way, each with its items

    def limit(self, concurrency: int, tolerated_count: int, tolerated_percentage: float) -> None:
        self.concurrency = concurrency
        self.tolerated_count = tolerated_count
        self.tolerated_percentage = tolerated_percentage

    @property
    def room(self) -> int:
        """How many children may be started now."""
        return min(self.concurrency or AT_ONCE, AT_ONCE) - len(self.live)

    @property
    def exceeded(self) -> bool:
        """A threshold that is 0 is not set; without any, the first failure ends the run."""
        if not (self.tolerated_count or self.tolerated_percentage):
            return self.failed > 0
        too_many = 0 < self.tolerated_count < self.failed
        return too_many or 0 < self.tolerated_percentage < 100 * self.failed / max(1, self.total)

    def ended(self, child: int, status: str) -> None:
        items = self.live.pop(child, 0)
        if status in ("FAILED", "TIMED_OUT"):
            self.failed += items


def plan_of(x: Execution, frame: Frame) -> Plan:
    """What the language says of the map run; said again after a restart."""
    outcome = enter(frame.here, frame.raw, scope_of(x, frame))
    if not isinstance(outcome, MapRun):
        raise AssertionError(f"{frame.here.name} began a map run before the restart and does not now")
    return outcome.plan()


def begin(changes: Changes, frame: Frame, plan: Plan) -> None:
    machine = changes.execution.machine_arn.partition("/")[0]
    label = plan.label or uuid_of(f"{machine}/{frame.here.name}")
    arn = f"{machine.replace(':stateMachine:', ':mapRun:')}/{label}:{uuid_of(changes.execution.arn, frame.last)}"
    changes.add("MapRunStarted", frame, details={"mapRunArn": arn})
    _changed(changes, frame, RUNNING, plan)


def begin_again(changes: Changes, frame: Frame) -> None:
    """A redrive goes on with the same run: with its unsuccessful children, and those never started."""
    if frame.run is not None:
        details = {"mapRunArn": frame.run.arn, "redriveCount": frame.run.redrives + 1}
        changes.add("MapRunRedriven", frame, details=details)
        _changed(changes, frame, RUNNING)


def end(changes: Changes, frame: Frame, status: str, error: str | None = None, cause: str | None = None) -> int:
    """The event that tells the end; its id."""
    _changed(changes, frame, status)
    return changes.add(f"MapRun{status.capitalize()}", frame, details=blame(error, cause) or None)


def _changed(changes: Changes, frame: Frame, status: str, plan: Plan | None = None) -> None:
    if frame.run is not None:
        changes.runs.append(RunChange(frame.number, frame.here.name, frame.run, status, plan))


def machine_within(machine: Machine, state: str) -> Machine | None:
    """The machine inside the Map of that name, however deep it is."""
    for each in machine.states.values():
        if each.name == state and each.type == "Map":
            return machines_of(each)[0]
        for inner in machines_of(each) if each.type in ("Map", "Parallel") else ():
            found = machine_within(inner, state)
            if found is not None:
                return found
    return None


# Names. All follow from the run's ARN and a child's place, so that a redo finds the same child.


def machine_of(run: str) -> str:
    """The ARN of the machine that a map run's children run."""
    return run.replace(":mapRun:", ":stateMachine:").rpartition(":")[0]


def child_of(run: str, place: int, express: bool) -> str:
    """The ARN of a child."""
    name = uuid_of(run, place)
    kind = f":{'express' if express else 'execution'}:"
    arn = f"{run.replace(':mapRun:', kind).rpartition(':')[0]}:{name}"
    return f"{arn}:{uuid_of(name)}" if express else arn
