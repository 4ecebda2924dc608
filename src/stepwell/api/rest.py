"""The Lambda API's paths: which of its actions a request means, and what its answer looks like."""

from base64 import b64encode
from collections.abc import Callable
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from stepwell.api import functions
from stepwell.api.actions import aws_name
from stepwell.api.functions import Shop
from stepwell.api.http import FUNCTIONS, Call
from stepwell.api.protocol import Reply, read_json
from stepwell.api.validation import validate
from stepwell.asl.payload import dumps
from stepwell.errors import UnknownOperationException

_JSON = {"Content-Type": "application/json"}

# (method, what follows the function's name) → action, status. The collection itself has no name.
_ROUTES: dict[tuple[str, str | None], tuple[Callable[[Shop, dict[str, Any]], Any], int]] = {
    ("POST", None): (functions.create_function, 201),
    ("GET", None): (functions.list_functions, 200),
    ("GET", ""): (functions.get_function, 200),
    ("DELETE", ""): (functions.delete_function, 204),
    ("GET", "configuration"): (functions.get_function_configuration, 200),
    ("PUT", "configuration"): (functions.update_function_configuration, 200),
    ("PUT", "code"): (functions.update_function_code, 200),
    ("GET", "versions"): (functions.list_versions_by_function, 200),
    ("POST", "versions"): (functions.publish_version, 201),
}
_ACTIONS = {aws_name(function.__name__): function for function, _ in _ROUTES.values()}


def lambda_(shop: Shop, call: Call) -> Reply:
    """One request of the Lambda API."""
    url = urlsplit(call.path)
    name, _, rest = unquote(url.path.removeprefix(FUNCTIONS).strip("/")).partition("/")
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    if (call.method, rest) == ("POST", "invocations"):
        return _invoke(shop, call, {"FunctionName": name, **query})
    found = _ROUTES.get((call.method, rest if name else None))
    if found is None:
        raise UnknownOperationException(f"{call.method} {url.path} is not served here")
    action, status = found
    request = read_json(call.body) | _numbers(query) | ({"FunctionName": name} if name else {})
    validate(f"Lambda.{aws_name(action.__name__)}", request)
    answer = action(shop, request)
    return Reply(status, _JSON, b"" if answer is None else dumps(answer).encode())


def perform(shop: Shop, action: str, request: dict[str, Any]) -> dict[str, Any]:
    """An action by its AWS name, as a Task asks for it."""
    if action == "Invoke":
        payload = request.pop("Payload", {})
        text = payload if isinstance(payload, str) else dumps(payload)
        invoked = functions.invoke(shop, request, text.encode())
        version = shop.find(request).settings["Version"]
        answer = {"StatusCode": 200, "ExecutedVersion": version, "Payload": invoked.text}
        return answer | ({"FunctionError": "Unhandled"} if invoked.failed else {})
    if action not in _ACTIONS:
        raise UnknownOperationException(f"The Lambda action {action} is not served here")
    validate(f"Lambda.{action}", request)
    return _ACTIONS[action](shop, request) or {}


def _numbers(query: dict[str, str]) -> dict[str, Any]:
    return {key: int(value) if key == "MaxItems" and value.isdecimal() else value for key, value in query.items()}


def _invoke(shop: Shop, call: Call, request: dict[str, Any]) -> Reply:
    kind = call.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    log = call.headers.get("X-Amz-Log-Type", "None")
    validate("Lambda.Invoke", {**request, "InvocationType": kind, "LogType": log})
    headers = _JSON | {"X-Amz-Executed-Version": shop.find(request).settings["Version"]}
    if kind == "DryRun":
        return Reply(204, headers, b"")
    if kind == "Event":
        Thread(target=functions.invoke, args=(shop, request, call.body), daemon=True).start()
        return Reply(202, headers, b"")
    invoked = functions.invoke(shop, request, call.body)
    if invoked.failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if log == "Tail":
        headers["X-Amz-Log-Result"] = b64encode(invoked.log[-4096:]).decode()
    return Reply(200, headers, invoked.text.encode())
