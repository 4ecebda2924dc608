"""Secrets are not told, in whatever form they stand in a text."""

import json
import subprocess
from urllib.parse import quote, quote_plus

import pytest
from psycopg.conninfo import make_conninfo

from stepwell.errors import SqlError
from stepwell.etl import redact
from stepwell.etl.redact import passwords, redacted, redacted_data, redacted_error, remember, remember_url

PLANTED = "Pl4nted-s3cret"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_known", {})
    monkeypatch.setattr(redact, "_looked_at", set())


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://etl:{PLANTED}@db.example:5432/shop",
        f"postgres://etl:{PLANTED}@/shop?host=/tmp",
        f"postgresql://etl:{PLANTED}@h/shop?application_name=a@b",
        f"postgresql://h/shop?user=etl&password={PLANTED}&sslmode=require",
        f"host=h dbname=shop user=etl password={PLANTED}",
        f"host=h password = '{PLANTED}' dbname=shop",
        f"postgres//etl:{PLANTED}@h/shop",
    ],
)
def test_the_password_is_found_in_every_kind_of_address(url: str) -> None:
    assert PLANTED in passwords(url)
    remember_url(url)
    assert PLANTED not in redacted(f"no connection with {url}, since {PLANTED} is wrong")
    assert "shop" in redacted(url)


@pytest.mark.parametrize("password", ["pa@ss/w:rd%1 ä", 'it\'s "quoted" \\ here', "100%sure+then", PLANTED])
def test_a_password_is_masked_in_every_form_that_it_is_written_in(password: str) -> None:
    url = f"postgresql://etl:{quote(password, safe='')}@db.example/shop"
    remember_url(url)
    forms = [
        password,
        repr(f"bad: {password}"),
        json.dumps({"password": password}),
        json.dumps([password], ensure_ascii=False),
        make_conninfo("", host="h", password=password),
        quote(password),
        quote(password, safe=""),
        quote(password, safe="").lower(),
        quote_plus(password),
        url,
    ]
    for text in forms:
        masked = redacted(f"<{text}>")
        assert "***" in masked, text
        assert not any(form in masked for form in (password, quote(password, safe=""), repr(password)[1:-1]))


@pytest.mark.parametrize("password", [f"a@{PLANTED}", f"a/{PLANTED}", f"a:{PLANTED}", f"{PLANTED}?x", f"{PLANTED}#x"])
def test_what_libpq_takes_for_host_or_port_is_masked_as_well(password: str) -> None:
    """A password whose special characters are not escaped is cut at them, and libpq tells a part of it."""
    remember_url(f"postgresql://etl:{password}@host/shop")
    assert PLANTED not in redacted(f'could not translate host name "{PLANTED}@host" to address')


def test_a_short_password_is_masked_where_it_stands_alone() -> None:
    remember_url("postgresql://etl:visit@h/shop")
    assert redacted("the visit of visits, visit_date: etl:visit@h") == "the *** of visits, visit_date: etl:***@h"


def test_a_password_that_is_no_secret_leaves_texts_readable() -> None:
    remember_url("postgresql://postgres:postgres@h/shop")
    remember_url("postgresql://test:test@h/test")
    remember_url("postgresql://etl:pw@h/shop")
    text = "PostgreSQL refused database test at h as postgres; pw"
    assert redacted(text) == text
    assert redacted("postgresql://postgres:postgres@h, host=h password=test, x:pw@h") == (
        "postgresql://postgres:***@h, host=h password=***, x:***@h"
    )


def test_the_environment_is_known_without_being_read_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_DATABASE", f"postgresql://etl:{PLANTED}@h/shop")
    monkeypatch.setenv("PGPASSWORD", "pgpass-Planted")
    monkeypatch.setenv("VENDOR_API_KEY", "vendor-key-0815")
    monkeypatch.setenv("DB_SECRET_NAME", "prod/shop/database")
    assert redacted(f"{PLANTED} pgpass-Planted vendor-key-0815") == "*** *** ***"
    assert redacted("prod/shop/database") == "prod/shop/database"


def test_data_is_masked_in_keys_and_values_and_otherwise_unchanged() -> None:
    remember(PLANTED)
    data = {"n": 1, "list": [PLANTED, None, 1.5, (True,)], f"key {PLANTED}": {"deep": f"x{PLANTED}"}}
    assert redacted_data(data) == {"n": 1, "list": ["***", None, 1.5, [True]], "key ***": {"deep": "x***"}}


def test_an_error_without_secrets_is_handed_on_untouched() -> None:
    remember(PLANTED)
    error = ValueError("as I said", 3)
    assert redacted_error(error) is error
    assert error.args == ("as I said", 3)


def test_an_errors_text_is_masked_and_its_name_stays() -> None:
    remember(PLANTED)
    ours = redacted_error(SqlError(f"refused: {PLANTED}"))
    assert (type(ours), str(ours)) == (SqlError, "refused: ***")
    theirs = redacted_error(KeyError(PLANTED))
    assert (type(theirs), str(theirs)) == (KeyError, "'***'")
    ended = redacted_error(SystemExit(f"no: {PLANTED}"))
    assert isinstance(ended, SystemExit)
    assert (ended.code, str(ended)) == ("no: ***", "no: ***")


def test_an_error_that_makes_its_own_text_becomes_one_of_the_same_name() -> None:
    class Vendor(Exception):
        def __str__(self) -> str:
            return f"vendor refused {PLANTED}"

    remember(PLANTED)
    for error in (Vendor(), subprocess.CalledProcessError(1, ["psql", PLANTED]), ExceptionGroup(PLANTED, [OSError()])):
        told = redacted_error(error)
        assert type(told).__name__ == type(error).__name__
        assert "***" in str(told)
        assert PLANTED not in str(told)


def test_what_an_error_came_from_and_its_notes_are_masked_too() -> None:
    remember(PLANTED)
    try:
        try:
            raise ValueError(f"first {PLANTED}")
        except ValueError as first:
            raise RuntimeError("second") from first
    except RuntimeError as second:
        second.add_note(f"note {PLANTED}")
        told = redacted_error(second)
    assert told.__notes__ == ["note ***"]
    assert str(told.__cause__) == "first ***"


def test_tokens_of_many_connections_do_not_fill_the_memory() -> None:
    for number in range(10_000):
        remember(f"token-number-{number}")
    assert len(redact._known) <= 256
    assert redacted("token-number-9999") == "***"


def test_a_secret_that_was_cut_off_is_masked_as_far_as_it_goes() -> None:
    remember(PLANTED)
    assert redacted("(1, etl:Pl4nted-s...) and Pl4nt… and Pla…") == "(1, etl:***...) and ***… and Pla…"
