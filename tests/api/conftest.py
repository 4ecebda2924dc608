"""A real `stepwell serve`, one for the tests of a file or one for a test alone, and real boto3 clients of it."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.served import Served, end_of


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """`serve()` starts one; it is ended with the test."""
    started: list[Served] = []

    def start() -> Served:
        started.append(Served(tmp_path))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of a file."""
    server = Served(tmp_path_factory.mktemp("served"))
    yield server
    assert server.end() == 0


@pytest.fixture
def sfn(served: Served) -> Any:
    return served.client()


@pytest.fixture
def ended(sfn: Any) -> Callable[[str], dict[str, Any]]:
    """`ended(arn)` waits for an execution's end and describes it."""
    return lambda arn: end_of(sfn, arn)
