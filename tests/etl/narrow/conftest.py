"""Databases for all tests of narrowing in a process, which put back what they change; and the corpus' two figures."""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from stepwell.etl.connection import TaskConnection, connect
from tests.etl.narrow.world import World


@pytest.fixture(scope="session")
def world(server_url: str, in_database: Callable[..., str]) -> Iterator[World]:
    """2,000 driving rows, for the corpus."""
    made = World(in_database())
    yield made
    made.connection.close()


@pytest.fixture(scope="session")
def small_world(server_url: str, in_database: Callable[..., str]) -> Iterator[World]:
    """260 driving rows, for tasks made by chance, whose joins can be wild."""
    made = World(in_database(), rows=260)
    yield made
    made.connection.close()


@pytest.fixture(scope="session")
def in_database(server_url: str) -> Iterator[Callable[..., str]]:
    """Makes databases that last as long as the session."""
    names: list[str] = []

    def make() -> str:
        names.append(f"na_{uuid.uuid4().hex[:16]}")
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(SQL("create database {} template template0 encoding 'UTF8'").format(Identifier(names[-1])))
        before, _, after = server_url.partition("?")
        return f"{before.rpartition('/')[0]}/{names[-1]}{'?' if after else ''}{after}"

    yield make
    with psycopg.connect(server_url, autocommit=True) as admin:
        for name in names:
            admin.execute(SQL("drop database {} with (force)").format(Identifier(name)))


@pytest.fixture
def connection(database: str) -> Iterator[TaskConnection]:
    """Of an empty database."""
    made = connect(database, "test")
    yield made
    made.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    told = [value for report in reports for name, value in report.user_properties if name == "narrowing"]
    chosen = [value for report in reports for name, value in report.user_properties if name == "by chance"]
    if chosen:
        terminalreporter.write_line(f"narrowing: {sum(chosen)} tasks made by chance were accepted")
    if told:
        safe = [value for value in told if value.startswith("safe")]
        wrong = [value for value in told if value.endswith("different")]
        accepted = [value for value in safe if "accepted" in value]
        terminalreporter.write_line(
            f"narrowing: {len(told)} tasks, silently wrong: {len(wrong)}, "
            f"safe ones accepted: {len(accepted)} of {len(safe)}"
            + (f" ({100 * len(accepted) / len(safe):.0f} %)" if safe else "")
        )
