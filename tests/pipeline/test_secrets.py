"""Secrets from files, from AWS Secrets Manager (moto's server answers) and as IAM tokens."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from boto3.session import Session

from stepwell import Pipeline, aws_secret, env, rds_iam, secret_file
from stepwell.errors import ConfigurationError, SecretUnavailable, StepwellError
from stepwell.etl.connection import connect
from stepwell.etl.redact import redacted
from stepwell.pipeline import secrets
from stepwell.pipeline.check import check

PLANTED = "Pl4nted-s3cret"
URL = f"postgresql://etl:{PLANTED}@db.example/shop"
NEEDS = "task 'a' (pipeline.py:3)"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of an AWS that has Secrets Manager, in a process of its own."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout
    address = next(line.split()[-1] for line in server.stdout if "Running on" in line)
    threading.Thread(target=server.stdout.read, daemon=True).start()  # a full pipe would stop it
    yield address
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Credentials, a region, and nothing that an earlier test has read."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example-of-a-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(secrets, "_clients", {})
    secrets.forget()
    yield
    secrets.forget()


@pytest.fixture
def vault(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["Vault"]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws)
    made = Vault()
    yield made
    made.close()


class Vault:
    """Secrets Manager, as an administrator sees it."""

    def __init__(self) -> None:
        self._client = Session().client("secretsmanager")
        self._names: set[str] = set()

    def put(self, name: str, text: str) -> str:
        if name in self._names:
            return str(self._client.put_secret_value(SecretId=name, SecretString=text)["ARN"])
        self._names.add(name)
        return str(self._client.create_secret(Name=name, SecretString=text)["ARN"])

    def put_bytes(self, name: str, content: bytes) -> None:
        self._names.add(name)
        self._client.create_secret(Name=name, SecretBinary=content)

    def close(self) -> None:
        for name in self._names:
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def refusal(setting: object) -> StepwellError:
    with pytest.raises(StepwellError) as caught:
        setting.value(NEEDS)  # type: ignore[attr-defined]
    assert PLANTED not in str(caught.value)
    assert NEEDS in caught.value.message
    assert caught.value.__cause__ is None
    return caught.value


# Files


def test_a_file_holds_one_value_and_its_last_line_may_end(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(URL + "\n")
    assert secret_file(str(tmp_path / "url")).value() == URL
    assert PLANTED not in redacted(f"bad password {PLANTED}")


def test_a_path_is_relative_to_the_file_that_names_it() -> None:
    own = secret_file(Path(__file__).name)
    assert own.value(NEEDS).startswith('"""Secrets')
    assert repr(own) == "secret_file('test_secrets.py')"


def test_a_file_that_gives_nothing_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" + PLANTED.encode())
    for name, why in (("gone", "does not exist"), ("empty", "is empty"), ("bytes", "not UTF-8"), (".", "a directory")):
        error = refusal(secret_file(str(tmp_path / name)))
        assert isinstance(error, ConfigurationError)
        assert str(tmp_path / name) in error.message
        assert why in error.message


# AWS Secrets Manager


def test_a_secret_is_its_text_or_one_value_of_its_json(vault: Vault) -> None:
    arn = vault.put("shop/url", URL)
    vault.put("shop/json", f'{{"url": "{URL}", "token": "{PLANTED}-2", "port": 5432}}')
    assert aws_secret("shop/url").value() == URL
    assert aws_secret(arn).value() == URL
    assert aws_secret("shop/json", "url").value() == URL
    assert aws_secret("shop/json", key="port").value() == "5432"
    assert repr(aws_secret("shop/json", "url")) == "aws_secret('shop/json', 'url')"
    aws_secret("shop/json", "token").value()
    assert redacted(f"{PLANTED}-2") == "***"


def test_a_secret_as_rds_keeps_it_is_the_url_of_its_database(vault: Vault) -> None:
    vault.put("rds", '{"username": "etl", "password": "a@b/c", "host": "db.example", "port": 5433, "dbname": "shop"}')
    assert aws_secret("rds").value() == "postgresql://etl:a%40b%2Fc@db.example:5433/shop"


