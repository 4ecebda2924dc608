"""What tests of exactly-once need: attempts in other processes, and a network that breaks when it is told to."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

ATTEMPT = """
import json, sys
from stepwell.errors import StepwellError
from stepwell.etl.fence import Key, run_fenced

url, run, name = sys.argv[1:]

def work(connection, attempt):
    connection.execute("insert into done values (%s)", [name])
    print(json.dumps({"working": attempt}), flush=True)
    sys.stdin.readline()
    return {"rows": 1, "who": name}

try:
    told = run_fenced(url, Key("shop", "task_01", ""), run, name, False, 60, "test", work)
except StepwellError as error:
    told = {"error": error.code, "message": error.message}
print(json.dumps(told), flush=True)
"""


class AttemptProcess:
    """An attempt of task_01 in a process of its own, which stops amid its work until it is told to go on."""

    def __init__(self, url: str, run: str, name: str) -> None:
        command = [sys.executable, "-c", ATTEMPT, url, run, name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tells(self) -> dict[str, Any]:
        """The next thing that it says: {"working": number}, then its receipt or error."""
        assert self._process.stdout
        told = json.loads(self._process.stdout.readline())
        assert isinstance(told, dict)
        return told

    def go_on(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=60)


@pytest.fixture
def attempt_process(database: str) -> Iterator[Callable[..., AttemptProcess]]:
    """`attempt_process(run, name)`; what it does is a row with its name in the table `done`."""
    with psycopg.connect(database) as connection:
        connection.execute("create table done (who text)")
    made: list[AttemptProcess] = []

    def make(run: str, name: str) -> AttemptProcess:
        made.append(AttemptProcess(database, run, name))
        return made[-1]

    yield make
    for process in made:
        process.close()


class Network:
    """A TCP proxy in front of a server. It can cut a connection right before or right after the next COMMIT."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cut = ""
        self.refuses = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: str, refuse_afterwards: bool = False) -> None:
        """`when` is "before COMMIT" or "after COMMIT"; afterwards new connections work, or are refused."""
        self._cut, self._refuse_afterwards = when, refuse_afterwards

    def close(self) -> None:
        self._listener.close()
        for opened in self._open:
            opened.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            server = socket.create_connection(self._to)
            self._open += client, server
            lost = threading.Event()
            threading.Thread(target=self._pump, args=(client, server, lost, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, lost, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, lost: threading.Event, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asks and self._cut and b"COMMIT" in data:
                    self.refuses = self._refuse_afterwards
                    lost.set()
                    when, self._cut = self._cut, ""
                    if when == "before COMMIT":
                        break
                elif not asks and lost.is_set():
                    break  # the server has committed; its answer never arrives
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def network(database: str) -> Iterator[Network]:
    with psycopg.connect(database) as connection:
        made = Network(connection.info.host, connection.info.port)
    yield made
    made.close()


PEAK = """
import resource, sys
try:
    print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) // 1024)
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak // (1024 * 1024 if sys.platform == "darwin" else 1024))
"""


@pytest.fixture
def peak_memory() -> Callable[[str], int]:
    """`peak_memory(code)`: the megabytes that a fresh process needed at most to run the code."""

    def run(code: str) -> int:
        told = subprocess.run([sys.executable, "-c", code + PEAK], check=True, capture_output=True, text=True)
        return int(told.stdout.splitlines()[-1])

    return run
