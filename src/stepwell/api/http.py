"""The server on loopback, and what it lets in: no other machine, no web page, nothing of another kind or too large.

CreateFunction is code execution, so a browser must not reach it, whatever page it shows: a page's requests carry an
Origin, or a Host that was rebound to this machine, or a content type that a form can send.
"""

import traceback
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import POLLIN, poll
from socket import MSG_PEEK, socket
from socketserver import TCPServer
from sys import stderr
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from stepwell.api.door import new_id
from stepwell.api.protocol import JSON_1_0, Reply, refusal
from stepwell.errors import (
    Forbidden,
    InternalFailure,
    RequestTooLargeException,
    SerializationException,
    StepwellError,
    UsageError,
)

HOST = "127.0.0.1"
FUNCTIONS = "/2015-03-31/functions"
LARGEST = 3 << 20  # bytes of a JSON body: a definition of 1 MB in which every other character is escaped
LARGEST_ZIP = 70_000_000  # bytes: 50 MB in base 64
IDLE = 90  # seconds that a connection may be silent: longer than clients keep theirs

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_JSON_TYPES = frozenset({JSON_1_0})
_REST_TYPES = frozenset({"", "application/json", "application/octet-stream", JSON_1_0})


class Call(NamedTuple):
    """A request that was let in."""

    method: str
    target: str  # X-Amz-Target
    path: str
    headers: Message
    body: bytes
    connection: socket

    def wanted(self) -> bool:
        """Whether the client still listens: what waits for a minute may wait for nobody."""
        ear = poll()
        ear.register(self.connection, POLLIN)
        try:
            return not ear.poll(0) or bool(self.connection.recv(1, MSG_PEEK))
        except OSError:
            return False

    @property
    def rest(self) -> bool:
        return self.path.startswith(FUNCTIONS)


class Server(ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, answer: Callable[[Call], Reply]) -> None:
        self.answer = answer
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not from 0 to 65535"
            raise UsageError(f"port {port} of {HOST} cannot be used: {why}; choose another with --port") from None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def server_bind(self) -> None:
        """Without asking a name server who we are, as the standard library's does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no matter of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "stepwell"
    sys_version = ""
    timeout = IDLE
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def _serve(self) -> None:
        try:
            call = self._let_in()
        except StepwellError as error:
            self.close_connection = True  # what is left of the body is not read
            self._send(refusal(error, self.path.startswith(FUNCTIONS)))
            return
        self._send(self._answer(call))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def _answer(self, call: Call) -> Reply:
        try:
            return self.server.answer(call)
        except StepwellError as error:
            return refusal(error, call.rest)
        except Exception as fault:
            print(f"{call.method} {call.path} {call.target}:", file=stderr)
            traceback.print_exception(fault)
            return refusal(InternalFailure(f"{type(fault).__name__}: {fault}"), call.rest)

    def _let_in(self) -> Call:
        headers = self.headers
        hosts = headers.get_all("Host") or []
        if len(hosts) != 1 or _host_of(hosts[0]) not in _LOOPBACK:
            raise Forbidden("The Host of a request must be this machine: 127.0.0.1 or localhost")
        if "Origin" in headers:
            raise Forbidden("Web pages are not served")
        path = urlsplit(self.path).path
        kind = headers.get_content_type() if "Content-Type" in headers else ""
        if kind not in (_REST_TYPES if path.startswith(FUNCTIONS) else _JSON_TYPES):
            raise SerializationException(f"The content type {kind or '(none)'} is not served; AWS's is {JSON_1_0}")
        body = self._body(LARGEST_ZIP if path.startswith(FUNCTIONS) else LARGEST)
        return Call(self.command, headers.get("X-Amz-Target", ""), self.path, headers, body, self.connection)

    def _body(self, limit: int) -> bytes:
        lengths = self.headers.get_all("Content-Length") or ["0"]
        if "Transfer-Encoding" in self.headers or len(lengths) > 1 or not lengths[0].isdecimal():
            raise SerializationException("A request needs one Content-Length")
        size = int(lengths[0])
        if size > limit:
            raise RequestTooLargeException(f"Request must be smaller than {limit} bytes for the operation")
        return self.rfile.read(size)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", new_id())
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Requests are not logged: histories say what has happened."""


def _host_of(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
