"""The names of things on this machine: ARNs of one account and region, which no AWS account has."""

from stepwell.errors import InvalidArn, InvalidName

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"

# What AWS refuses in the name of a machine or an execution.
_FORBIDDEN = frozenset(" <>{}[]?*\"#%\\^|~`$&,;:/'")


def machine_arn(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def execution_arn(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def check_arn(arn: str, kind: str) -> str:
    """An ARN of that kind (`stateMachine`, `execution`); InvalidArn otherwise, in AWS's words."""
    parts = arn.split(":")
    if parts[:3] != ["arn", "aws", "states"] or len(parts) < 7:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts[5] != kind:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return arn


def check_name(name: str) -> str:
    if not 1 <= len(name) <= 80 or any(c in _FORBIDDEN or not c.isprintable() for c in name):
        raise InvalidName(f"Invalid Name: '{name}'")
    return name
