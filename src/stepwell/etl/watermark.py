"""Remembers, in the target database, up to which value a task has read its source."""

from typing import Any

import psycopg

from stepwell.etl.connection import TaskConnection

# In the same transaction as the rows: it cannot be ahead of them, nor behind.
_TABLE = """
create table stepwell.watermark (
  pipeline text not null, task text not null, value text not null, type text not null, run text not null,
  stored_at timestamptz not null default clock_timestamp(), primary key (pipeline, task)
)
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('stepwell.watermark'))"
_SCHEMA = "select to_regnamespace('stepwell') is not null"
_THERE = "select to_regclass('stepwell.watermark') is not null"
_READ = "select value, type from stepwell.watermark where pipeline = $1 and task = $2 for update"
_STORE = """
insert into stepwell.watermark (pipeline, task, value, type, run) values ($1, $2, $3, $4, $5)
on conflict (pipeline, task)
do update set value = excluded.value, type = excluded.type, run = excluded.run, stored_at = clock_timestamp()
"""


def read(connection: TaskConnection, pipeline: str, task: str) -> tuple[str, str] | None:
    """The value, as text, and what it is of; None if nothing was read yet. It is locked until the transaction ends."""
    if not _one(connection, _THERE, []):
        connection.execute(_ONE_AT_A_TIME)
        if not _one(connection, _THERE, []):
            if not _one(connection, _SCHEMA, []):  # IF NOT EXISTS wants the right to create even if it does
                connection.execute("create schema stepwell")
            connection.execute(_TABLE)
    return psycopg.RawCursor(connection).execute(_READ, [pipeline, task]).fetchone()


def store(connection: TaskConnection, pipeline: str, task: str, value: str, kind: str, run: str) -> None:
    psycopg.RawCursor(connection).execute(_STORE, [pipeline, task, value, kind, run])


def _one(connection: TaskConnection, query: str, values: list[Any]) -> Any:
    row = psycopg.RawCursor(connection).execute(query, values).fetchone()
    return row and row[0]
