"""Settings that are secret and live outside of the environment: in a file, in AWS Secrets Manager, as an IAM token."""

import json
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from stepwell.errors import ConfigurationError, SecretUnavailable
from stepwell.etl.address import TokenUrl
from stepwell.etl.redact import remember, remember_url
from stepwell.pipeline.places import caller
from stepwell.pipeline.settings import Setting

T = TypeVar("T")

_KEPT = 300.0  # seconds that a secret of AWS is kept in memory
_NOT_FOUND = ("ResourceNotFoundException",)
_DENIED = ("AccessDeniedException", "AccessDenied")
_LATER = ("ThrottlingException", "TooManyRequestsException", "InternalServiceError", "InternalServiceErrorException")

_secrets: dict[tuple[str, str | None], tuple[float, str]] = {}  # by name and region: when it was read, and what it is
_clients: dict[tuple[str, str | None], Any] = {}


class SecretFile(Setting):
    """A file that holds one value, as Docker and Kubernetes mount secrets."""

    __slots__ = ("path",)

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self.path = path

    def __repr__(self) -> str:
        return f"secret_file({self.name!r})"

    def value(self, needed_by: str = "this pipeline") -> str:
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read().strip("\r\n")
        except FileNotFoundError:
            raise ConfigurationError(f"the secret file {self.path} does not exist; {needed_by} needs it") from None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(
                f"the secret file {self.path} cannot be read: {why}; {needed_by} needs it"
            ) from None
        if not text:
            raise ConfigurationError(f"the secret file {self.path} is empty; {needed_by} needs it")
        return _remembered(text)


class AwsSecret(Setting):
    """A secret of AWS Secrets Manager: its text, one value of its JSON, or the URL that a secret of RDS describes."""

    __slots__ = ("key", "region", "secret")

    def __init__(self, secret: str, key: str | None, region: str | None) -> None:
        super().__init__(f"{secret}[{key}]" if key else secret)
        self.secret = secret
        self.key = key
        arn = secret.split(":")
        self.region = region or (arn[3] if arn[0] == "arn" and len(arn) > 3 else None)

    def __repr__(self) -> str:
        return f"aws_secret({self.secret!r})" if self.key is None else f"aws_secret({self.secret!r}, {self.key!r})"

    def value(self, needed_by: str = "this pipeline") -> str:
        text = self._text(needed_by)
        data = _parsed(text)
        if self.key is not None:
            return _remembered(self._part(data, needed_by))
        return _remembered(_url(data) or text)

    def _part(self, data: Any, needed_by: str) -> str:
        if not isinstance(data, dict):
            raise ConfigurationError(
                f"the AWS secret {self.secret} is no JSON object, so it has no key {self.key!r}; {needed_by} needs it"
            )
        if data.get(self.key) in (None, ""):
            raise ConfigurationError(f"the AWS secret {self.secret} has no key {self.key!r}; {needed_by} needs it")
        return str(data[self.key])

    def _text(self, needed_by: str) -> str:
        """From memory, or from AWS. The wall's clock counts, since a frozen function's own stands still."""
        read_at, text = _secrets.get((self.secret, self.region), (0.0, ""))
        if not 0 <= time.time() - read_at < _KEPT:
            text = self._read(needed_by)
            _secrets[self.secret, self.region] = time.time(), text
        return text

    def _read(self, needed_by: str) -> str:
        what = f"the AWS secret {self.secret}"

        def ask() -> dict[str, Any]:
            answer: dict[str, Any] = _client("secretsmanager", self.region).get_secret_value(SecretId=self.secret)
            return answer

        answer = _guarded(what, needed_by, ask)
        text = answer.get("SecretString")
        if not text:
            raise ConfigurationError(f"{what} holds no text (binary, or nothing); {needed_by} needs it")
        remember(text)
        return str(text)