def test_a_secret_is_kept_for_five_minutes_and_no_longer(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.put("shop/url", "first")
    assert aws_secret("shop/url").value() == "first"
    vault.put("shop/url", "second")
    assert aws_secret("shop/url").value() == "first"
    [(name, (read_at, text))] = secrets._secrets.items()
    secrets._secrets[name] = read_at - 301, text
    assert aws_secret("shop/url").value() == "second"
    vault.put("shop/url", "third")
    secrets.forget()
    assert aws_secret("shop/url").value() == "third"


def test_what_is_missing_is_named_and_no_value_is_told(vault: Vault) -> None:
    vault.put("shop/text", PLANTED)
    vault.put("shop/json", f'{{"password": "{PLANTED}"}}')
    vault.put_bytes("shop/binary", PLANTED.encode())
    assert "the AWS secret nowhere does not exist" in refusal(aws_secret("nowhere")).message
    assert (
        "the AWS secret shop/text is no JSON object, so it has no key 'url'"
        in refusal(aws_secret("shop/text", "url")).message
    )
    assert "the AWS secret shop/json has no key 'url'" in refusal(aws_secret("shop/json", "url")).message
    assert "the AWS secret shop/binary holds no text" in refusal(aws_secret("shop/binary")).message


def test_aws_that_cannot_be_reached_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    error = refusal(aws_secret("shop/url"))
    assert isinstance(error, SecretUnavailable)
    assert error.retriable


def test_without_credentials_or_region_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "region" in refusal(aws_secret("shop/url")).message
    monkeypatch.setattr(secrets, "_clients", {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "credentials" in refusal(aws_secret("shop/url")).message
    assert "credentials" in refusal(rds_iam("db.example", 5432, "etl", "shop", "eu-central-1")).message


def test_validation_tells_every_setting_that_is_missing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_URL", raising=False)
    pipeline = Pipeline("visits", database=aws_secret("nowhere"))
    pipeline.load("task_01", into="t", query="select 1", source=secret_file("/run/secrets/gone"))
    pipeline.load("task_02", into="t", query="select 1", source=env("SOURCE_URL"))
    assert check(pipeline) == []
    told = [problem.message for problem in check(pipeline, at_run_time=True)]
    assert [re.split("[;,]| does", text)[0] for text in told] == [
        "the AWS secret nowhere",
        "the secret file /run/secrets/gone",
        "SOURCE_URL is not set",
    ]


# Tokens of IAM


def test_a_token_is_signed_for_this_host_user_and_region() -> None:
    url = urlsplit(rds_iam("db.example", 5432, "etl user", "shop", "eu-west-1").value())
    assert (url.hostname, url.port, url.path, url.query) == ("db.example", 5432, "/shop", "sslmode=require")
    assert unquote(url.username or "") == "etl user"
    token = unquote(url.password or "")
    query = parse_qs(token.partition("?")[2])
    assert token.startswith("db.example:5432/?Action=connect")
    assert query["DBUser"] == ["etl user"]
    assert "/eu-west-1/rds-db/" in query["X-Amz-Credential"][0]
    assert redacted(token) == redacted(url.password or "") == "***"


class Listener:
    """A server that asks for a password in clear text, writes it down, and refuses it."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client:
                    self._refuse(client)

    def _refuse(self, client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
        self.passwords.append(client.recv(65536)[5:-1].decode())
        text = b"SFATAL\0C28P01\0Mpassword authentication failed\0\0"
        client.sendall(b"E" + (len(text) + 4).to_bytes(4, "big") + text)

    def close(self) -> None:
        self._socket.close()


def test_every_connection_is_made_with_a_new_token() -> None:
    """A token lives for 15 minutes; AWS writes the second into it."""
    listener = Listener()
    try:
        url = rds_iam("127.0.0.1", listener.port, "etl", "shop", "eu-west-1", sslmode="disable").value()
        for _ in range(2):
            with pytest.raises(ConfigurationError) as caught:
                connect(url, "test")
            assert "X-Amz" not in caught.value.message
            time.sleep(1.01 - time.time() % 1)
    finally:
        listener.close()
    first, second = listener.passwords
    assert first.startswith(f"127.0.0.1:{listener.port}/?Action=connect")
    assert first != second
