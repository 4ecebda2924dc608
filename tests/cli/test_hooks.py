"""on_success and on_failure: a command or an address that is told how a run has ended."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.cli.conftest import PIPELINE, Project


def hooked(project: Project, hooks: str) -> None:
    project.write("pipeline.py", PIPELINE.replace('params={"cups": 2}', f'params={{"cups": 2}}, {hooks}'))


class Webhook(HTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Webhook)
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_is_given_the_run_and_the_card_when_it_fails(project: Project) -> None:
    hooked(project, "on_failure='cat >told.json; echo $STEPWELL_RUN $STEPWELL_STATUS >words', on_success='touch good'")
    assert project.run("run", "--name", "bad", "--input", '{"cups": 6}').returncode == 1
    told = json.loads((project.folder / "told.json").read_text())
    assert (told["pipeline"], told["execution"], told["status"]) == ("coffee", "bad", "FAILED")
    assert told["text"].startswith("task_02 failed in run bad\n")
    assert told["resume"] == "stepwell resume bad"
    assert (project.folder / "words").read_text() == "bad FAILED\n"
    assert not (project.folder / "good").exists()


def test_an_address_is_sent_the_run_when_it_succeeds(project: Project, webhook: Webhook) -> None:
    hooked(project, "on_success=__import__('stepwell').env('HOOK')")
    assert project.run("run", "--name", "good", HOOK=webhook.url).returncode == 0
    assert [(told["execution"], told["text"]) for told in webhook.got] == [("good", "coffee succeeded in run good")]


def test_what_goes_wrong_with_telling_is_said_and_changes_nothing(project: Project, webhook: Webhook) -> None:
    address = webhook.url.replace("/hook", "/broken")
    hooked(project, f"on_success='{address}'")
    done = project.run("run")
    assert done.returncode == 0
    assert "on_success could not be told: it answered 500" in done.stderr
    hooked(project, "on_success='exit 3'")
    done = project.run("run")
    assert (done.returncode, done.stderr) == (0, "on_success could not be told: 'exit 3' ended with 3\n")


def test_logs_as_json_have_one_object_a_line(project: Project) -> None:
    done = project.run("run", "--name", "bad", "--input", '{"cups": 6}', "--log-format", "json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "log"] == [
        "run_started",
        "task_succeeded",
        "task_succeeded",
        "task_retry",
        "task_failed",
        "run_failed",
    ]
    assert all({"time", "level", "event", "pipeline", "run"} <= line.keys() for line in lines)
    assert "grinding for 6" in [line["message"] for line in lines if line["event"] == "log"]
    failed = next(line for line in lines if line["event"] == "task_failed")
    assert (failed["level"], failed["task"], failed["attempts"], failed["error"]) == ("error", "task_02", 2, "Empty")
    assert lines[-1]["resume"] == "stepwell resume bad"
