"""The names of things on this machine: ARNs of one account and region, which no AWS account has."""

import re
from typing import NamedTuple

from stepwell.errors import InvalidArn, InvalidName, ValidationException

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"

# What AWS refuses in the name of a machine, an execution or an activity.
_FORBIDDEN = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\U0010ffff]""")


class Qualified(NamedTuple):
    """A state machine's ARN in its parts: a version's ends with a number, an alias's with a name."""

    arn: str  # as it was given
    machine: str  # that of the machine itself
    number: int | None = None
    alias: str | None = None

    @property
    def plain(self) -> bool:
        return self.arn == self.machine


def machine_arn(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def execution_arn(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def express_arn(machine: str, name: str, unique: str) -> str:
    """An Express execution's name may be used again, so its ARN ends with something that is not."""
    return f"{machine.replace(':stateMachine:', ':express:')}:{name}:{unique}"


def is_express(execution: str) -> bool:
    return ":express:" in execution


def execution_name(arn: str) -> str:
    return arn.split(":")[-2] if is_express(arn) else arn.rpartition(":")[2]


def check_arn(arn: str, kind: str) -> str:
    """An ARN of that kind (`stateMachine`, `execution`); InvalidArn otherwise, in AWS's words."""
    parts = arn.split(":")
    if parts[:3] != ["arn", "aws", "states"] or len(parts) < 7:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts[5] != kind:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return arn


def qualified(arn: str) -> Qualified:
    """A state machine's ARN, taken apart; InvalidArn if it is none."""
    parts = check_arn(arn, "stateMachine").split(":")
    if "/" in parts[6]:
        raise ValidationException("State Machine ARN must not refer to a Distributed Map state")
    if len(parts) == 7:
        return Qualified(arn, arn)
    machine, qualifier = ":".join(parts[:7]), ":".join(parts[7:])
    if qualifier.isdecimal():
        return Qualified(arn, machine, number=min(int(qualifier), 2**63 - 1))
    return Qualified(arn, machine, alias=qualifier)


def check_role(arn: str) -> str:
    if not re.fullmatch(r"arn:aws[\w-]*:iam::\d+:role/.+", arn):
        raise InvalidArn(f"Invalid Role Arn: '{arn}'")
    return arn


def check_name(name: str) -> str:
    if not 1 <= len(name) <= 80 or _FORBIDDEN.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    return name
