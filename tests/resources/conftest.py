"""A fake AWS that every test of a session shares, found through the standard variables."""

from collections.abc import Iterator

import pytest

from tests.fake import ACCOUNT, fake_aws


@pytest.fixture(scope="session")
def _address() -> Iterator[str]:
    with fake_aws() as address:
        yield address


@pytest.fixture
def aws(_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL": _address}).items():
        monkeypatch.setenv(name, value)
    return _address
