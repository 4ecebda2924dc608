"""A project, its monitor as a process, and a real browser that must have nothing to complain of."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from stepwell import postgres
from tests.cli.conftest import Project

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PIPELINE = """
import pathlib, time
from stepwell import Pipeline, Retry

pipeline = Pipeline("coffee", params={"cups": 2, "wait": ""})


@pipeline.task
def grind(context):
    print("grinding for <b>", context.params["cups"], "</b>")
    while context.params["wait"] and not pathlib.Path(context.params["wait"]).exists():
        time.sleep(0.02)
    return {"rows": context.params["cups"]}


@pipeline.task(retry=Retry(max_attempts=1, interval=1, on=["Empty"]))
def brew(context):
    print("brewing")
    if not pathlib.Path("beans").exists():
        raise Empty("no more beans <script>alert(1)</script>")
    return {"rows": 1}


class Empty(Exception):
    pass
"""


class Monitor(NamedTuple):
    """`address` is what it printed, with the token; `url` without."""

    address: str
    project: Project
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return self.address.partition("/#")[0]

    @property
    def token(self) -> str:
        return self.address.partition("token=")[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Gone with the module's last test: as long as it lives, nobody else in this process can run an event loop."""
    with sync_playwright() as driver:
        expect.set_options(timeout=60_000)
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120_000)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console stays silent."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.set_default_timeout(60_000)
    yield opened
    context.close()
    # A refusal is an answer: the browser notes its status, the page shows its words.
    assert [text for text in said if "(Bad Request)" not in text] == []


@pytest.fixture
def coffee(tmp_path: Path) -> Iterator[Project]:
    """A project with two tasks: `grind` waits for a file where it is told to, `brew` fails until there are `beans`."""
    made = Project(tmp_path)
    made.write("pipeline.py", PIPELINE)
    yield made
    if (tmp_path / ".stepwell").exists():
        postgres.stop(tmp_path / ".stepwell")


@pytest.fixture
def monitor() -> Iterator[Callable[[Project], Monitor]]:
    """`monitor(project)` starts one for this project's folder."""
    started: list[subprocess.Popen[str]] = []

    def start(project: Project) -> Monitor:
        made = started_monitor(project)
        started.append(made.process)
        return made

    yield start
    for process in started:
        process.terminate()
        assert process.wait(60) in (0, -15)
        assert process.stdout is not None
        process.stdout.close()


def started_monitor(project: Project, *words: str) -> Monitor:
    process = project.started("monitor", "--no-browser", "--port", "0", *words)
    assert process.stdout is not None
    address = process.stdout.readline().strip().rpartition(" ")[2]
    assert address.startswith("http://127.0.0.1:"), address
    return Monitor(address, project, process)
