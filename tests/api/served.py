"""A real `stepwell serve` in a process of its own, and what the tests that use it share."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.until import until

COMMAND = str(Path(sys.executable).with_name("stepwell"))
ROLE = "arn:aws:iam::123456789012:role/r"
KEYS = {"aws_access_key_id": "stepwell", "aws_secret_access_key": "stepwell", "region_name": "us-east-1"}


def machine(**state: Any) -> str:
    """A definition of one state."""
    return json.dumps({"StartAt": "S", "States": {"S": state}})


PASS = machine(Type="Pass", End=True)
WAIT = machine(Type="Wait", Seconds=3600, End=True)


class Served:
    """`stepwell serve` in `folder`, with these variables."""

    def __init__(self, folder: Path, variables: dict[str, str] | None = None) -> None:
        self.folder, self.variables = folder, variables or {}
        self.port = 0
        self.start()

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("STEPWELL_HOME", "DATABASE_URL")}
        environment |= self.variables
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--port", str(self.port)],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        self.url = first.split(" at ")[1].split(",")[0]
        self.port = int(self.url.rpartition(":")[2])

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def client(self, service: str = "stepfunctions") -> Any:
        config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
        client = boto3.client(service, endpoint_url=self.url, config=config, **KEYS)
        client.meta.events.register("after-call.sfn", agree)
        return client


def agree(model: Any, http_response: Any, **_: Any) -> None:
    """Every answer that a test gets has the shape of botocore's model; boto3 itself drops what it does not know."""
    if http_response.status_code == 200:
        assert list(disagreements(model.output_shape, json.loads(http_response.content), model.name)) == []


PLAIN = {
    "string": str,
    "timestamp": (int, float),
    "integer": int,
    "long": int,
    "float": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
}


def disagreements(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, PLAIN[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{at} is no {shape.type_name}: {value!r}"
    elif shape.type_name == "structure":
        yield from (f"{at}.{key} is unknown" for key in value.keys() - shape.members.keys())
        yield from (f"{at}.{key} is missing" for key in shape.required_members if key not in value)
        for key in value.keys() & shape.members.keys():
            yield from disagreements(shape.members[key], value[key], f"{at}.{key}")
    elif shape.type_name == "list":
        for item in value:
            yield from disagreements(shape.member, item, f"{at}[]")


def end_of(client: Any, arn: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        told: dict[str, Any] = client.describe_execution(executionArn=arn)
        return told if told["status"] != "RUNNING" else None

    told = until(ended, f"{arn} has ended", pause=0.01)
    assert told is not None
    return told
