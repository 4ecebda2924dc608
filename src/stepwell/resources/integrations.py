"""The two families of service integrations: how each names a service's fields and errors, and words its refusals.

`arn:aws:states:::sqs:sendMessage` is optimised, `arn:aws:states:::aws-sdk:sqs:sendMessage` is the SDK's. The recorded
histories of AWS are where the texts are from.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import uuid4

from stepwell.errors import ConfigurationError, ServiceError, StepwellError
from stepwell.resources import casing
from stepwell.resources.services import Services, service_model, upper

Json = dict[str, Any]

# Optimised integrations: the prefix of their errors, and the service's name in the causes.
_OPTIMISED = {
    "athena": ("Athena", "AmazonAthena"),
    "batch": ("Batch", "AWSBatch"),
    "codebuild": ("CodeBuild", "AWSCodeBuild"),
    "databrew": ("DataBrew", "AWSGlueDataBrew"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDBv2"),
    "ecs": ("ECS", "AmazonECS"),
    "emr-serverless": ("EMRServerless", "AmazonEMRServerless"),
    "events": ("EventBridge", "AmazonEventBridge"),
    "glue": ("Glue", "AWSGlue"),
    "lambda": ("Lambda", "AWSLambda"),
    "mediaconvert": ("MediaConvert", "AWSMediaConvert"),
    "sagemaker": ("SageMaker", "AmazonSageMaker"),
    "sns": ("SNS", "AmazonSNS"),
    "sqs": ("SQS", "AmazonSQS"),
    "states": ("StepFunctions", "AWSStepFunctions"),
}
_ANY = SimpleNamespace(type_name="any", metadata={})
_INVOKED = ("ClientContext", "FunctionName", "InvocationType", "LogType", "Payload", "Qualifier")
_INVOCATION = SimpleNamespace(
    type_name="structure", members=dict.fromkeys(_INVOKED, _ANY), required_members=["FunctionName"]
)
_OWN_IDS = {"sfn": "SFN", "lambda": "Lambda"}


class Failure(NamedTuple):
    """What a call has failed with, as Retry and Catch see it."""

    error: str
    cause: str


class Integration(NamedTuple):
    """A Task's resource in its parts; `pattern` is what follows the action: nothing, sync, sync:2, waitForTaskToken."""

    service: str
    action: str
    pattern: str
    sdk: bool

    @property
    def key(self) -> str:
        return f"{self.service}:{self.action}"


def integration(resource: str) -> Integration:
    """Of `arn:aws:states:::…`. Raises ConfigurationError for one that is not played on this machine."""
    parts = resource.split(":", 5)[-1].split(":", 2 if ":aws-sdk:" in resource else 1)
    sdk = parts[0] == "aws-sdk"
    service, rest = parts[-2:]
    action, _, pattern = rest.partition(".")
    if not resource.startswith("arn:aws:states:::") or not (sdk or service in _OPTIMISED):
        raise ConfigurationError(f"{resource} is not among the resources that this machine can call: see docs/tasks.md")
    return Integration(service, action, pattern, sdk)


def check(call: Services, to: Integration, parameters: Any) -> None:
    """Raises ServiceError, which `http` 0 marks, for parameters with which the service would not even be asked."""
    if not isinstance(parameters, dict):
        raise ServiceError("ValidationException", "The value must be an object", http=0)
    asked = _INVOCATION if to.key == "lambda:invoke" and not to.sdk else call.shapes(to.service, to.action)[0]
    casing.request(asked, parameters, casing.java if to.sdk else upper)


def ask(call: Services, to: Integration, parameters: Any) -> Json:
    """Call the service with a state's parameters; its answer as the state sees it. Raises StepwellError."""
    name = casing.java if to.sdk else upper
    moment: Callable[[datetime], Any] = casing.iso if to.sdk else casing.milliseconds
    asked, answered = call.shapes(to.service, to.action)
    answer = call(to.service, to.action, casing.request(asked, parameters, name))
    told = answer.pop("ResponseMetadata", None)
    shown: Json = casing.answer(answered, answer, name, moment)
    return shown if to.sdk else {**shown, **_metadata(told or _own(shown))}


def failure(call: Services, to: Integration, error: StepwellError, request: str) -> Failure:
    """An error's name and cause in the words of the family."""
    if isinstance(error, ConfigurationError):
        return Failure("States.Runtime", error.message)
    status, modelled = error.status, True
    if isinstance(error, ServiceError):
        status, modelled, request = error.http, error.modelled, error.request or request
    prefix, service = _names(call, to)
    code = error.code if error.code.endswith("Exception") else f"{error.code}Exception"
    if status == 0 and error.code == "ValidationException":
        return Failure("States.Runtime", f"The Parameters could not be used to start the Task: [{error.message}]")
    if status == 0:
        return Failure(f"{prefix}.{code}", error.message)
    code = code if modelled else f"{prefix if to.sdk else service.removesuffix('v2')}Exception"
    if to.sdk:
        told = f"(Service: {service}, Status Code: {status}, Request ID: {request}) (SDK Attempt Count: 1)"
    else:
        told = (
            f"(Service: {service}; Status Code: {status}; Error Code: {error.code}; Request ID: {request}; Proxy: null)"
        )
    return Failure(f"{prefix}.{code}", f"{error.message} {told}")


def _names(call: Services, to: Integration) -> tuple[str, str]:
    if not to.sdk:
        return _OPTIMISED[to.service]
    name = casing.class_name(_OWN_IDS[to.service] if call.mine(to.service) else service_model(to.service).service_id)
    return name, name


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_HEADERS = {name.lower(): name for name in ("Content-Length", "Content-Type", "Date", "Server", "x-amzn-RequestId")}


def _own(shown: Json) -> Json:
    """What an answer of this machine's own services would have come with from AWS's."""
    request = str(uuid4())
    length, date = str(len(dumps(shown))), time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    kind = {"Content-Type": "application/x-amz-json-1.0", "Content-Length": length}
    return {
        "HTTPHeaders": {"connection": "keep-alive", "Date": date, "x-amzn-RequestId": request, **kind},
        "RequestId": request,
    }


def _metadata(told: Json) -> Json:
    headers = {_HEADERS.get(name.lower(), name): value for name, value in told.get("HTTPHeaders", {}).items()}
    return metadata(headers, told.get("HTTPStatusCode", 200), told.get("RequestId", ""))


def metadata(headers: dict[str, str], status: int, request: str) -> Json:
    """What optimised integrations tell of the answer besides the answer."""
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request},
    }
