"""A CloudFormation stack of ours: what it has, what would change, the change itself as it happens."""

import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any, NamedTuple

from stepwell.aws.session import Client, Session
from stepwell.errors import AwsError, NotOurs, UsageError

OWNER = "stepwell:pipeline"  # the tag that says whose a stack is
PAUSE = 1.0  # seconds between two looks
_INLINE = 51_200  # bytes of a template that CloudFormation takes without a bucket
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Change(NamedTuple):
    """`action` is Add, Modify or Remove; `replaced`: whether the resource is made anew; `what`: its properties."""

    action: str
    resource: str
    type: str
    replaced: bool
    what: list[str]


class Event(NamedTuple):
    """What has happened to a resource."""

    resource: str
    type: str
    status: str
    reason: str

    @property
    def is_failure(self) -> bool:
        return self.status.endswith("_FAILED")

    @property
    def is_end(self) -> bool:
        return not self.status.endswith("_IN_PROGRESS")


class Stack:
    """The stack `name`; `pipeline` is whose it must be."""

    def __init__(self, session: Session, name: str, pipeline: str) -> None:
        self.name = name
        self.pipeline = pipeline
        self._client: Client = session.client("cloudformation")

    # What there is

    def described(self) -> dict[str, Any] | None:
        """As DescribeStacks has it; None if there is none, or only what is left of a change that was never made.

        NotOurs if it is somebody else's, UsageError while it is being changed.
        """
        found = self._look()
        if found is None:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        if tags.get(OWNER) != self.pipeline:
            whose = f"of the pipeline {tags[OWNER]!r}" if OWNER in tags else "not made by Stepwell"
            raise NotOurs(f"there is a stack {self.name} already, and it is {whose}: give another --stack")
        if found["StackStatus"].endswith("_IN_PROGRESS"):
            raise UsageError(
                f"the stack {self.name} is being changed ({found['StackStatus']}): try again when that is over"
            )
        return found

    def status(self) -> str | None:
        found = self._look()
        return None if found is None else str(found["StackStatus"])

    def template(self) -> str:
        body = self._client.get_template(StackName=self.name)["TemplateBody"]
        return body if isinstance(body, str) else ""

    def _look(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except AwsError as error:
            if "does not exist" in error.message:
                return None
            raise
        return None if found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE") else found

    # What would change

    def propose(
        self, template: str, url: str | None, parameters: list[dict[str, Any]], exists: bool
    ) -> tuple[str, list[Change]]:
        """A change set, and what is in it; no changes, no change set. `url` is where the template is if it is long."""
        name = f"stepwell-{time.strftime('%Y%m%d-%H%M%S')}-{token_hex(2)}"
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": OWNER, "Value": self.pipeline}],
            **({"TemplateBody": template} if url is None else {"TemplateURL": url}),
        )
        told = self._made(name)
        if told["Status"] == "FAILED":
            reason = told.get("StatusReason", "")
            self.withdraw(name, exists)
            if any(text in reason for text in _NO_CHANGES):
                return "", []
            raise AwsError(f"CloudFormation refuses the change: {reason}")
        return name, list(self._changes(name))

    def withdraw(self, change_set: str, exists: bool) -> None:
        """Leave nothing of a change set behind; one for a new stack has left an empty stack, too."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        if not exists:
            self._client.delete_stack(StackName=self.name)

    def _made(self, name: str) -> dict[str, Any]:
        while True:
            told: dict[str, Any] = self._client.describe_change_set(StackName=self.name, ChangeSetName=name)
            if told["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return told
            time.sleep(PAUSE / 2)

    def _changes(self, name: str) -> Iterator[Change]:
        request = {"StackName": self.name, "ChangeSetName": name}
        while True:
            page = self._client.describe_change_set(**request)
            for each in page["Changes"]:
                change = each["ResourceChange"]
                what = {
                    detail["Target"].get("Name") or detail["Target"]["Attribute"]
                    for detail in change.get("Details", [])
                }
                replaced = change.get("Replacement") in ("True", "Conditional")
                yield Change(
                    change["Action"], change["LogicalResourceId"], change["ResourceType"], replaced, sorted(what)
                )
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    # The change itself

    def execute(self, change_set: str) -> Iterator[Event]:
        """Make the change; what happens meanwhile, until it is over, or rolled back."""
        seen = {event["EventId"] for event in self._newest()}
        self._client.execute_change_set(StackName=self.name, ChangeSetName=change_set)
        yield from self._watch(seen)

    def delete(self) -> Iterator[Event]:
        seen = {event["EventId"] for event in self._newest()}
        self._client.delete_stack(StackName=self.name)
        yield from self._watch(seen)

    def _watch(self, seen: set[str]) -> Iterator[Event]:
        """Asked by the name, a stack is gone with its last resource, and its events with it."""
        while True:
            status = self.status()
            for event in reversed(self._newest()):
                if event["EventId"] not in seen and event["LogicalResourceId"] != self.name:
                    reason = event.get("ResourceStatusReason") or ""
                    yield Event(event["LogicalResourceId"], event["ResourceType"], event["ResourceStatus"], reason)
                seen.add(event["EventId"])
            if status is None or not status.endswith("_IN_PROGRESS"):
                return
            time.sleep(PAUSE)

    def _newest(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except AwsError:
            return []
        return found


def is_long(template: str) -> bool:
    return len(template.encode()) > _INLINE


def parameters_for(
    described: dict[str, Any] | None, template: dict[str, str], given: dict[str, str]
) -> list[dict[str, Any]]:
    """What is `given` counts, else what the stack has, else the default. `template`: its parameters' names."""
    unknown = sorted(given.keys() - template.keys())
    if unknown:
        raise UsageError(f"the template has no parameter {unknown[0]!r}; it has: {', '.join(sorted(template))}")
    had = {each["ParameterKey"] for each in (described or {}).get("Parameters", [])}
    made: list[dict[str, Any]] = []
    for name in template:
        if name in given:
            made.append({"ParameterKey": name, "ParameterValue": given[name]})
        elif name in had:
            made.append({"ParameterKey": name, "UsePreviousValue": True})
    return made
