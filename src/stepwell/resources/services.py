"""`call(service, action, params)`: other services of AWS, asked through botocore, which is imported when one is.

Which endpoint, region and credentials that means is said where botocore looks for it: `AWS_ENDPOINT_URL`,
`AWS_ENDPOINT_URL_S3`, `AWS_REGION`, profiles … Step Functions and Lambda are this machine's own, unless
`AWS_ENDPOINT_URL_SFN` or `AWS_ENDPOINT_URL_LAMBDA` says otherwise.
"""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from stepwell.errors import ConfigurationError, ServiceError

Params = dict[str, Any]
Perform = Callable[[str, Params], Params]  # an action by its AWS name, with the request and answer that botocore has
Call = Callable[[str, str, Params], Params]


class Own(NamedTuple):
    """A service of this machine; `shape` is that of an action's request."""

    perform: Perform
    shape: Callable[[str], Any]


REGION = "us-east-1"

# Services by the names that others give them. The rest of Step Functions' names follow from botocore's own.
_NAMES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "directoryservicedata": "ds-data",
    "lexmodelsv2": "lexv2-models",
    "lexruntimev2": "lexv2-runtime",
    "pinpointsmsvoice": "sms-voice",
}
_ENDPOINTS = {"stepfunctions": "AWS_ENDPOINT_URL_SFN", "lambda": "AWS_ENDPOINT_URL_LAMBDA"}


class Services:
    """Used from many threads. A service is named as botocore or as a Task's Resource names it."""

    def __init__(self) -> None:
        self.own: dict[str, Own] = {}  # by botocore's name of the service
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def mine(self, service: str) -> Own | None:
        """This machine's own service of that name, unless a variable says that another is meant."""
        name = _NAMES.get(service, service)
        return self.own[name] if name in self.own and _ENDPOINTS[name] not in os.environ else None

    def __call__(self, service: str, action: str, params: Params) -> Params:
        """The answer as botocore shapes it. Raises ServiceError where the service refuses or cannot be reached."""
        own = self.mine(service)
        if own is not None:
            return own.perform(upper(action), params)
        client = self._client(service)
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            answer: Params = client._make_api_call(upper(action), params)
        except ClientError as error:
            raise _refused(client, upper(action), error) from None
        except ParamValidationError as error:
            raise ServiceError("ValidationException", str(error.kwargs["report"]), http=0) from None
        except BotoCoreError as error:
            raise ServiceError("SdkClientException", str(error), http=0) from None
        return answer

    def shapes(self, service: str, action: str) -> tuple[Any, Any]:
        """Of the action's request and of its answer, of which our own services have no model: None."""
        own = self.mine(service)
        if own is not None:
            return own.shape(upper(action)), None
        model = service_model(service)
        if upper(action) not in model.operation_names:
            raise ConfigurationError(f"the service {service} has no action {action}")
        operation = model.operation_model(upper(action))
        return operation.input_shape, operation.output_shape

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = _connect(service)
            return self._clients[service]


def _connect(service: str) -> Any:
    session, name = _session(service)
    from botocore.config import Config

    config = Config(retries={"mode": "standard"}, connect_timeout=10, read_timeout=900)
    return session.create_client(name, region_name=session.get_config_variable("region") or REGION, config=config)


@cache
def service_model(service: str) -> Any:
    """botocore's model of a service, read from its data files: nobody is connected to."""
    session, name = _session(service)
    return session.get_service_model(name)


def _session(service: str) -> tuple[Any, str]:
    """A session, and the service's name in it."""
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session
        from botocore.utils import EVENT_ALIASES
    except ImportError:
        raise ConfigurationError(
            f"the service {service} is reached through botocore, which is not installed: pip install 'stepwell[aws]'"
        ) from None
    session = get_session()
    try:
        known = session.get_available_services()
    except BotoCoreError as error:  # of the files and variables that botocore is set up with
        raise ConfigurationError(str(error)) from None
    named = {EVENT_ALIASES.get(name, name).replace("-", ""): name for name in known}
    name = _NAMES.get(service) or named.get(service) or service
    if name not in named.values():
        raise ConfigurationError(f"there is no service {service}")
    return session, name


def _refused(client: Any, action: str, error: Any) -> ServiceError:
    """What the service has said; `modelled` as an error of this action's own, or as any other."""
    told, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code = told.get("Code", "Unknown").rpartition(".")[2]
    shapes = client.meta.service_model.operation_model(action).error_shapes
    modelled = any(code in (shape.name, shape.error_code) for shape in shapes)
    return ServiceError(
        code, told.get("Message", ""), metadata.get("HTTPStatusCode", 400), metadata.get("RequestId", ""), modelled
    )


def upper(name: str) -> str:
    return name[:1].upper() + name[1:]
