"""Carries the rows of a query from one database to another as they come off the wire, through bounded memory."""

import select
from collections.abc import Callable
from importlib.util import find_spec

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus

from stepwell.etl.connection import TaskConnection

_LOT = 256 * 1024  # bytes: libpq yields a row at a time, and a third of the speed is lost on small writes


def pour(connection: TaskConnection, query: str, kind: str, write: Callable[[bytes | bytearray], None]) -> None:
    """Hand the COPY of a query (its values pasted in as literals) to `write`, in pieces of about 256 KiB."""
    if find_spec("asyncpg") is not None:
        from stepwell.etl import copy_asyncpg

        if copy_asyncpg.can_read(connection) and copy_asyncpg.pour(connection, query, kind, write):
            return
    _pour(connection, query, kind, write)


def _pour(connection: TaskConnection, query: str, kind: str, write: Callable[[bytes | bytearray], None]) -> None:
    """By libpq itself: the iterator of psycopg's cursor asks its event loop for every row."""
    wire = connection.pgconn
    wire.send_query(f"copy (\n{query}\n) to stdout (format {kind})".encode())
    [begun] = connection.wait(execute(wire))
    if begun.status != ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(begun)
    lot = bytearray()
    while True:
        size, row = wire.get_copy_data(1)
        if size > 0:
            lot += row
            if len(lot) >= _LOT:
                write(lot)
                lot = bytearray()
        elif size == 0:
            select.select([wire.socket], [], [])
            wire.consume_input()
        else:
            break
    [ended] = connection.wait(execute(wire))
    if ended.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(ended)
    write(lot)
