import subprocess
import sys

import pytest

from stepwell.errors import ConfigurationError
from stepwell.progress import NoProgress, open_progress
from stepwell.progress.dynamodb import DynamoProgress
from stepwell.progress.sqlite import SqliteProgress
from tests.progress.samples import TASK, chunk, plan


def test_a_url_names_the_store() -> None:
    assert isinstance(open_progress("dynamodb://table"), DynamoProgress)
    relative, absolute = open_progress("sqlite:///progress.db"), open_progress("sqlite:////var/progress.db")
    assert isinstance(relative, SqliteProgress)
    assert isinstance(absolute, SqliteProgress)
    assert (str(relative.path), str(absolute.path)) == ("progress.db", "/var/progress.db")


def test_without_a_url_it_is_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_PROGRESS", "sqlite:////var/progress.db")
    assert isinstance(open_progress(), SqliteProgress)
    monkeypatch.delenv("STEPWELL_PROGRESS")
    assert isinstance(open_progress(), NoProgress)


def test_none_keeps_nothing() -> None:
    store = open_progress("none:")
    assert store.plan(plan())
    assert store.record([chunk(0)])
    assert store.rebuild(plan(), [chunk(0)])
    assert (store.summary(*TASK), store.summaries(), store.chunks(*TASK)) == (None, [], [])


@pytest.mark.parametrize("url", ["progress.db", "sqlite:///", "sqlite://progress.db", "postgresql://x/y"])
def test_a_url_that_names_no_store_is_refused_with_those_that_do(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///PATH, dynamodb://TABLE"):
        open_progress(url)


def test_importing_it_loads_no_store() -> None:
    code = "import sys, stepwell.progress; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"boto3", "botocore", "sqlite3", "threading", "urllib.parse"} == set()
