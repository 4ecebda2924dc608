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


class NotChunkSafe(ConfigurationError):
    """The task could give other rows in chunks than as a whole."""


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


class SecretUnavailable(StepwellError):
    """A secret could not be read just now."""

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


class CheckFailed(StepwellError):
    """A check of the task found data that must not be committed."""

    kind = "data"


class NotReconciled(StepwellError):
    """Not every chunk of the task is done, or their rows do not add up."""

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


class ActivityDoesNotExist(StepwellError):
    """The specified activity does not exist."""


class InvalidOutput(StepwellError):
    """The provided JSON output data is not valid."""


class TaskTimedOut(StepwellError):
    """Task Timed Out: 'Provided task does not exist anymore'"""


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


class StateMachineTypeNotSupported(StepwellError):
    """This operation is not supported by this type of state machine"""


class ConflictException(StepwellError):
    """Updating or deleting a resource can cause inconsistency."""

    status = 409


class InvalidLoggingConfiguration(StepwellError):
    """Invalid Logging Configuration: Must specify exactly one Log Destination."""


class InvalidTracingConfiguration(StepwellError):
    """Invalid Tracing Configuration: enabled has not been set to true or false."""


class InvalidEncryptionConfiguration(StepwellError):
    """Invalid Encryption Configuration: A customer managed key needs its kmsKeyId."""


class MissingRequiredParameter(StepwellError):
    """Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"""


class ResourceNotFound(StepwellError):
    """Could not find the referenced resource."""


class TooManyTags(StepwellError):
    """A resource has at most 50 tags."""


class SerializationException(StepwellError):
    """The request's body is not what the protocol says."""


class Forbidden(StepwellError):
    """This is not for web pages or other machines."""

    status = 403


class InternalFailure(StepwellError):
    """The request processing has failed because of an unknown error."""

    status = 500


class UnknownOperationException(StepwellError):
    """The service has no such operation."""


class ValidationException(StepwellError):
    """The input does not satisfy the constraints of the service."""


# What the Lambda API answers with


class ResourceNotFoundException(StepwellError):
    """The function does not exist."""

    status = 404


class ResourceConflictException(StepwellError):
    """The resource already exists, or another operation is in progress."""

    status = 409


class InvalidParameterValueException(StepwellError):
    """One of the parameters in the request is not valid."""


class InvalidRequestContentException(StepwellError):
    """The request body could not be parsed as JSON."""


class RequestTooLargeException(StepwellError):
    """The request payload is larger than the limit."""

    status = 413


# What other services answer with


class ServiceError(StepwellError):
    """Another service of AWS has refused a call, or could not be reached.

    `modelled`: the action's own model knows the code. `http` is 0 where there was no answer.
    """

    def __init__(self, code: str, message: str, http: int = 400, request: str = "", modelled: bool = False) -> None:
        super().__init__(message)
        self.name, self.http, self.request, self.modelled = code, http, request, modelled

    @property
    def code(self) -> str:
        return self.name


# What the engine on this machine can fail with


class JournalError(StepwellError):
    """The journal could not be read or written."""

    status = 500


class ServiceStopped(StepwellError):
    """The engine is about to end."""

    status = 503


class OwnershipLost(StepwellError):
    """Another process has taken this execution over."""

    status = 500


class PostgresError(StepwellError):
    """The embedded PostgreSQL could not be installed, started or stopped."""

    kind = "configuration"


class ProgressUnavailable(StepwellError):
    """The progress of a task could not be read."""


class AwsError(StepwellError):
    """AWS refused a request."""

    def __init__(self, message: str | None = None, name: str = "") -> None:
        super().__init__(message)
        self.name = name  # AWS's name of the error


class BeyondLimits(StepwellError):
    """AWS allows less than the pipeline needs."""


class UsageError(StepwellError):
    """The command was used wrongly."""


class BundleError(UsageError):
    """The bundle would not run on Lambda."""


class NotOurs(UsageError):
    """What has this name was not made by Stepwell for this pipeline."""


class RunInProgress(UsageError):
    """A run of this pipeline is already under way."""
