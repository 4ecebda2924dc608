"""Task tokens: a text that names one call of one execution, and that nobody can make up."""

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from stepwell.engine.execution import Execution
from stepwell.engine.frames import CALLING, Frame


def token(arn: str, started: int, call: int) -> str:
    """`started` is when the execution began: the same ARN elsewhere has other tokens."""
    text = json.dumps([arn, call, _seal(arn, started, call)], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode()


def token_of(x: Execution, frame: Frame) -> str:
    """Of the call that the frame waits for, or is about to announce with its next event."""
    return token(x.arn, x.started_at, frame.call if frame.phase == CALLING else x.id + 1)


def read_token(text: str) -> tuple[str, int] | None:
    """The execution's ARN and the call that a token names; it is one if `token` makes the same again."""
    try:
        arn, call, _ = json.loads(urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError, TypeError):
        return None
    return (arn, call) if isinstance(arn, str) and isinstance(call, int) else None


def _seal(arn: str, started: int, call: int) -> str:
    return hashlib.sha256(f"{arn} {started} {call}".encode()).hexdigest()[:32]
