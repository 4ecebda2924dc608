"""The data that the data benchmarks work on: visits of persons on days, with groups from one row to 1.5 % of all.

`visit`: nine columns, about 115 bytes a row, in order of the date, an index on (visit_date, person). One group holds
1.5 % of all rows, five hold 0.25 % each, the others 1 to about 60. It is the same on every machine.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from stepwell import postgres

SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
}

VISIT = """
CREATE TABLE visit AS
SELECT
    i AS visit_id,
    date '2024-01-01' + day AS visit_date,
    CASE
        WHEN crowd IS NOT NULL THEN 'CENTRE ' || crowd
        WHEN i % 9973 <> 0 THEN 'P' || lpad(floor({persons} * power(h1, 1.7))::int::text, 7, '0')
    END AS person,
    (i % 5000)::int AS carer_id,
    round((h2 * 200)::numeric, 2) AS amount,
    timestamp '2024-01-01 06:00' + day * interval '1 day' + h2 * interval '14 hours' AS starts_at,
    (15 + h1 * 45)::int AS minutes,
    CASE WHEN h2 < 0.03 THEN 'cancelled' ELSE 'done' END AS status,
    'note ' || i AS note
FROM (
    SELECT
        i,
        (hashint8extended(i, 1) & 2147483647) / 2147483648.0 AS h1,
        (hashint8extended(i, 2) & 2147483647) / 2147483648.0 AS h2,
        CASE
            WHEN i * 1000 / {rows} BETWEEN 500 AND 514 THEN 'A'
            WHEN i * 400 / {rows} IN (40, 120, 240, 280, 360) THEN 'B'
        END AS crowd
    FROM generate_series(0::bigint, {rows} - 1) AS numbers(i)
) AS hashed
CROSS JOIN LATERAL (
    SELECT (CASE crowd WHEN 'A' THEN 363 WHEN 'B' THEN i * 400 / {rows} * 726 / 400 ELSE i * 726 / {rows} END)::int
) AS days(day)
"""


@contextmanager
def server(folder: Path | None = None, **settings: str) -> Iterator[str]:
    """A PostgreSQL of its own with settings for much data, and these; its URL."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        url = postgres.start(home)
        with psycopg.connect(url, autocommit=True) as connection:
            for setting, value in (SETTINGS | settings).items():
                connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        postgres.stop(home)
        try:
            yield postgres.start(home)
        finally:
            postgres.stop(home)


def make_visits(url: str, rows: int) -> None:
    """The table `visit` with its index; groups keep their sizes relative to a day's rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(VISIT.format(rows=rows, persons=max(10, rows // 726 * 12 // 14)))
        connection.execute("ALTER TABLE visit ADD PRIMARY KEY (visit_id)")
        connection.execute("CREATE INDEX visit_key ON visit (visit_date, person)")
        connection.execute("VACUUM ANALYZE visit")
        connection.execute("CHECKPOINT")


def new_database(url: str, name: str, template: str | None = None) -> str:
    """A database of that name on the same server, empty or a copy; its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        copy = f'TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        connection.execute(f'CREATE DATABASE "{name}" {copy}')
        connection.execute("CHECKPOINT")
    return url.rpartition("/")[0] + "/" + name


def psql() -> str:
    return str(postgres.binaries() / "psql")


def run_psql(url: str, statement: str) -> None:
    command = [psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, url]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
