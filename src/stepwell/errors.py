"""Every error that Stepwell raises: the class docstring is the default message, the class name is the error's name.

The name is what a state machine's Retry and Catch match, since a Lambda function reports an exception under its type's
name. `kind` picks the Fail state that a compiled pipeline ends in; `retriable` says that trying again can help.
`code` and `status` are what the Step Functions API answers with.
"""

from typing import ClassVar


class StepwellError(Exception):
    """Something went wrong."""

    kind: ClassVar[str] = "other"  # configuration | timeout | data | other
    retriable: ClassVar[bool] = False
    status: ClassVar[int] = 400

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])

    @property
    def code(self) -> str:
        """The error's name in an API answer, in Retry and in Catch."""
        return type(self).__name__


# What a task can fail with, in the function's process


class ConfigurationError(StepwellError):
    """A setting, a file or the pipeline itself is wrong."""

    kind = "configuration"


class BadInput(StepwellError):
    """The run's input or the invocation's event is not what the pipeline expects."""

    kind = "configuration"


class UnknownAction(StepwellError):
    """The event names an action that this pipeline does not have."""

    kind = "configuration"


class DatabaseUnavailable(StepwellError):
    """No connection to the database could be made."""

    kind = "configuration"
    retriable = True


class ConnectionLost(StepwellError):
    """The connection to the database broke while the task was running; its transaction was rolled back."""

    retriable = True


class DeadlockDetected(StepwellError):
    """PostgreSQL ended the task's transaction to resolve a deadlock."""

    retriable = True


class SerializationFailure(StepwellError):
    """The task's transaction conflicted with a concurrent one."""

    retriable = True


class LockNotAvailable(StepwellError):
    """A lock that the task needs was not free in time."""

    retriable = True


class DeadlineExceeded(StepwellError):
    """The task did not finish before its deadline; its transaction was rolled back."""

    kind = "timeout"
    retriable = True


class DataError(StepwellError):
    """The data broke a rule of the database: a constraint, a type, a range."""

    kind = "data"


class SqlError(StepwellError):
    """PostgreSQL refused a statement."""


class Superseded(StepwellError):
    """A newer attempt of this task has begun; this one was rolled back."""


class TransactionMisuse(StepwellError):
    """The task ended the transaction that Stepwell commits for it."""


class ReceiptTooLarge(StepwellError):
    """A task returns counts and ids, never rows: its result is larger than 32 KB."""


# What a state machine's definition, or the evaluation of a state, can fail with


class InvalidDefinition(StepwellError):
    """The state machine's definition is wrong."""


class StatesError(StepwellError):
    """A state failed under an error name of the States Language.

    `name` is what Retry and Catch match (`States.Runtime`, `States.ParameterPathFailure` …); `message` is the cause.
    """

    def __init__(self, name: str, cause: str | None = None) -> None:
        super().__init__(cause)
        self.name = name
        self.cause = cause


# What the Step Functions API answers with


class InvalidArn(StepwellError):
    """The provided Amazon Resource Name (ARN) is not valid."""


class InvalidName(StepwellError):
    """The provided name is not valid."""


class InvalidExecutionInput(StepwellError):
    """The provided JSON input data is not valid."""


class InvalidToken(StepwellError):
    """The provided token is not valid."""


class ExecutionAlreadyExists(StepwellError):
    """The execution has the same name as another execution (but a different input)."""


class ExecutionDoesNotExist(StepwellError):
    """The specified execution does not exist."""


class ExecutionNotRedrivable(StepwellError):
    """The execution cannot be redriven."""


class StateMachineDoesNotExist(StepwellError):
    """The specified state machine does not exist."""


class StateMachineAlreadyExists(StepwellError):
    """A state machine with the same name but a different definition or role already exists."""


class ValidationException(StepwellError):
    """The input does not satisfy the constraints of the service."""


class ResourceNotFoundException(StepwellError):
    """The function does not exist."""

    status = 404


# What the engine on this machine can fail with


class JournalError(StepwellError):
    """The journal could not be read or written."""

    status = 500


class OwnershipLost(StepwellError):
    """Another process has taken this execution over."""

    status = 500


class PostgresError(StepwellError):
    """The embedded PostgreSQL could not be installed, started or stopped."""

    kind = "configuration"


class UsageError(StepwellError):
    """The command was used wrongly."""


class RunInProgress(UsageError):
    """A run of this pipeline is already under way."""
