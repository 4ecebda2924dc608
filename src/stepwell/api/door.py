"""What the actions work on, and what they have in common: who is asked for, which page is wanted."""

import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from random import Random
from secrets import token_hex
from typing import Any, Literal, NamedTuple, TypeVar

from stepwell.api.arns import Qualified, check_arn, qualified
from stepwell.asl.outcome import Access, Call
from stepwell.asl.payload import Payload
from stepwell.errors import ExecutionDoesNotExist, InvalidToken, StateMachineDoesNotExist, StepwellError
from stepwell.journal.catalog import MachineRow
from stepwell.journal.journal import ExecutionRow, Journal
from stepwell.journal.runs import PENDING

Request = dict[str, Any]
Answer = dict[str, Any]
Written = Payload  # an answer that is JSON already
Row = TypeVar("Row")

HIGHEST = 2**63 - 1  # that a row of the journal can have for a number


class Later(NamedTuple):
    """An answer that can be given once an execution has ended, or at the latest after so many seconds.

    Without an execution: once there is one, when the action is performed again.
    """

    execution: int | None  # its number in the journal
    answer: Callable[[], Answer]
    seconds: float = 300  # as StartSyncExecution waits on AWS


class Outside(NamedTuple):
    """What TestState needs of those who reach the world.

    `call(call, seconds)` is a resource's result, or None, an error and a cause. `check_mock(resource, result, strict)`
    holds a result against the service's own model; ValidationException. `read_items(reader, text)` reads the items
    of a Map from a text that stands for their source; StatesError.
    """

    call: Callable[[Call, float], tuple[Payload | None, str | None, str | None]]
    check_mock: Callable[[str, Any, bool], None]
    read_items: Callable[[Access, str], list[Any]]


class Door:
    """What the actions work on. `owner` is who advances what is started here; `started` tells its worker."""

    outside: Outside

    def __init__(
        self,
        journal: Journal,
        owner: str,
        started: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal
        self.owner = owner
        self.started = started
        self.clock = clock
        self.redriven: dict[tuple[str, str], tuple[float, Answer]] = {}  # by ARN and token: when, and what was answered
        self.random = Random()  # noqa: S311  (which version an alias chooses)

    def now(self) -> int:
        return int(self.clock() * 1000)

    # Who is asked for

    def machine(self, arn: str) -> MachineRow:
        """A state machine by its own ARN; that of a version or an alias names none."""
        return existing(self.journal.catalog.machine(qualified(arn).arn), no_machine(arn))

    def machine_of(self, name: Qualified) -> MachineRow:
        """The state machine behind any of its ARNs."""
        return existing(self.journal.catalog.machine(name.machine), no_machine(name.arn))

    def execution(self, arn: str, child: bool = False) -> ExecutionRow:
        """`child`: also an Express execution, if a map run has started it."""
        row = self.journal.execution(arn)
        if not child or row is None or row.map_run is None:
            check_arn(arn, "execution")
        if row is None or row.status == PENDING:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return row


def existing(row: Row | None, missing: StepwellError) -> Row:
    """What was asked for, if it is there."""
    if row is None:
        raise missing
    return row


def no_machine(arn: str) -> StateMachineDoesNotExist:
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")


def given(**fields: Any) -> Answer:
    """The fields that have a value."""
    return {key: value for key, value in fields.items() if value is not None}


def seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def new_id() -> str:
    """Something unique in the form of a UUID."""
    digits = token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_ENCRYPTED = frozenset({"input", "output", "error", "cause", "variableReferences"})


def visible(request: Request, answer: Answer) -> Answer:
    """METADATA_ONLY leaves out what a key of the user's may encrypt."""
    if request.get("includedData") != "METADATA_ONLY":
        return answer
    shown = {key: value for key, value in answer.items() if key not in _ENCRYPTED}
    hidden: Answer = {"inputDetails": {"included": False}, "outputDetails": {"included": False}, "definition": "{}"}
    return shown | {key: value for key, value in hidden.items() if key in shown}


# Pages: a token is where the page before has ended, wrapped so that nobody takes it for something else


def page(
    field: str,
    request: Request,
    read: Callable[[Any, int], list[Row]],
    shown: Callable[[Row], Answer],
    by: Literal["name", "number", "id"] = "name",
) -> Answer:
    """A page of the rows that `read(after, limit)` has in the order of a name or, the highest first, of a number.

    One more than the page holds is asked for: whether it is there says if there is another page.
    """
    limit = size_of(request)
    rows = read((token_of(request) or "") if by == "name" else number_of(request), limit + 1)
    answer: Answer = {field: [shown(row) for row in rows[:limit]]}
    if len(rows) > limit:
        answer["nextToken"] = token_after(getattr(rows[limit - 1], by))
    return answer


def size_of(request: Request) -> int:
    return request.get("maxResults") or 100


def token_after(key: str | int) -> str:
    return b64encode(f"after:{key}".encode()).decode()


def token_of(request: Request) -> str | None:
    token = request.get("nextToken")
    if token is None:
        return None
    with suppress(ValueError):
        text = b64decode(token, validate=True).decode()
        if text.startswith("after:"):
            return text.removeprefix("after:")
    raise InvalidToken("Invalid Token: 'Invalid token'")


def number_of(request: Request) -> int | None:
    token = token_of(request)
    if token is not None and not (token.isdecimal() and int(token) <= HIGHEST):
        raise InvalidToken("Invalid Token: 'Invalid token'")
    return None if token is None else int(token)
