"""Each way in that a stranger could try, against the running monitor."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.monitor.conftest import Monitor, Project

EVIL = "http://evil.example"


class Client:
    """Raw requests: the headers are those that are given, and no others."""

    def __init__(self, monitor: Monitor) -> None:
        self.host = monitor.url.removeprefix("http://")
        self.token = monitor.token

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body="{}" if method == "POST" else None, headers=named)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, **headers: str) -> int:
        return self.ask("POST", path, **headers)[0]


@pytest.fixture
def client(coffee: Project, monitor: Callable[[Project], Monitor]) -> Client:
    assert coffee.run("run", "--name", "bad").returncode == 1
    return Client(monitor(coffee))


RESUME = "/runs/coffee/bad/resume"


def test_nothing_is_changed_without_the_token_or_for_another_site(client: Client) -> None:
    assert client.post(RESUME) == 403
    assert client.post(RESUME, X_Stepwell_Token="guessed") == 403
    assert client.post("/runs/coffee/bad/stop") == 403
    assert client.post(RESUME, X_Stepwell_Token=client.token, Origin=EVIL) == 403
    assert client.post(RESUME, X_Stepwell_Token=client.token, Origin="null") == 403
    assert client.post(RESUME, X_Stepwell_Token=client.token, Origin=f"https://{client.host}") == 403
    assert client.post(RESUME, X_Stepwell_Token=client.token, Sec_Fetch_Site="cross-site") == 403
    assert client.ask("GET", RESUME, X_Stepwell_Token=client.token)[0] == 405
    assert client.post("/", X_Stepwell_Token=client.token) == 405


def test_a_name_that_is_made_to_point_at_this_machine_does_not_open_the_door(client: Client) -> None:
    """DNS rebinding: the browser believes that it asks evil.example."""
    for host in ("evil.example", f"evil.example:{client.host.partition(':')[2]}", "127.0.0.1", "127.0.0.1:1", ""):
        status, _, body = client.ask("GET", "/", Host=host)
        assert status == 421, host
        assert "coffee" not in body


def test_another_site_reads_nothing(client: Client) -> None:
    for path in ("/", "/runs/coffee/bad", "/live", "/static/page.css"):
        status, headers, body = client.ask("GET", path, Origin=EVIL)
        assert status == 403
        assert "access-control-allow-origin" not in headers
        assert "coffee" not in body


def test_every_answer_says_what_a_page_may_do(client: Client) -> None:
    for path in ("/", "/runs/coffee/bad", "/nowhere", "/static/app.js", "/static/nothing"):
        _, headers, _ = client.ask("GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in policy


def test_files_outside_the_pages_are_not_served(client: Client) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%2fguard.py"):
        assert client.ask("GET", path)[0] == 404


def test_the_token_stands_on_no_page(client: Client) -> None:
    for path in ("/", "/runs/coffee/bad", "/pipelines/coffee"):
        assert client.token not in client.ask("GET", path)[2]


def test_a_large_body_is_refused(client: Client) -> None:
    assert client.post(RESUME, X_Stepwell_Token=client.token, Content_Length="1000000") == 413


def test_what_a_run_says_is_shown_and_never_executed(
    client: Client, page: Page, monitor: Callable[[Project], Monitor]
) -> None:
    """The error, the log, the input and the name in the address all try."""
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    page.goto(f"http://{client.host}/runs/coffee/bad?state=ExecuteBrew")
    assert "<script>alert(1)</script>" in page.locator(".failure").inner_text()
    assert page.locator("main script:not([type='application/json'])").count() == 0
    page.goto(f"http://{client.host}/runs/coffee/bad?tab=logs")
    assert "<b> 2 </b>" in page.locator(".log").first.inner_text()
    assert page.locator(".log b").count() == 0
    status, _, body = client.ask("GET", "/runs/coffee/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert status == 404
    assert "<script>alert" not in body
    _, _, body = client.ask("GET", "/?q=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>alert" not in body


def test_an_answer_to_a_button_is_json_that_says_what_is_wrong(client: Client) -> None:
    status, _, body = client.ask("POST", "/runs/coffee/nobody/resume", X_Stepwell_Token=client.token)
    answer: dict[str, Any] = json.loads(body)
    assert (status, answer) == (404, {"message": "There is no run 'nobody' of a pipeline 'coffee'."})
