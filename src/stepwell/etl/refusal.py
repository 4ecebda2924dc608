"""Says why no connection could be made: the address, PostgreSQL's reason, what to do; never the password."""

import os
from typing import Any, NamedTuple

import psycopg

from stepwell.errors import ConfigurationError, DatabaseUnavailable, StepwellError


class _Reason(NamedTuple):
    sign: str  # part of the message: libpq passes no SQLSTATE on when connecting fails
    kind: type[StepwellError]
    remedy: str


_REASONS = (
    _Reason("password authentication failed", ConfigurationError, "Correct the user or the password in the URL."),
    _Reason("no password supplied", ConfigurationError, "Put the password into the URL: user:password@host."),
    _Reason("authentication failed", ConfigurationError, "Correct the user or how it signs in (pg_hba.conf)."),
    _Reason("no pg_hba.conf entry", ConfigurationError, "Let the server admit this host and user (pg_hba.conf)."),
    _Reason("too many connections for", DatabaseUnavailable, "Raise the limit, or run fewer tasks at once."),
    _Reason("too many clients", DatabaseUnavailable, "Close other connections, or raise max_connections."),
    _Reason("remaining connection slots", DatabaseUnavailable, "Close other connections, or raise max_connections."),
    _Reason("starting up", DatabaseUnavailable, "The server is starting: try again in a moment."),
    _Reason("shutting down", DatabaseUnavailable, "The server is stopping: start it again."),
    _Reason("in recovery mode", DatabaseUnavailable, "The server recovers from a crash: try again in a moment."),
    _Reason(
        "not currently accepting", ConfigurationError, "Allow connections: ALTER DATABASE … ALLOW_CONNECTIONS true."
    ),
    _Reason("permission denied for database", ConfigurationError, "Grant the user CONNECT on the database."),
    _Reason("not permitted to log in", ConfigurationError, "Allow it: ALTER ROLE … LOGIN."),
    _Reason("SSL", ConfigurationError, "Check sslmode and the certificates in the URL against the server."),
    _Reason("certificate", ConfigurationError, "Check sslrootcert and the host name in the URL."),
    _Reason("is bad: invalid", ConfigurationError, "Correct the option in the URL."),
    _Reason("invalid value for parameter", ConfigurationError, "Correct the option in the URL."),
    _Reason("could not translate host name", DatabaseUnavailable, "Correct the host, or the network's name service."),
    _Reason("failed to resolve host", DatabaseUnavailable, "Correct the host, or the network's name service."),
    _Reason(
        "timeout expired", DatabaseUnavailable, "Is the host right, and may this machine reach it (firewall, VPC)?"
    ),
    _Reason("", DatabaseUnavailable, "Is the server running, and are host and port right?"),
)


def spills_password(url: str) -> bool:
    """Whether libpq would take a part of the password for host or database: it ends at the first @, and has no /."""
    authority, _, path = url.partition("://")[2].partition("/")
    return authority.count("@") > 1 or "@" in path.partition("?")[0]


def malformed(url: str) -> ConfigurationError:
    """The URL cannot be read. Nothing of it is shown, since the password may stand anywhere in it."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if not url.strip():
        what = "the database's URL is empty"
    elif scheme.isascii() and scheme.startswith(("postgresql+", "postgres+")) and "@" not in scheme:
        what = "the database's URL names a driver (postgresql+…://), which only SQLAlchemy understands"
    else:
        what = "the database's URL cannot be read"
    return ConfigurationError(
        f"{what}. It looks like postgresql://user:password@host:5432/database; "
        "in a password, @ is written %40, / %2F, : %3A and % %25."
    )


def unreachable(error: psycopg.Error, given: dict[str, Any]) -> StepwellError:
    """The error of a connection that could not be made to what the URL gave."""
    text = _without_password(str(error).strip(), given)
    reason = _reason(text)
    return reason.kind(f"no connection to {address(given)}:\n  {text}\n{reason.remedy}")


def address(given: dict[str, Any]) -> str:
    """`database shop at db.example:5432 as etl`"""
    host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    port = given.get("port") or os.environ.get("PGPORT") or 5432
    user = given.get("user") or os.environ.get("PGUSER") or "the system's user"
    database = given.get("dbname") or os.environ.get("PGDATABASE") or user
    return f"database {database} at {host}:{port} as {user}"


def _reason(text: str) -> _Reason:
    # The names come from the user: `role "x" does not exist` in any of its wordings.
    if "does not exist" in text and ("database" in text or "role" in text):
        return _Reason("", ConfigurationError, "Correct the name in the URL, or create it.")
    return next(reason for reason in _REASONS if reason.sign in text)


def _without_password(text: str, given: dict[str, Any]) -> str:
    for secret in (given.get("password"), given.get("sslpassword"), os.environ.get("PGPASSWORD")):
        if secret and len(secret) > 2:
            text = text.replace(str(secret), "***")
    return text
