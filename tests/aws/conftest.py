"""A fake AWS on loopback: ministack, pinned, in an environment of its own; and the real `aws` command."""

import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from stepwell.aws.session import Session
from tests.e2e.conftest import visits  # noqa: F401  a fixture
from tests.progress.conftest import endpoint, gate, table  # noqa: F401  fixtures

ROOT = Path(__file__).parents[2]
AWS = Path(sys.executable).with_name("aws")
MINISTACK = "ministack==1.5.33"  # releases come often, and what it lacks is listed in docs/aws.md
RUNTIME = "boto3>=1.35,<2"  # which every Python of Lambda brings
ACCOUNT, REGION = "111122223333", "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


class Fake:
    """`url` answers all services; `aws("stepfunctions", …)` is the real command there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.environment = {
            "PATH": f"{AWS.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            **KEYS,
        }

    def aws(self, *words: str) -> str:
        done = subprocess.run([AWS, *words], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, service: str) -> Any:
        return Session(None, REGION, self.url).client(service)


@pytest.fixture(scope="session")
def ministack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = installed()
    folder = tmp_path_factory.mktemp("ministack")
    port = free_port()
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "TMPDIR": str(folder),
    }
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([program], cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    answers(url, server, folder / "log")
    yield url
    os.killpg(server.pid, signal.SIGTERM)  # the functions that it runs are its children
    server.wait(60)


def free_port() -> int:
    """Below those that the system hands out by itself, so that no other server is given it meanwhile."""
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("of a hundred ports none is free")


def answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            urlopen(f"{url}/_ministack/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"ministack does not answer:\n{log.read_text()}")


def installed() -> Path:
    """The program, in an environment that is made at the first use: its dependencies are not the project's."""
    home = Path(sys.prefix) / MINISTACK.replace("==", "-")
    with open(f"{home}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            subprocess.run([home / "bin" / "pip", "install", "--quiet", MINISTACK, RUNTIME], check=True)
            (home / "complete").touch()
    return home / "bin" / "ministack"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def fake(ministack_url: str, tmp_path: Path) -> Fake:
    return Fake(tmp_path, ministack_url)
