"""Handlers that AWS's own runtime client starts must start here alike: awslambdaric and our bootstrap run each.

Both are real processes behind the same Runtime API; what Lambda would answer is compared.
"""

import json
import sys

import pytest

from stepwell.resources import function as hands
from stepwell.resources.function import Function, FunctionProcess

APP = """
import collections, decimal, os

class Trouble(Exception):
    pass

def echo(event, context):
    return event

def about(event, context):
    names = ("function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name",
             "client_context", "aws_request_id")
    told = {name: getattr(context, name) for name in names}
    left = 0 < context.get_remaining_time_in_millis() <= 20_000
    identity = [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
    return told | {"left": left, "identity": identity, "stream": bool(context.log_stream_name),
                   "mine": os.environ["MINE"], "root": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"],
                   "handler": os.environ["_HANDLER"], "tenant": context.tenant_id}

def say(event, context):
    print("printed")
    context.log("logged")

def nothing(event, context):
    pass

def text(event, context):
    return "ünï ☃"

def raw(event, context):
    return b'{"raw": 1}'

def numbers(event, context):
    return [1, 1.5, 10 ** 20, decimal.Decimal("3"), decimal.Decimal("2.5"), True, None]

def unspeakable(event, context):
    return {1, 2}

def deep(event, context):
    raise Trouble("with a cause", 7) from ValueError("before")

def bare(event, context):
    raise Trouble

def inner(event, context):
    def further():
        return event["no such"]
    return further()

def leave(event, context):
    raise SystemExit(3)
"""
EVENT = {"a": [1, 2.5, None, "é"], "b": {"c": True}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "inside.py").write_text("def handler(event, context):\n    return __name__\n")
    (tmp_path / "broken.py").write_text("def handler(event, context)\n    pass\n")
    (tmp_path / "missing.py").write_text("import no_such_package\n")
    (tmp_path / "raising.py").write_text("raise KeyError('at import')\n")
    return tmp_path


def answered(folder, handler, command):
    """What one client makes of an invocation, without what must differ."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:app"
    function = Function(arn, handler, folder, {"MINE": "yes", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12"}, 20, 256)
    hands.COMMAND, before = command, hands.COMMAND
    try:
        process = FunctionProcess(function, folder / "logs")
        response = process.invoke(json.dumps(EVENT), "11111111-1111-5111-a111-111111111111")
        process.close()
    finally:
        hands.COMMAND = before
    said = json.loads(response.text) if response.text is not None else None
    cause = json.loads(response.cause) if response.cause is not None else None
    if cause and "stackTrace" in cause:  # theirs has the frames of importlib, which tell nobody anything
        cause["stackTrace"] = [frame for frame in cause["stackTrace"] if "importlib" not in frame]
    return said, response.error, cause


HANDLERS = """
    app.echo app.about app.say app.nothing app.text app.raw app.numbers app.unspeakable app.deep app.bare app.inner
    app.leave parts/inside.handler parts.inside.handler app.none absent.handler broken.handler missing.handler
    raising.handler nodot
"""


@pytest.mark.parametrize("handler", HANDLERS.split())
def test_a_handler_is_started_as_awss_own_client_starts_it(folder, handler):
    theirs = answered(folder, handler, (sys.executable, "-m", "awslambdaric", handler))
    ours = answered(folder, handler, hands.COMMAND)
    assert ours == theirs
