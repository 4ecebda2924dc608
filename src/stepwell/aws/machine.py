"""The state machine of a pipeline on AWS, and what it leads to: its function, and where that writes its progress."""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from stepwell.aws.session import Client, Session
from stepwell.errors import ConfigurationError, StateMachineDoesNotExist

_COMPILED = re.compile(r"pipeline ([\w-]+), compiled by Stepwell")
_PROGRESS = "STEPWELL_PROGRESS"  # the function's variable


class Machine:
    """`name`: the state machine's name or ARN. Nothing is asked before it is needed."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name

    @cached_property
    def client(self) -> "StepFunctions":
        return StepFunctions(self.session.client("stepfunctions"), self)

    @cached_property
    def arn(self) -> str:
        """StateMachineDoesNotExist says how to make one."""
        if self.name.startswith("arn:"):
            return self.name
        names = (self.name, self.name.replace("_", "-"))  # a stack's name has no underscores
        for machine in _machines(self.client):
            if machine["name"] in names:
                return str(machine["stateMachineArn"])
        raise StateMachineDoesNotExist(
            f"there is no state machine {self.name!r} in {self.session.region}: `stepwell deploy` makes it; "
            "or name the one that is meant with --state-machine"
        )

    @cached_property
    def definition(self) -> str:
        return str(self.client.describe_state_machine(stateMachineArn=self.arn)["definition"])

    @property
    def pipeline(self) -> str:
        """The name of the pipeline that it was compiled from; one that was not made by us is called by its own."""
        told = _COMPILED.match(str(json.loads(self.definition).get("Comment")))
        return told[1] if told else self.arn.split(":")[6]

    @cached_property
    def function(self) -> str:
        """The ARN of the function that its tasks call."""
        for resource in _resources(json.loads(self.definition)):
            return resource
        raise ConfigurationError(
            f"the state machine {self.arn} calls no Lambda function: it is no pipeline of Stepwell"
        )

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """What GetFunctionConfiguration answers."""
        client = self.session.client("lambda")
        answer: dict[str, Any] = client.get_function_configuration(FunctionName=self.function)
        return answer

    @property
    def log_group(self) -> str:
        """Where its function prints."""
        usual = f"/aws/lambda/{self.configuration['FunctionName']}"
        return str(self.configuration.get("LoggingConfig", {}).get("LogGroup") or usual)

    @property
    def progress_url(self) -> str:
        """Where its function writes progress, as it can be reached from here; `none:` if it writes none."""
        url = self.configuration.get("Environment", {}).get("Variables", {}).get(_PROGRESS) or "none:"
        if not url.startswith("dynamodb://"):
            return "none:"
        table, _, query = url.partition("?")
        options = {"region": self.session.region} | dict(parse_qsl(query))
        if self.session.endpoint:
            options["endpoint"] = self.session.endpoint
        if self.session.profile:
            options["profile"] = self.session.profile
        return f"{table}?{urlencode(options, safe=':/')}"


class StepFunctions:
    """A Step Functions client that lists one machine's executions where no machine is named, as on this machine."""

    def __init__(self, client: Client, machine: Machine) -> None:
        self._client = client
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def list_executions(self, **request: Any) -> dict[str, Any]:
        if "stateMachineArn" not in request and "mapRunArn" not in request:
            request["stateMachineArn"] = self._machine.arn
        answer: dict[str, Any] = self._client.list_executions(**request)
        return answer

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        """AWS's model lets `previousEventId` be absent."""
        answer: dict[str, Any] = self._client.get_execution_history(**request)
        for event in answer["events"]:
            event.setdefault("previousEventId", event["id"] - 1)
        return answer


def _machines(client: Any) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"maxResults": 1000}
    while True:
        page = client.list_state_machines(**request)
        yield from page["stateMachines"]
        if not page.get("nextToken"):
            return
        request["nextToken"] = page["nextToken"]


def _resources(value: Any) -> Iterator[str]:
    """The ARNs of Lambda functions that stand as a Resource, or as a FunctionName, anywhere in a definition."""
    if isinstance(value, list):
        for item in value:
            yield from _resources(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("Resource", "FunctionName") and isinstance(item, str) and ":function:" in item:
                yield item
            else:
                yield from _resources(item)
