"""No request makes the server fail: whatever comes in, the answer is a result or a refusal in AWS's words."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.api import activities
from stepwell.api.actions import ACTIONS
from stepwell.api.http import FUNCTIONS, Server
from stepwell.api.protocol import JSON_1_0, STEP_FUNCTIONS
from stepwell.api.validation import INPUTS, SHAPES
from stepwell.cli.local import Engine
from stepwell.cli.served import Served
from tests.laws.machines import INPUTS as VALUES
from tests.laws.machines import whole_machines

HOME = "arn:aws:states:us-east-1:123456789012"
NAMES = ["a", "b", "c"]
ARNS = [f"{HOME}:{kind}:{name}" for name in NAMES for kind in ("stateMachine", "execution:a", "activity")]
ARNS += [f"{HOME}:stateMachine:a:{which}" for which in ("1", "2", "live", "$LATEST", "")]
ARNS += [
    f"{HOME}:mapRun:a/S:b",
    f"{HOME}:execution:a:b:c",
    f"{HOME}:express:a:b:c",
    f"{HOME}:stateMachine:",
    "arn",
    "arn:::::::",
]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just([]), st.just({"a": [None]})
)
TEXTS = st.one_of(st.sampled_from(NAMES), st.text(max_size=5), st.sampled_from(["\x00", "é" * 300, "a" * 3000, "🎈"]))
DEFINITIONS = st.one_of(
    whole_machines().map(json.dumps), whole_machines().map(json.dumps).map(lambda text: text[:-9]), TEXTS
)
JSON = st.one_of(
    VALUES.map(json.dumps), st.sampled_from(["{}", "null", "1e999", "[", '"\\ud800"', "[" * 3000, ""]), TEXTS
)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 5, 100, 1000, 1001, 1 << 31, 1 << 70])


def values(shape: str, key: str = "", depth: int = 3) -> Any:
    """Values of a shape of AWS's model, most of them good."""
    type_, facts = SHAPES[shape]
    good: Any = {
        "string": st.sampled_from(facts["enum"]) if facts.get("enum") else _text(key),
        "integer": NUMBERS,
        "long": NUMBERS,
        "boolean": st.booleans(),
        "float": st.floats(-1, 101),
        "double": st.floats(-1, 101),
        "timestamp": st.floats(0, 2e9),
        "blob": TEXTS,
    }.get(type_, st.just({}))
    if type_ == "structure" and depth:
        members = {name: values(child, name, depth - 1) for name, child in facts["members"].items()}
        needed = {name: members.pop(name) for name in facts["required"]}
        good = st.fixed_dictionaries(needed, optional=members)
    elif type_ == "list":
        good = st.lists(values(facts["member"], key, depth - 1), max_size=2) if depth else st.just([])
    return st.one_of(*[good] * 12, ODD) if depth < 3 else good


def _text(key: str) -> Any:
    lower = key.lower()
    if "arn" in lower or lower == "resource":
        return st.sampled_from(ARNS)
    if lower == "definition":
        return DEFINITIONS
    return JSON if lower in ("input", "output", "context", "mock", "result", "variables", "cause") else TEXTS


REQUESTS = st.sampled_from(sorted(ACTIONS.keys() & INPUTS.keys())).flatmap(
    lambda action: st.tuples(st.just(action), values(INPUTS[action]))
)


class Home:
    """A server in this process, and one connection to it."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(folder)
        self.faults: list[Exception] = []
        served = Served(self.engine)
        self.engine.worker.on_fault = lambda number, fault: self.faults.append(fault)
        self.server = Server(0, served.answer)
        self.threads = [
            threading.Thread(target=self.server.serve_forever, args=(0.05,)),
            threading.Thread(target=self.engine.worker.run, args=(lambda: False,)),
        ]
        for thread in self.threads:
            thread.start()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, action: str, body: bytes) -> tuple[int, bytes]:
        return self.ask("POST", "/", {"X-Amz-Target": STEP_FUNCTIONS + action, "Content-Type": JSON_1_0}, body)

    def close(self) -> None:
        self.engine.worker.close()
        self.server.shutdown()
        for thread in self.threads:
            thread.join()
        self.engine.worker.refuse()
        self.server.server_close()
        self.engine.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activities, "PATIENCE", 0.1)  # an activity that exists has no task for anybody
        yield from _home(tmp_path_factory.mktemp("home"))


def _home(folder: Path) -> Iterator[Home]:
    home = Home(folder)
    for name in NAMES:
        machine = {"StartAt": "S", "States": {"S": {"Type": "Pass", "End": True}}}
        made = {"name": name, "definition": json.dumps(machine), "roleArn": "arn:aws:iam::1:role/r", "publish": True}
        home.call("CreateStateMachine", json.dumps(made).encode())
        home.call("StartExecution", json.dumps({"stateMachineArn": f"{HOME}:stateMachine:a", "name": name}).encode())
    yield home
    home.close()
    assert not home.faults


def check(answer: tuple[int, bytes]) -> None:
    status, body = answer
    assert status < 500, body
    assert status == 200 or json.loads(body)["__type"]


@given(REQUESTS)
def test_a_request_of_any_shape_is_answered_or_refused(home: Home, request_: Any) -> None:
    action, request = request_
    check(home.call(action, json.dumps(request).encode()))
    assert not home.faults


@given(st.sampled_from([*sorted(ACTIONS), "", "Nothing"]), st.one_of(st.binary(max_size=40), JSON.map(str.encode)))
def test_any_bytes_are_answered_or_refused(home: Home, action: str, body: bytes) -> None:
    check(home.call(action, body))


@settings(max_examples=settings().max_examples // 4)
@given(whole_machines(), VALUES)
def test_any_machine_runs_without_a_fault_of_ours(home: Home, definition: Any, value: Any) -> None:
    made = {"name": "x", "definition": json.dumps(definition), "roleArn": "arn:aws:iam::1:role/r", "type": "EXPRESS"}
    home.call("DeleteStateMachine", json.dumps({"stateMachineArn": f"{HOME}:stateMachine:x"}).encode())
    check(home.call("CreateStateMachine", json.dumps(made).encode()))
    check(
        home.call(
            "StartExecution",
            json.dumps({"stateMachineArn": f"{HOME}:stateMachine:x", "input": json.dumps(value)}).encode(),
        )
    )
    assert not home.faults


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    st.sampled_from(
        ["", "/", "/f", "/f/code", "/f/configuration", "/f/invocations", "/f/versions", "/%00/code", "/f?Qualifier=9"]
    ),
    st.one_of(st.binary(max_size=20), JSON.map(str.encode), st.just(b'{"ZipFile": "!"}')),
)
def test_any_request_of_the_lambda_api_is_answered_or_refused(home: Home, method: str, path: str, body: bytes) -> None:
    check(home.ask(method, FUNCTIONS + path, {"Content-Type": "application/json"}, body))
