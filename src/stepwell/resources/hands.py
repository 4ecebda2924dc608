"""What a Task's resource does: a function is run, a service is asked, a job is waited for until it has ended.

*Who waits for what.* A request is over with its answer. A job (`.sync`) is submitted with the answer and over when the
job is: the thread that has called goes on asking. A callback (`.waitForTaskToken`) is submitted and over when somebody
sends its token back, an activity likewise without any call: no thread waits for them. Scheduled and Started are on disk
before the call, Submitted follows it. *What a lost call means.* The call may have been heard or not, so it is an error,
which the state's Retry may answer; starting an execution is done again, because its name is derived from the event.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

from stepwell.errors import ConfigurationError, ServiceError, StepwellError
from stepwell.resources import integrations
from stepwell.resources.function import Response
from stepwell.resources.functions import Functions
from stepwell.resources.integrations import Failure, Integration, dumps, integration
from stepwell.resources.invoke import CALLBACK, invoke_elsewhere, is_function, result, wanted
from stepwell.resources.jobs import ended, job, jobs
from stepwell.resources.services import Services

_FIRST, _LONGEST = 0.1, 15.0  # seconds between two looks at a job
_DIED = "The outcome of this call is not known: the process that ran the execution has died meanwhile."
_INVOCATION = Integration("lambda", "invoke", "", sdk=False)


class Work(NamedTuple):
    """A call to make. `submitted` is the answer to one that was made before the process that made it died."""

    execution: str
    resource: str
    text: str  # of the arguments, JSON
    request: str
    submitted: str | None = None
    again: int = 0  # when it was announced, milliseconds: nobody knows whether it was made since


class Step(NamedTuple):
    """How far a call has come: it has a log, it is submitted, it has ended. `text` is its answer so far, JSON."""

    kind: Literal["began", "submitted", "ended"]
    text: str | None = None
    error: str | None = None
    cause: str | None = None
    log: str = ""
    ms: int | None = None
    mb: int | None = None


class _Waiting(threading.Event):
    """A thread that waits for a job; setting it wakes the thread."""

    cancelled = False


class Hands:
    """Used from many threads, one a call."""

    def __init__(self, functions: Functions, call: Services) -> None:
        self.functions = functions
        self.call = call
        self.watch: Callable[[str, Callable[[], None]], None] = lambda arn, tell: None  # tell of an execution's end
        self._waiting: dict[str, _Waiting] = {}

    def perform(self, work: Work) -> Iterator[Step]:
        """Make a call. What it yields last is its end, or that it is submitted to whoever has its token.

        It can be cancelled from now on, also before the first step is asked for.
        """
        waiting = self._waiting[work.request] = _Waiting()
        return self._steps(work, waiting)

    def _steps(self, work: Work, waiting: _Waiting) -> Iterator[Step]:
        try:
            if waiting.cancelled:
                return
            if is_function(work.resource):
                yield from self._invoke(work, waiting)
            else:
                yield from self._ask(work, integration(work.resource), waiting)
        except StepwellError as error:
            yield Step("ended", None, *self._failure(work, error))
        except Exception as fault:  # parameters of a kind that nobody has thought of must not leave the task hanging
            yield Step("ended", None, "States.Runtime", f"{type(fault).__name__}: {fault}")
        finally:
            self._waiting.pop(work.request, None)

    def cancel(self, request: str) -> None:
        """Nobody waits for this call any more: its function is killed, its job stopped."""
        waiting = self._waiting.get(request)
        if waiting is not None:
            waiting.cancelled = True
            waiting.set()
        self.functions.cancel(request)

    def refusal(self, resource: str, arguments: Any) -> str | None:
        """Why a service cannot even be asked: a field that its action does not have, or needs."""
        try:
            integrations.check(self.call, integration(resource), arguments)
        except ServiceError as error:
            return f"The Parameters '{dumps(arguments)}' could not be used to start the Task: [{error.message}]"
        except StepwellError:  # who calls it says so
            pass
        return None

    def lost(self, resource: str) -> Failure | None:
        """What a call has come to whose outcome nobody knows; None: it is made again."""
        if is_function(resource):
            return Failure("Lambda.Unknown", _DIED)
        if resource.partition(".")[0].endswith(":states:startExecution"):
            return None
        return self._failure(Work("", resource, "", ""), ServiceError("SdkClientException", _DIED, http=0))

    def _failure(self, work: Work, error: StepwellError) -> Failure:
        try:
            to = _INVOCATION if is_function(work.resource) else integration(work.resource)
            return integrations.failure(self.call, to, error, work.request)
        except StepwellError as unknown:
            return Failure("States.Runtime", unknown.message)

    # Functions

    def _invoke(self, work: Work, waiting: _Waiting) -> Iterator[Step]:
        asked, log = wanted(work.resource, work.text), ""
        if "AWS_ENDPOINT_URL_LAMBDA" in os.environ:
            response, version, status = invoke_elsewhere(self.call, asked)
        elif asked.kind == "DryRun":
            version = self.functions.known(self.functions.arn_of(asked.function, asked.qualifier)).version
            response, status = Response("{}"), 204
        else:
            arn = self.functions.arn_of(asked.function, asked.qualifier)
            try:
                process = self.functions.take(arn, work.request)
            except OSError as error:
                raise ServiceError(type(error).__name__, str(error), http=0) from None
            if waiting.cancelled:
                process.kill()
            log, version, status = process.stream, process.function.version, 200
            yield Step("began", log=log)
            run = partial(self.functions.invoke, process, asked.event, work.request)
            if asked.kind == "Event":
                threading.Thread(target=run, daemon=True).start()
                response, status = Response("{}"), 202
            else:
                response = run()
        text = response.text
        if text is not None and not asked.plain:
            text = result(text, work.request, version, status)
        kind: Literal["submitted", "ended"] = "submitted" if work.resource.endswith(CALLBACK) and text else "ended"
        yield Step(kind, text, response.error, response.cause, log, response.ms, response.mb)

    # Services

    def _ask(self, work: Work, to: Integration, waiting: _Waiting) -> Iterator[Step]:
        if to.pattern.startswith("sync") and to.key not in jobs():
            raise ConfigurationError(f"This machine cannot wait for {to.key}.{to.pattern}: see docs/tasks.md")
        given = _adapted(work, to)
        text = work.submitted
        if text is None:
            answer = self._begin(work, to, given)
            failed = _failed_entries(to, answer)
            if failed is not None:
                yield Step("ended", None, *failed)
                return
            text = dumps(answer)
            yield Step("submitted" if to.pattern else "ended", text)
        if to.pattern.startswith("sync"):
            yield self._wait(to, given, json.loads(text), waiting)

    def _begin(self, work: Work, to: Integration, given: Any) -> Any:
        try:
            return integrations.ask(self.call, to, given)
        except StepwellError as error:
            if not (work.again and error.code.startswith("ExecutionAlreadyExists")):
                raise
            machine = ":".join(given["StateMachineArn"].split(":")[:7])
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{given['Name']}"
            found = integrations.ask(self.call, to._replace(action="describeExecution"), {"ExecutionArn": arn})
            if found["StartDate"] < work.again:
                raise
            return {key: found[key] for key in ("ExecutionArn", "StartDate")}

    def _wait(self, to: Integration, given: Any, answer: Any, waiting: _Waiting) -> Step:
        begun, pause = job(to.key, given, answer), _FIRST
        if to.service == "states":
            self.watch(answer["ExecutionArn"], waiting.set)
        while True:
            if waiting.cancelled:
                action, parameters = begun.stop
                integrations.ask(self.call, to._replace(action=action), parameters)
                return Step("ended", None, "States.TaskFailed")
            found = self._look(to, *begun.look)
            well = None if found is None else begun.state(found := begun.read(found))
            if well is not None:
                text = dumps(ended(to.key, to.pattern, found))
                return Step("ended", text) if well else Step("ended", None, "States.TaskFailed", text)
            waiting.wait(pause)
            waiting.clear()
            pause = min(_LONGEST, pause * 1.5)

    def _look(self, to: Integration, action: str, parameters: Any) -> Any:
        """None where the service cannot be asked just now: its job goes on all the same."""
        try:
            return integrations.ask(self.call, to._replace(action=action), parameters)
        except ServiceError as error:
            if error.http and error.http < 500 and "Throttl" not in error.code:
                raise
            return None


def _adapted(work: Work, to: Integration) -> Any:
    """What an optimised integration adds to the state's parameters."""
    given = json.loads(work.text)
    if not to.sdk and isinstance(given, dict):
        if to.key == "states:startExecution" and given.get("Name") is None:
            given["Name"] = work.request
        elif to.key == "events:putEvents":
            machine = work.execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
            for entry in given.get("Entries", ()):
                entry["Resources"] = [*entry.get("Resources", ()), machine, work.execution]
    return given


def _failed_entries(to: Integration, answer: Any) -> Failure | None:
    """Services that answer well and have not done all that they were asked."""
    if to.sdk:
        return None
    if to.key == "events:putEvents" and answer.get("FailedEntryCount"):
        return Failure("EventBridge.FailedEntry", dumps(answer))
    return Failure("States.TaskFailed", dumps(answer)) if to.key == "ecs:runTask" and answer.get("Failures") else None
