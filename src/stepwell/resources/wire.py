"""The engine's side of the Lambda Runtime API: one function process, one listener, no thread of its own.

Whoever asks for the next event on a listener is the process that the listener was made for. A request that nobody
waits for stays in the system's buffers until the next invocation reads it.
"""

import select
import socket
import time
from contextlib import suppress
from typing import NamedTuple

ACCEPTED = b'{"status":"OK"}'
LARGEST = 6_291_556  # bytes of an answer that Lambda takes


class Request(NamedTuple):
    """One request of the function's process; `connection` is where the answer goes."""

    connection: socket.socket
    path: str
    body: bytes


class Gone(Exception):
    """The function's process has ended."""


class TooLarge(Exception):
    """It is about to send more than Lambda takes."""


class Line:
    """The listener of one function process and the connections that it has made."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._partial: dict[socket.socket, bytes] = {}  # what each connection has sent of its next request

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def receive(self, process: int, until: float) -> Request | None:
        """The next request; None when that time has come. `process` is a file that becomes readable when it ends."""
        while (left := until - time.monotonic()) > 0:
            ready = self._wait(process, left)
            if self._listener.fileno() in ready:
                self._accept()
            for connection in [c for c in self._partial if c.fileno() in ready]:
                request = self._read(connection)
                if request is not None:
                    return request
            if process in ready:
                raise Gone
        return None

    def _wait(self, process: int, seconds: float) -> set[int]:
        poll = select.poll()
        for source in (self._listener.fileno(), process, *(c.fileno() for c in self._partial)):
            poll.register(source, select.POLLIN)
        return {file for file, _ in poll.poll(seconds * 1000)}

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._partial[connection] = b""

    def _read(self, connection: socket.socket) -> Request | None:
        """What a connection has sent now, if a request is whole with it."""
        try:
            data = connection.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            del self._partial[connection]
            connection.close()
            return None
        self._partial[connection] += data
        head, found, rest = self._partial[connection].partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0"))
        if size > LARGEST:
            raise TooLarge
        if len(rest) < size:
            return None
        self._partial[connection] = rest[size:]
        return Request(connection, first.split(" ")[1], rest[:size])

    def close(self) -> None:
        for connection in self._partial:
            connection.close()
        self._listener.close()


def reply(request: Request, body: bytes = ACCEPTED, headers: dict[str, str] | None = None) -> None:
    """Answer a request; a process that has died meanwhile is noticed elsewhere."""
    status = "202 Accepted" if body is ACCEPTED else "200 OK"
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with suppress(OSError):
        request.connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
