"""Stores of progress: a SQLite file, and a table in a DynamoDB that moto's server plays in a process of its own."""

import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import pytest

from stepwell.progress import Progress, open_progress
from stepwell.progress.dynamodb import from_url
from tests.fake import ACCOUNT, fake_aws


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a DynamoDB on loopback."""
    with fake_aws() as address:
        yield address


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def table(endpoint: str) -> str:
    """The URL of a new table."""
    url = f"dynamodb://stepwell-{uuid.uuid4().hex[:12]}?endpoint={endpoint}"
    made = from_url(url)
    made.create_table()
    made.close()
    return url


@pytest.fixture(params=["sqlite", "dynamodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'progress.db'}"
    made: str = request.getfixturevalue("table")
    return made


@pytest.fixture
def store(url: str) -> Iterator[Progress]:
    opened = open_progress(url)
    yield opened
    opened.close()


class Gate:
    """Stands in front of DynamoDB, counts what is asked and can throttle it; answers are DynamoDB's own."""

    def __init__(self, endpoint: str) -> None:
        self.throttled = 0  # requests that are still to be refused
        self.asked: list[str] = []
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gate.asked.append(self.headers["X-Amz-Target"].partition(".")[2])
                if gate.throttled > 0:
                    gate.throttled -= 1
                    name = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
                    self._answer(400, f'{{"__type": "{name}", "message": "slow down"}}'.encode())
                    return
                headers = {name: value for name, value in self.headers.items() if name != "Accept-Encoding"}
                with urlopen(Request(endpoint, body, headers)) as answer:
                    self._answer(answer.status, answer.read())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gate(endpoint: str) -> Iterator[Gate]:
    made = Gate(endpoint)
    yield made
    made.close()


@pytest.fixture
def gated(gate: Gate, table: str, endpoint: str) -> Iterator[Progress]:
    """A store in DynamoDB that is reached through the gate."""
    opened = open_progress(table.replace(endpoint, gate.address))
    yield opened
    opened.close()
