"""One process of a Lambda function: started, fed through the Runtime API, measured, killed for real."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple, NoReturn

from stepwell.resources.wire import LARGEST, Gone, Line, Request, TooLarge, reply

API = "/2018-06-01/runtime"
# What starts a handler: our client of the Runtime API; a test has AWS's own in its place.
COMMAND: tuple[str, ...] = (sys.executable, str(Path(__file__).parents[1] / "runtime" / "bootstrap.py"))


class Function(NamedTuple):
    """A Lambda function as it is registered here; `timeout` in seconds, `memory` in MB."""

    arn: str
    handler: str
    folder: Path
    environment: dict[str, str]
    timeout: float = 900
    memory: int = 1024
    shown_folder: str | None = None  # what its errors call the folder, if they are not to name it

    @property
    def name(self) -> str:
        parts = self.arn.split(":")
        return parts[6] if len(parts) > 6 else parts[-1]

    @property
    def version(self) -> str:
        return ":".join(self.arn.split(":")[7:]) or "$LATEST"


class Response(NamedTuple):
    """What an invocation has come to: a JSON text, or an error name with its cause (a JSON text, as Lambda's is)."""

    text: str | None
    error: str | None = None
    cause: str | None = None
    ms: int = 0
    mb: int | None = None


class FunctionProcess:
    """An execution environment, in Lambda's words: it serves one invocation at a time and is kept warm between them."""

    def __init__(self, function: Function, logs: Path) -> None:
        self.function = function
        self.stream = f"{function.name}/{time.strftime('%Y-%m-%d')}/{token_hex(8)}.log"
        log = logs / self.stream
        log.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            self._log = _held(held, os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600))
            self._line = Line()
            held.callback(self._line.close)
            self._start(held)
            self._held = held.pop_all()

    def _start(self, held: ExitStack) -> None:
        """`_ended` becomes readable when the process ends; elsewhere than on Linux it is a pipe that it holds open."""
        pidfd = getattr(os, "pidfd_open", None)
        with ExitStack() as given:
            lifeline, _ = _pipe(given, held)
            ended, alive = _pipe(given if pidfd else held, given)
            self._process = subprocess.Popen(
                COMMAND,
                cwd=self.function.folder,
                env=self._environment(lifeline),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(lifeline, alive),
                start_new_session=True,
            )
            self._ended = _held(held, pidfd(self.pid)) if pidfd else ended

    def _environment(self, lifeline: int) -> dict[str, str]:
        function = self.function
        return {
            **os.environ,
            **function.environment,
            "AWS_LAMBDA_RUNTIME_API": self._line.address,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "LAMBDA_TASK_ROOT": str(function.folder),
            "_HANDLER": function.handler,
            "PYTHONUNBUFFERED": "1",
            "STEPWELL_LIFELINE": str(lifeline),
        }

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        """Whether it may serve; one whose log was pruned may not, since nobody could read it."""
        over = select.poll()
        over.register(self._ended, select.POLLIN)
        return not over.poll(0) and os.fstat(self._log).st_nlink > 0

    def invoke(self, event: str, request_id: str) -> Response:
        """Run one invocation to its end. The process may be dead afterwards; it is for its owner to ask `alive`."""
        self._write(f"START RequestId: {request_id} Version: {self.function.version}\n")
        begun = time.monotonic()
        try:
            waiting = self._next(begun + self.function.timeout)
            response = self._serve(waiting, event, request_id) if waiting else self._timed_out(request_id)
        except Gone:
            response = self._died(request_id)
        except TooLarge:
            self._end()
            told = f"Response payload size exceeded maximum allowed payload size ({LARGEST} bytes)."
            response = blamed(json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": told}))
        except _InitFailed as failure:
            response = blamed(str(failure))
            self._end()
        ms = max(1, round((time.monotonic() - begun) * 1000))
        response = response._replace(ms=ms, mb=self._peak_mb())
        self._write(f"{self._line_end()}END RequestId: {request_id}\n")
        used = f"Max Memory Used: {response.mb} MB" if response.mb else ""
        self._write(f"REPORT RequestId: {request_id}\tDuration: {ms} ms\tBilled Duration: {ms} ms\t{used}\n")
        return response

    def _next(self, until: float) -> Request | None:
        """The process's request for its next event; starting up may fail instead."""
        while (request := self._line.receive(self._ended, until)) is not None:
            if request.path == f"{API}/invocation/next":
                return request
            reply(request)
            if request.path == f"{API}/init/error":
                raise _InitFailed(self._shown(request.body.decode()))
        return None

    def _serve(self, waiting: Request, event: str, request_id: str) -> Response:
        seconds = self.function.timeout
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.function.arn,
        }
        reply(waiting, event.encode(), headers)
        until = time.monotonic() + seconds
        while (request := self._line.receive(self._ended, until)) is not None:
            reply(request)
            text = request.body.decode(errors="replace")
            if request.path == f"{API}/invocation/{request_id}/response":
                return Response(_json(text))
            if request.path == f"{API}/invocation/{request_id}/error":
                return blamed(self._shown(text))
        return self._timed_out(request_id)

    def _shown(self, text: str) -> str:
        shown = self.function.shown_folder
        return text if shown is None else text.replace(str(self.function.folder), shown)

    def _timed_out(self, request_id: str) -> Response:
        self._end()
        told = f"Task timed out after {self.function.timeout:.2f} seconds"
        return _failed("Sandbox.Timedout", request_id, told)

    def _died(self, request_id: str) -> Response:
        self._end()
        code = self._process.returncode
        how = f"signal: {(signal.strsignal(-code) or str(-code)).lower()}" if code < 0 else f"exit status {code}"
        told = f"with error: {how}" if code else "without providing a reason"
        return _failed("Runtime.ExitError", request_id, f"Runtime exited {told}")

    def _peak_mb(self) -> int | None:
        """The most memory that the process has ever held; None where the system does not tell."""
        try:
            with open(f"/proc/{self.pid}/status") as status:
                return next((int(line.split()[1]) // 1024 + 1 for line in status if line.startswith("VmHWM")), None)
        except OSError:
            return None

    def _line_end(self) -> str:
        """What is missing to the end of the line that the task has printed last."""
        last = os.pread(self._log, 1, max(0, os.fstat(self._log).st_size - 1))
        return "" if last in (b"", b"\n") else "\n"

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a disk that is full makes no failure of what has been done
            os.write(self._log, text.encode())

    def kill(self) -> None:
        """End the process and all that it has started, at once; until somebody has waited for it, the group is its."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _end(self) -> None:
        """Kill it and wait until it is gone, so that nobody takes it for alive."""
        self.kill()
        self._process.wait()

    def close(self) -> None:
        self._end()
        self._held.close()


def _held(files: ExitStack, file: int) -> int:
    """The file, which is closed with the others."""
    files.callback(os.close, file)
    return file


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    return _held(reading, ends[0]), _held(writing, ends[1])


class _InitFailed(Exception):
    """The function could not even be imported; the message is the error as Lambda reports it."""


def _failed(name: str, request_id: str, told: str) -> Response:
    blame = {"errorType": name, "errorMessage": f"RequestId: {request_id} Error: {told}"}
    return Response(None, name, json.dumps(blame, separators=(",", ":")))


def _json(text: str) -> str:
    """What is no JSON becomes a text, so that it can be read."""
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def blamed(cause: str) -> Response:
    """A failure in Lambda's own account of it, which names the error."""
    try:
        name = json.loads(cause)["errorType"]
    except (ValueError, LookupError, TypeError):
        name = "Lambda.Unknown"
        cause = (
            f"The cause could not be determined because Lambda did not return an error type. Returned payload: {cause}"
        )
    return Response(None, name, cause)
