"""The tables of Stepwell in a target database: who may commit a task, what was committed, and the chunks of tasks."""

import psycopg

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import TaskConnection

# stepwell.attempt has a row for each task and window: the newest attempt's number. Whoever wants to commit locks it.
# stepwell.receipt has a row for each task that a run has committed.
# stepwell.plan has a row for each task that a run does in chunks: what is run on each, frozen when it was planned.
# stepwell.chunk has a row for each chunk. Whoever runs it locks the row, and turns it to done in the same transaction.
_TABLES = """
create table if not exists stepwell.attempt (
  pipeline text not null, task text not null, "window" text not null, number bigint not null, run text not null,
  started_at timestamptz not null default clock_timestamp(), primary key (pipeline, task, "window")
);
create table if not exists stepwell.receipt (
  pipeline text not null, run text not null, task text not null, execution text not null, receipt jsonb not null,
  committed_at timestamptz not null default clock_timestamp(), primary key (pipeline, run, task)
);
create table if not exists stepwell.plan (
  pipeline text not null, run text not null, task text not null, "window" text not null, execution text not null,
  number bigint not null, hash text not null, narrowed jsonb, params jsonb not null, key jsonb not null,
  chunks int not null, rows bigint not null, lanes int not null, oversized jsonb not null,
  planned_at timestamptz not null default clock_timestamp(), opened_at timestamptz not null default clock_timestamp(),
  deadline timestamptz not null, reconciled_at timestamptz, primary key (pipeline, run, task)
);
alter table stepwell.plan add column if not exists lot bigint;
create table if not exists stepwell.chunk (
  pipeline text not null, run text not null, task text not null, chunk int not null,
  lo jsonb, hi jsonb, null_column int, shape text not null, rows bigint not null,
  state text not null default 'planned' check (state in ('planned', 'done', 'failed')),
  alone boolean not null default false, attempts int not null default 0, rows_done bigint, ms int, lane int, error text,
  started_at timestamptz, finished_at timestamptz, primary key (pipeline, run, task, chunk)
) with (fillfactor = 70);
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('stepwell.tables'))"
_QUIETLY = "select set_config('client_min_messages', 'warning', true)"  # no word of tables that are there
# Of the catalogs alone: to_regclass wants the right to use the schema, and whether there is one is the question.
_FACTS = """
select to_regnamespace('stepwell') is not null, 4 = (
  select count(*) from pg_class
  where relnamespace = to_regnamespace('stepwell') and relname in ('attempt', 'receipt', 'plan', 'chunk')
) and exists (
  select from pg_attribute join pg_class on pg_class.oid = attrelid
  where relnamespace = to_regnamespace('stepwell') and relname = 'plan' and attname = 'lot'
), quote_ident(current_user), quote_ident(current_database())
"""


def make_tables(connection: TaskConnection) -> None:
    """Make schema and tables where they are missing; ConfigurationError with what to run if that is not allowed."""
    has_schema, has_tables, user, database = _facts(connection)
    try:
        if not has_tables:
            connection.execute(_QUIETLY)
            connection.execute(_ONE_AT_A_TIME)
            # Asked again under the lock, and not by IF NOT EXISTS, which wants the right to create even if it does.
            if not _facts(connection)[0]:
                connection.execute("create schema stepwell")
            connection.execute(_TABLES)
        connection.execute("select from stepwell.attempt, stepwell.receipt, stepwell.plan, stepwell.chunk limit 0")
        _may_write(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        connection.end(commit=False)
        raise _not_allowed(has_schema, has_tables, user, database, error) from error
    connection.end(commit=True)


def _facts(connection: TaskConnection) -> tuple[bool, bool, str, str]:
    row = connection.execute(_FACTS).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def _may_write(connection: TaskConnection) -> None:
    connection.execute("delete from stepwell.attempt where false")
    connection.execute("update stepwell.attempt set number = number where false")
    for table in ("receipt", "plan", "chunk"):
        connection.execute(f"insert into stepwell.{table} select * from stepwell.{table} where false")


def _not_allowed(
    has_schema: bool, has_tables: bool, user: str, database: str, error: psycopg.Error
) -> ConfigurationError:
    commands = [f"GRANT USAGE, CREATE ON SCHEMA stepwell TO {user};"]
    if not has_schema:
        commands = [f"CREATE SCHEMA stepwell AUTHORIZATION {user};"]
    elif has_tables:
        commands += [f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stepwell TO {user};"]
    run = "\n".join(f"  {command}" for command in commands)
    return ConfigurationError(
        f"{error.diag.message_primary}: the user {user} needs the schema stepwell in the database {database}, where "
        f"the receipts are kept that let no task commit twice. As the database's owner, run:\n{run}"
    )
