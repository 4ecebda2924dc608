"""One PostgreSQL for the whole test session, shared by its worker processes, and a fresh database for whoever asks.

Before that, what differs between machines and shells is made equal: signals, and variables that programs listen to.
"""

import fcntl
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from stepwell import postgres
from stepwell.etl.connection import close_all

OURS = ("STEPWELL_TEST_POSTGRES",)
HEARD = ("STEPWELL_", "AWS_", "PG", "DATABASE_URL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTEST_ADDOPTS")


def pytest_configure() -> None:
    """Of this process, and so of all that tests start."""
    for name in [name for name in os.environ if name.startswith(HEARD) and name not in OURS]:
        del os.environ[name]
    os.environ |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/nonexistent/aws")
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    os.environ |= dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost,::1")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, and so by every child, in a shell's background


@pytest.fixture(scope="module", autouse=True)
def forgotten_pipelines() -> Iterator[None]:
    """A pipeline that was found by one module's tests is not on the import path of the next one's."""
    before = list(sys.path)
    yield
    added = [f"{entry}{os.sep}" for entry in sys.path if entry and entry not in before]
    sys.path[:] = before
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(tuple(added)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A superuser's URL: of STEPWELL_TEST_POSTGRES, else of an embedded server that the last worker stops."""
    own = os.environ.get("STEPWELL_TEST_POSTGRES")
    if own:
        yield own
        return
    folder = _shared(tmp_path_factory) / "server"
    folder.mkdir(exist_ok=True)
    with _users(folder) as count:
        url = postgres.start(folder)
        count(+1)
    yield url
    with _users(folder) as count:
        if count(-1) == 0:
            postgres.stop(folder)


@pytest.fixture
def database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whoever is still connected."""
    name = f"etl_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(SQL("create database {} template template0 encoding 'UTF8'").format(Identifier(name)))
    yield _changed(server_url, database=name)
    close_all()
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(SQL("drop database {} with (force)").format(Identifier(name)))


@pytest.fixture
def changed() -> Callable[..., str]:
    """`changed(url, user=…, password=…, host=…, port=…, database=…)`: the same URL with other parts."""
    return _changed


def _changed(url: str, **parts: str | int) -> str:
    given = conninfo_to_dict(url)
    part = {"database": given["dbname"], "password": "", **given, **parts}
    extra = f"?host={part['host']}" if "/" in str(part["host"]) else ""
    host = "" if extra else part["host"]
    secret = f":{part['password']}" if part["password"] else ""
    return f"postgresql://{part['user']}{secret}@{host}:{part['port']}/{part['database']}{extra}"


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder that all worker processes of this session see: each worker's own folder is inside of it."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


class _users:
    """Counts, under a lock, the processes that use a server."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "users"

    def __enter__(self) -> "_users":
        self._opened = self._file.open("a+")
        fcntl.flock(self._opened, fcntl.LOCK_EX)
        return self

    def __call__(self, change: int) -> int:
        self._opened.seek(0)
        count = int(self._opened.read() or 0) + change
        self._opened.truncate(0)
        self._opened.write(str(count))
        self._opened.flush()
        return count

    def __exit__(self, *_: object) -> None:
        self._opened.close()
