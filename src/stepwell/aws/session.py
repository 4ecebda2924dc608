"""Clients of AWS as the `aws` command would make them: the same profile, region and endpoint; its errors are ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from stepwell import errors
from stepwell.errors import AwsError, ConfigurationError, StepwellError, UsageError

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_UNKNOWN_KEYS = ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException")
_DOMAINS = {
    "aws-cn": ("amazonaws.com.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("amazonaws.com", "console.amazonaws-us-gov.com"),
}
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


class Session:
    """Who asks (`profile`), where (`region`), and whom (`endpoint`, for all services); None: as `aws` would decide."""

    def __init__(self, profile: str | None = None, region: str | None = None, endpoint: str | None = None) -> None:
        with translated():
            self._session = _boto3_session(profile, region)
        self.profile = profile
        self.endpoint = endpoint

    @property
    def region(self) -> str:
        region: str | None = self._session.region_name
        if not region:
            raise ConfigurationError(
                "no region of AWS is chosen: give --region, set AWS_DEFAULT_REGION, or run `aws configure`"
            )
        return region

    @property
    def domains(self) -> tuple[str, str]:
        """Of the services and of the console: China and GovCloud have their own."""
        with translated():
            partition = self._session.get_partition_for_region(self.region)
        return _DOMAINS.get(partition, ("amazonaws.com", "console.aws.amazon.com"))

    def client(self, service: str, **config: Any) -> "Client":
        """`config`: what botocore's Config takes."""
        from botocore.config import Config

        given = {"retries": {"mode": "standard", "total_max_attempts": 5}, "connect_timeout": 10} | config
        if self.endpoint is not None:
            given["inject_host_prefix"] = False  # sync-127.0.0.1 is nowhere
        with translated():
            made = self._session.client(
                service, region_name=self.region, endpoint_url=self.endpoint, config=Config(**given)
            )
        return Client(made)


class Client:
    """A boto3 client whose calls raise our errors: those of our names under their own class, others as AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._actions: dict[str, str] = client.meta.method_to_api_mapping

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return _guarded(found) if name in self._actions else found


def _guarded(action: Callable[..., Any]) -> Callable[..., Any]:
    def call(**request: Any) -> Any:
        with translated():
            return action(**request)

    return call


def _boto3_session(profile: str | None, region: str | None) -> Any:
    try:
        from boto3.session import Session as Boto3Session
        from botocore.session import get_session
    except ImportError:
        raise ConfigurationError("what talks to AWS needs boto3: pip install 'stepwell[aws]'") from None
    under = get_session()
    under.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_in_utc)
    return Boto3Session(botocore_session=under, profile_name=profile, region_name=region)


def _in_utc(told: Any) -> datetime:
    """A time as it is told on this machine, not in the local time that botocore makes of it."""
    from botocore.utils import parse_timestamp

    found: datetime = parse_timestamp(told)
    return found.astimezone(UTC)


@contextmanager
def translated() -> Iterator[None]:
    """Whatever botocore raises becomes one clear error."""
    try:
        yield
    except StepwellError:
        raise
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        raise told from None


def _told(error: Exception) -> StepwellError | None:
    from botocore import exceptions as aws

    if isinstance(error, aws.ClientError):
        return _refused(error)
    if isinstance(error, aws.ParamValidationError):
        return UsageError(str(error))
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError):
        return ConfigurationError(
            "AWS knows nobody here: no credentials were found. Give --profile, set AWS_PROFILE, or run `aws configure`"
        )
    if isinstance(error, aws.ProfileNotFound | aws.SSOError | aws.TokenRetrievalError):
        return ConfigurationError(
            f"{error}; `aws configure list-profiles` lists the profiles, `aws sso login` signs in"
        )
    if isinstance(error, aws.BotoCoreError):
        return AwsError(f"AWS could not be asked: {error}")
    return None


def _refused(error: Any) -> StepwellError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))
    ours = getattr(errors, code, None)
    if isinstance(ours, type) and issubclass(ours, StepwellError):
        return ours(message)
    what = f"AWS refused {error.operation_name}: {code}: {message}"
    if code in _EXPIRED:
        return ConfigurationError(f"{what}; sign in again, for instance with `aws sso login`")
    if code in _UNKNOWN_KEYS:
        return ConfigurationError(f"{what}; `aws sts get-caller-identity` tells whose credentials are used")
    if code in _DENIED:
        what += "; the permissions that operating a pipeline needs are in docs/aws.md"
    return AwsError(what, code)
