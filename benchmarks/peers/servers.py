"""Engines behind the Step Functions API: started as their own documentation says, driven by boto3, measured."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
from botocore.config import Config

from benchmarks.common import VENV_BIN, cache, environment_of

ROLE = "arn:aws:iam::123456789012:role/r"
POLL = 0.005  # seconds between two looks at an execution
KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


class Engine(NamedTuple):
    """How an engine is started: its command (PORT stands for the port), and what it is told once it listens."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = {}
    told: tuple[str, str] | None = None  # a path and a body that are posted to it


def stepwell() -> Engine:
    return Engine("stepwell", [str(VENV_BIN / "stepwell"), "serve", "--port", "PORT"])


def not_durable() -> Engine:
    """Ours, with SQLite told not to wait for the disk: what durability costs is the difference."""
    code = "from stepwell.journal import store; store.SYNCHRONOUS = 'OFF'; from stepwell.cli.main import main; main()"
    return Engine("stepwell, synchronous=OFF", [sys.executable, "-c", code, "serve", "--port", "PORT"])


def ministack() -> Engine:
    python = environment_of("ministack", ["ministack==1.5.33"], cache())
    return Engine("ministack", [str(python.with_name("ministack"))], {"GATEWAY_PORT": "PORT"})


def moto() -> Engine:
    python = environment_of("moto", ["moto[server,stepfunctions]==5.2.5"], cache())
    told = "/moto-api/config", json.dumps({"stepfunctions": {"execute_state_machine": True}})
    return Engine("moto", [str(python.with_name("moto_server")), "-p", "PORT"], told=told)


class Served:
    """An engine that runs in `folder`, and a boto3 client of it, made before it is started."""

    def __init__(self, engine: Engine, folder: Path, port: int | None = None) -> None:
        self.engine, self.folder, self.name = engine, folder, engine.name
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sfn = self.client("stepfunctions")
        self.process: subprocess.Popen[bytes] | None = None

    def client(self, service: str) -> Any:
        retries = {"total_max_attempts": 1}
        config = Config(retries=retries, inject_host_prefix=False, max_pool_connections=16)
        return boto3.client(service, endpoint_url=self.url, config=config, **KEYS)

    def start(self) -> "Served":
        """Start it and wait until it listens."""
        put = lambda text: text.replace("PORT", str(self.port))  # noqa: E731
        told = {name: put(text) for name, text in self.engine.environment.items()}
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STEPWELL_"))} | told
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [put(word) for word in self.engine.command]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(words, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self._reached()
        if self.engine.told:
            path, body = self.engine.told
            urlopen(Request(self.url + path, body.encode(), method="POST")).read()
        return self

    def _reached(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process and self.process.poll() is not None:
                    break
                time.sleep(0.002)
        sys.exit(f"{self.name} did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    # What it is asked to do

    def machine(self, name: str, definition: dict[str, Any]) -> str:
        made = self.sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        return str(made["stateMachineArn"])

    def run(self, machine: str, value: Any = None, poll: float = POLL) -> str:
        """One execution, from its start until its end has been seen; its ARN."""
        return self.ended(self.started(machine, value), poll)

    def started(self, machine: str, value: Any = None) -> str:
        """The ARN of a new execution; it is named here, since moto does not name those that come without."""
        name, text = uuid4().hex, json.dumps(value or {})
        return str(self.sfn.start_execution(stateMachineArn=machine, name=name, input=text)["executionArn"])

    def ended(self, arn: str, poll: float = POLL) -> str:
        while (status := self.sfn.describe_execution(executionArn=arn)["status"]) == "RUNNING":
            time.sleep(poll)
        if status != "SUCCEEDED":
            sys.exit(f"{self.name}: {arn} has ended as {status}")
        return arn

    def memory(self, peak: bool = False) -> float:
        """MB resident in the engine's process now, or at most so far."""
        assert self.process
        return _status(self.process.pid, "VmHWM" if peak else "VmRSS")

    def memory_of_all(self) -> float:
        """MB resident in the engine and in the processes that it has started."""
        assert self.process
        return sum(_status(pid, "VmRSS") for pid in [self.process.pid, *children_of(self.process.pid)])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def children_of(pid: int) -> Iterator[int]:
    """All processes below this one."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _read(file).split()):
            yield child
            yield from children_of(child)


def _status(pid: int, field: str) -> float:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
