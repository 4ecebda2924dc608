"""Reads a COPY by asyncpg, which hands on whole network buffers where psycopg makes an object of every row.

Only the reading: what is read is written on the task's own psycopg connection, so that it stays in the task's one
transaction. Used if the extra `copy` is installed.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import asyncpg  # type: ignore[import-untyped]
import psycopg
from psycopg.conninfo import conninfo_to_dict

from stepwell.etl.connection import TaskConnection, milliseconds

_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version")
_SETTINGS = {"datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "3"}


def can_read(connection: TaskConnection) -> bool:
    """Whether asyncpg can reach what this connection is connected to, and may wait here."""
    options = _options(connection)
    given = conninfo_to_dict(connection.url)  # psycopg adds a hostaddr by itself
    odd = options.get("options") or given.get("hostaddr") or options.get("sslrootcert") == "system"
    bound = options.get("channel_binding") == "require" or connection.pgconn.used_gssapi
    return not odd and not bound and asyncio._get_running_loop() is None


def pour(connection: TaskConnection, query: str, kind: str, write: Callable[[bytes], None]) -> bool:
    """Hand the COPY of a query to `write`, buffer by buffer; the network waits while it writes.

    Answers False if there is no second connection to be had: nothing was read. Raises psycopg's errors, whatever the
    driver; those of `write` pass through.
    """
    return asyncio.run(_pour(connection, query, kind, write))


async def _pour(connection: TaskConnection, query: str, kind: str, write: Callable[[bytes], None]) -> bool:
    async def sink(data: bytes) -> None:
        write(data)

    try:
        reader = await _connect(connection)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError):
        return False
    try:
        await reader.copy_from_query(f"\n{query}\n", output=sink, format=kind)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise _as_psycopg(error) from error
    finally:
        reader.terminate()
    return True


async def _connect(connection: TaskConnection) -> Any:
    """Where `connection` is connected to, with the same proof of who the server is."""
    options = _options(connection)
    tls = {name: options[name] for name in _TLS if options.get(name)} if connection.pgconn.ssl_in_use else {}
    seconds = connection.remaining()
    limits = {} if seconds is None else {"statement_timeout": milliseconds(seconds)}
    if seconds is not None and connection.info.server_version >= 170000:
        limits["transaction_timeout"] = "0"
    return await asyncpg.connect(
        f"postgresql://?{urlencode(tls)}" if tls else None,
        host=connection.info.host or None,
        port=connection.info.port,
        user=connection.info.user,
        password=connection.info.password or None,
        database=connection.info.dbname,
        ssl=None if tls else False,
        timeout=10,
        server_settings={
            **_SETTINGS,
            **limits,
            "application_name": connection.application[:63],
            "default_transaction_read_only": "on",
            "default_transaction_isolation": "repeatable read",
        },
    )


def _options(connection: TaskConnection) -> dict[str, str]:
    """What the connection was really made with: of the URL, of the environment, or of a service file."""
    return {option.keyword.decode(): (option.val or b"").decode() for option in connection.pgconn.info}


def _as_psycopg(error: Exception) -> psycopg.Error:
    state = getattr(error, "sqlstate", None)
    parts = (str(error) or type(error).__name__, getattr(error, "detail", None), getattr(error, "hint", None))
    try:
        kind = psycopg.errors.lookup(state or "")
    except KeyError:
        kind = psycopg.OperationalError
    theirs = kind("\n".join(filter(None, parts)))
    theirs.sqlstate = state
    return theirs