class RdsIam(Setting):
    """A database of RDS or Aurora to which a role of AWS signs in: each connection has a token of its own."""

    __slots__ = ("database", "host", "port", "region", "sslmode", "user")

    def __init__(self, host: str, port: int, user: str, database: str, region: str, sslmode: str) -> None:
        super().__init__(f"{user}@{host}:{port}/{database}")
        self.host = host
        self.port = port
        self.user = user
        self.database = database
        self.region = region
        self.sslmode = sslmode

    def __repr__(self) -> str:
        return f"rds_iam({self.name!r})"

    def value(self, needed_by: str = "this pipeline") -> str:
        return TokenUrl.of(self._url(""), lambda: self._url(":" + self._token(needed_by)))

    def _url(self, password: str) -> str:
        user, database = quote(self.user, safe=""), quote(self.database, safe="")
        return f"postgresql://{user}{password}@{self.host}:{self.port}/{database}?sslmode={self.sslmode}"

    def _token(self, needed_by: str) -> str:
        """Signed here; AWS is only asked for the role's credentials, and those are kept until they expire."""
        what = f"an IAM token for {self.name}"

        def sign() -> str:
            client = _client("rds", self.region)
            return str(client.generate_db_auth_token(self.host, self.port, self.user, self.region))

        token = _guarded(what, needed_by, sign)
        remember(token)
        return quote(token, safe="")


def secret_file(path: str) -> Setting:
    """The content of a file, without the end of its last line. A path is relative to the file that names it."""
    folder = os.path.dirname(caller(1)[0])
    return SecretFile(path, os.path.join(folder, os.path.expanduser(path)))


def aws_secret(name: str, key: str | None = None, *, region: str | None = None) -> Setting:
    """A secret of AWS Secrets Manager, by name or ARN: its text, or the value at `key` of its JSON.

    Without `key`, a secret as RDS keeps it (username, password, host, port, dbname) is the URL of that database.
    It is kept in memory for five minutes.
    """
    return AwsSecret(name, key, region)


def rds_iam(host: str, port: int, user: str, database: str, region: str, *, sslmode: str = "require") -> Setting:
    """The URL of a database of RDS that a role signs in to; each connection is made with a new token."""
    return RdsIam(host, port, user, database, region, sslmode)


def forget() -> None:
    """Read secrets anew at their next use: what was refused may have been an old one."""
    _secrets.clear()


def _remembered(text: str) -> str:
    if "://" in text:
        remember_url(text)
    else:
        remember(text)
    return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _url(data: Any) -> str | None:
    """The URL that a secret of RDS describes."""
    if not isinstance(data, dict) or not all(data.get(name) for name in ("host", "username", "password")):
        return None
    user, password = (quote(str(data[name]), safe="") for name in ("username", "password"))
    database = quote(str(data.get("dbname") or data["username"]), safe="")
    return f"postgresql://{user}:{password}@{data['host']}:{data.get('port') or 5432}/{database}"


def _client(service: str, region: str | None) -> Any:
    """Made once a process: it costs a third of a second."""
    if (service, region) not in _clients:
        from boto3.session import Session
        from botocore.config import Config

        patience = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
        _clients[service, region] = Session().client(service, region_name=region, config=patience)
    return _clients[service, region]


def _guarded(what: str, needed_by: str, ask: Callable[[], T]) -> T:
    """What AWS or its client refuses, told with what is missing and never with a value."""
    try:
        from botocore import exceptions
    except ModuleNotFoundError:
        raise ConfigurationError(f"{what} needs boto3: pip install boto3; {needed_by} needs it") from None
    try:
        return ask()
    except exceptions.ClientError as error:
        raise _refused(what, needed_by, error.response) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise SecretUnavailable(f"{what} could not be read ({type(error).__name__}); {needed_by} needs it") from None
    except exceptions.BotoCoreError as error:
        raise ConfigurationError(f"{what} could not be read: {error}; {needed_by} needs it") from None


def _refused(what: str, needed_by: str, response: dict[str, Any]) -> ConfigurationError | SecretUnavailable:
    error = response.get("Error", {})
    code, status = error.get("Code", "Unknown"), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if code in _NOT_FOUND:
        return ConfigurationError(f"{what} does not exist in this account and region; {needed_by} needs it")
    if code in _DENIED:
        return ConfigurationError(
            f"{what} may not be read; {needed_by} needs it. Allow secretsmanager:GetSecretValue on it, and "
            "kms:Decrypt on its key, to the role of the function"
        )
    if code in _LATER or status >= 500:
        return SecretUnavailable(f"{what} could not be read just now ({code}); {needed_by} needs it")
    return ConfigurationError(f"{what} could not be read ({code}: {error.get('Message', '')}); {needed_by} needs it")
