"""A proxy in front of PostgreSQL that loses the acknowledgement of some COMMITs: done, and nobody hears of it."""

import socket
import threading
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit


class LossyProxy:
    """Listens on loopback; `url` is the database's URL through it, `lost` counts what was cut off."""

    def __init__(self, url: str, chance: float, seed: int) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = url.replace(f"{self._server[0]}:{self._server[1]}", f"127.0.0.1:{port}")
        self._chance = chance
        self._random = Random(seed)
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        losing = threading.Event()
        back = threading.Thread(target=self._answers, args=(server, client, losing), daemon=True)
        back.start()
        while data := _receive(client):
            if b"COMMIT" in data and self._random.random() < self._chance:
                losing.set()
                self.lost += 1
            if not _send(server, data):
                break
        _cut(client, server)

    def _answers(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        while data := _receive(server):
            if losing.is_set() or not _send(client, data):
                break
        _cut(client, server)

    def close(self) -> None:
        self._listener.close()


def _cut(*ends: socket.socket) -> None:
    """Close for whoever waits at the other side, and for a thread of ours that is just reading."""
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> bool:
    try:
        end.sendall(data)
    except OSError:
        return False
    return True
