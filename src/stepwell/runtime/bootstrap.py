"""Fetch an event, call the handler, post what came of it: what AWS's own runtime does in a Lambda function.

Started as a file, not as a module of the package: a function needs no Stepwell. The environment is Lambda's own:
AWS_LAMBDA_RUNTIME_API, _HANDLER, LAMBDA_TASK_ROOT and AWS_LAMBDA_FUNCTION_*.
"""

import _thread
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

API = "/2018-06-01/runtime"
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # frames that tell a user nothing
Handler = Callable[[Any, "LambdaContext"], Any]


class LambdaContext:
    """What a handler is told about its invocation; the names are AWS's."""

    def __init__(self, request_id: str, deadline_ms: int, arn: str) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.client_context = self.tenant_id = None
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        print(message, end="", flush=True)


class Fault(Exception):
    """What AWS's own client gives a name and words of its own; the comparison with it is a test."""

    def __init__(self, name: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name, self.trace = name, list(trace)


class Connection:
    """One HTTP/1.1 connection that is kept; http.client would cost 30 ms of every cold start."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = address
        self._read = self._socket.makefile("rb")

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[dict[str, str], bytes]:
        """The answer's headers, their names in lower case, and its body."""
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        if not self._read.readline():
            raise ConnectionError("the runtime API has gone away")
        headers: dict[str, str] = {}
        while (line := self._read.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return headers, self._read.read(int(headers.get("content-length", "0")))


def main() -> None:
    if "STEPWELL_LIFELINE" in os.environ:
        _thread.start_new_thread(_die_with_engine, (int(os.environ.pop("STEPWELL_LIFELINE")),))
    api = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:
        api.ask("POST", "/init/error", _blame(error, None))
        sys.exit(1)
    try:
        while True:
            headers, event = api.ask("GET", "/invocation/next")
            request_id = headers["lambda-runtime-aws-request-id"]
            outcome, body = _invoke(handler, headers, event)
            api.ask("POST", f"/invocation/{request_id}/{outcome}", body)
    except (ConnectionError, KeyboardInterrupt):
        os._exit(1)  # the engine has gone, and with it whoever would read an answer


def _invoke(handler: Handler, headers: dict[str, str], event: bytes) -> tuple[str, bytes]:
    """Which path the answer goes to, and its body."""
    request_id = headers["lambda-runtime-aws-request-id"]
    deadline = int(headers["lambda-runtime-deadline-ms"])
    context = LambdaContext(request_id, deadline, headers["lambda-runtime-invoked-function-arn"])
    try:
        result = handler(json.loads(event), context)
    except SystemExit:
        raise
    except BaseException as error:
        return "error", _blame(error, request_id)
    try:
        return "response", _body(result)
    except (TypeError, ValueError) as error:
        return "error", _blame(Fault("Runtime.MarshalError", f"Unable to marshal response: {error}"), request_id)


def _body(result: Any) -> bytes:
    """Bytes are the answer itself."""
    return result if isinstance(result, bytes) else json.dumps(result, ensure_ascii=False, default=_number).encode()


def _number(value: Any) -> Any:
    """The decimals of DynamoDB are numbers."""
    if "decimal" in sys.modules and isinstance(value, sys.modules["decimal"].Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _load(name: str) -> Handler:
    """`package.module.function`, imported from the task's folder."""
    root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    sys.path[0] = root  # in place of this file's own folder
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    try:
        module = __import__(module_name.replace("/", "."), fromlist=[function])
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        trace = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        what = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", what, [trace]) from None
    if not hasattr(module, function):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'")
    handler: Handler = getattr(module, function)
    return handler


def _blame(error: BaseException, request_id: str | None) -> bytes:
    """An exception as Lambda reports it, and a line of the log."""
    if isinstance(error, Fault):
        name, trace = error.name, error.trace
    else:
        import traceback

        frames = [tuple(frame) for frame in traceback.extract_tb(error.__traceback__)]  # without marks below the line
        ours = (OURS, "<frozen importlib")
        name, trace = type(error).__name__, traceback.format_list([f for f in frames if not f[0].startswith(ours)])
    blame = {"errorMessage": str(error), "errorType": name, "requestId": request_id or "", "stackTrace": trace}
    shown = "Traceback (most recent call last):\n" + "".join(trace) if trace else ""
    print(f"[ERROR] {name}: {error}\n{shown}", end="", file=sys.stderr, flush=True)
    return json.dumps(blame, ensure_ascii=False, separators=(",", ":")).encode()  # compact, as Lambda has it


def _die_with_engine(lifeline: int) -> NoReturn:
    """The engine holds the other end of this pipe: when it dies, however it dies, this whole process group does."""
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
