"""Putting a pipeline on AWS: what is to be done is known before anything is, and what was there is kept if it fails."""

import re
from typing import Any, NamedTuple

from stepwell.aws.bundle import Bundle
from stepwell.aws.code import Code
from stepwell.aws.session import Session
from stepwell.aws.stack import Change, Stack, is_long, parameters_for
from stepwell.errors import NotOurs, StateMachineDoesNotExist, UsageError

_PARAMETER = re.compile(r"^  (\w+):\n    Type: (\w+)", re.MULTILINE)
_ABOUT_STUCK = ("describe-stack-events", "continue-update-rollback")
_LEFT_OVER = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")  # of a stack that was never whole


class Plan(NamedTuple):
    """`change_set` and its `changes`, or `code_only`, or neither: then nothing is to be done.

    `running` is the hash of the code that the function has now, `before` the template that the stack has.
    """

    exists: bool
    change_set: str
    changes: list[Change]
    code_only: bool
    running: str | None
    before: str


class Deployment:
    """One pipeline's template and bundle, and the stack that they become."""

    def __init__(self, session: Session, stack: Stack, code: Code, template: str, made: Bundle) -> None:
        self.session = session
        self.stack = stack
        self.code = code
        self.template = template
        self.bundle = made

    def plan(self, given: dict[str, str]) -> Plan:
        """What would change. NotOurs if something of that name is somebody else's."""
        described = self.stack.described()
        if described is not None and described["StackStatus"] in _LEFT_OVER:
            raise UsageError(
                f"the stack {self.stack.name} is left over from a deployment that failed ({described['StackStatus']}): "
                f"`stepwell destroy --stack {self.stack.name}` removes it"
            )
        if described is not None and described["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            raise UsageError(stuck(self.stack.name, described["StackStatus"]))
        if described is None:
            self._must_be_free()
        running = self.code.running() if described else None
        before = self.stack.template() if described else ""
        if described and before == self.template and self._as_it_is(described, given):
            return Plan(True, "", [], running != self.bundle.digest, running, before)
        names = dict(_PARAMETER.findall(self.template.partition("\nConditions:")[0]))
        given = {"CodeBucket": self.code.bucket, "CodeKey": self.code.key(self.bundle.digest), **given}
        for name, value in (("Runtime", self.bundle.target.runtime), ("Architecture", self.bundle.target.architecture)):
            given.setdefault(name, value)
        url = self.code.upload_template(self.template) if is_long(self.template) else None
        parameters = parameters_for(described, names, given)
        change_set, changes = self.stack.propose(self.template, url, parameters, described is not None)
        changed = running is not None and running != self.bundle.digest
        return Plan(described is not None, change_set, changes, not change_set and changed, running, before)

    def upload(self) -> None:
        self.code.upload(self.bundle.content, self.bundle.digest)

    def put_back(self, plan: Plan) -> bool:
        """After a change that was rolled back: the stack knows only the code of its last whole deployment, the function
        may have had a newer one."""
        if plan.running is None or self.code.running() == plan.running or not self.code.is_kept(plan.running):
            return False
        self.code.switch(plan.running)
        return True

    def _as_it_is(self, described: dict[str, Any], given: dict[str, str]) -> bool:
        has = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
        target = {"Runtime": self.bundle.target.runtime, "Architecture": self.bundle.target.architecture}
        return all(has.get(name) == value for name, value in {**target, **given}.items())

    def _must_be_free(self) -> None:
        name = self.stack.name
        from stepwell.aws.machine import Machine

        try:
            arn = Machine(self.session, name).arn
        except StateMachineDoesNotExist:
            arn = ""
        taken = f"state machine {arn}" if arn else f"Lambda function {name}" if self.code.running() else ""
        if taken:
            raise NotOurs(f"there is a {taken} already, which no stack of Stepwell has made: give another --stack")


def stuck(stack: str, status: str) -> str:
    """A change that failed could not be taken back either."""
    told, back = (f"`aws cloudformation {what} --stack-name {stack}`" for what in _ABOUT_STUCK)
    return f"the stack {stack} is not as it was: {status}. {told} tells why; once that is mended, {back} takes it back"


def stack_name(pipeline: str) -> str:
    """CloudFormation knows no underscores, and begins with a letter."""
    name = pipeline.replace("_", "-").strip("-")
    return name if name[:1].isalpha() else f"pipeline-{name}"


def check_stack_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,49}", name):
        raise UsageError(f"--stack {name}: a name begins with a letter and has up to 50 letters, digits and -")
    return name
