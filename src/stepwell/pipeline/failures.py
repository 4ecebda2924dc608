"""What a compiled task does about errors: which are tried again, and the Fail state that each other kind ends in.

The cause of a Fail state is what an engineer reads first in the console, so it says what failed, why, what was
rolled back, and the command that goes on from there.
"""

from typing import Any

from stepwell import errors
from stepwell.errors import StepwellError
from stepwell.pipeline.names import FAILURES, VALIDATE, state_name
from stepwell.pipeline.task import Task

# AWS's list for calls of Lambda that failed before the function could answer:
# https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
TRANSIENT: dict[str, Any] = {
    "ErrorEquals": [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ],
    "IntervalSeconds": 1,
    "MaxAttempts": 3,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
_TIMED_OUT = ["States.Timeout", "Sandbox.Timedout"]  # by Step Functions, by Lambda
_LOST = ["Lambda.Unknown", "Runtime.ExitError"]  # the function's process died
_NOT_STARTED = ["Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.UserCodeSyntaxError"]
_NEVER_FROM_A_TASK = {"PostgresError"}


def retriers(task: Task) -> list[dict[str, Any]]:
    retry = task.retry
    names = [cls.__name__ for cls in _ours() if cls.retriable] + _TIMED_OUT + _LOST
    helpful = {
        "ErrorEquals": names + [name for name in retry.on if name not in names],
        "IntervalSeconds": retry.interval,
        "MaxAttempts": retry.max_attempts,
        "BackoffRate": retry.backoff,
    }
    return [dict(TRANSIENT), helpful]


def catchers(task: Task) -> list[dict[str, Any]]:
    own = state_name(task.name)
    return [{"ErrorEquals": _caught(kind), "Next": own + suffix} for kind, suffix in FAILURES.items()]


def fail_states(task: Task) -> dict[str, dict[str, Any]]:
    own = state_name(task.name)
    return {own + suffix: _fail(_TEXTS[kind], task) for kind, suffix in FAILURES.items()}


def _ours() -> list[type[StepwellError]]:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, StepwellError)]
    return [cls for cls in found if cls.__name__ not in _NEVER_FROM_A_TASK]


def _caught(kind: str) -> list[str]:
    more = {"configuration": _NOT_STARTED, "timeout": _TIMED_OUT, "data": [], "other": []}
    names = [cls.__name__ for cls in _ours() if cls.kind == kind] + more[kind]
    return ["States.ALL"] if kind == "other" else names


# The first {} is the error's own text. A timeout by Step Functions has none, so its name stands there instead.
_TEXTS = {
    "configuration": (
        "{task} could not do its work: a setting, an input or a file is wrong, or the database is out of reach. {}",
        "$.Cause",
    ),
    "timeout": ("{task} did not finish within its timeout of {timeout} seconds; {attempts} ended with {}.", "$.Error"),
    "data": ("{task} met data that breaks a rule. {}", "$.Cause"),
    "other": ("{task} failed. {}", "$.Cause"),
}


def _fail(text: tuple[str, str], task: Task) -> dict[str, Any]:
    template, path = text
    if task.chunks is not None and template == _TEXTS["timeout"][0]:
        template = (
            "{task} did not finish: its chunks have " + str(task.chunks.deadline) + " seconds in all, and each of them "
            "as long as one invocation, {timeout} seconds; the last attempt ended with {}."
        )
    told = template.replace("{task}", task.name).replace("{timeout}", str(task.timeout))
    attempts = 1 + task.retry.max_attempts
    told = told.replace("{attempts}", f"the last of {attempts} attempts" if attempts > 1 else "its one attempt")
    whole = _escaped(f"{told} {_left_behind(task)} When it is put right: stepwell resume {{}}")
    return {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": f"States.Format('{whole}', {path}, $$.Execution.Name)"}


def _escaped(template: str) -> str:
    """In an argument of States.Format, a quote or backslash is written with a backslash before it."""
    return template.replace("\\", "\\\\").replace("'", "\\'")


def _left_behind(task: Task) -> str:
    if task.name == VALIDATE:
        return "Nothing was changed."
    if task.chunks is not None:
        return "What its chunks have committed stays done, and resuming goes on with the others."
    if task.needs_database and task.transaction:
        return "Its transaction was rolled back, tasks before it keep what they committed."
    return "It works without a transaction, so what it did remains, and resuming does it again."
