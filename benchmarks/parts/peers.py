"""The copy beside dlt and pandas, each as its manual shows it, in an environment of their own; of fewer rows."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import cache, environment_of
from benchmarks.parts import copy
from benchmarks.parts.dataset import make_visits, new_database, server
from benchmarks.parts.measured import Goal, Measured, speed, turns
from benchmarks.parts.warm import rows_of, sql

REQUIREMENTS = ["dlt[postgres,sql-database]==1.31.0", "pandas==3.1.1", "pyarrow==26.0.1", "psycopg2-binary==2.9.13"]
DLT = """
import sys, time
source, target = sys.argv[1:]
import dlt
from dlt.sources.sql_database import sql_table
begun = time.perf_counter()
url = source.replace("postgresql:", "postgresql+psycopg2:")
table = sql_table(url, table="visit", backend="pyarrow", chunk_size=50_000)
destination = dlt.destinations.postgres(target)
pipeline = dlt.pipeline("bench", destination=destination, dataset_name="public", pipelines_dir=".")
pipeline.run(table, table_name="loaded", write_disposition="replace", loader_file_format="csv")
print(time.perf_counter() - begun)
"""
PANDAS = """
import sys, time
import pandas, sqlalchemy
urls = (url.replace("postgresql:", "postgresql+psycopg2:") for url in sys.argv[1:])
source, target = map(sqlalchemy.create_engine, urls)
begun = time.perf_counter()
reading = source.connect().execution_options(stream_results=True)
for frame in pandas.read_sql("select * from visit", reading, chunksize=50_000):
    frame.to_sql("loaded", target, if_exists="append", index=False, method="multi", chunksize=1_000)
print(time.perf_counter() - begun)
"""
DLT_KEEPS = ("_dlt_loads", "_dlt_pipeline_state", "_dlt_version")
PEERS = {"dlt 1.31 (pyarrow, CSV)": DLT, "pandas 3.1 to_sql(method='multi')": PANDAS}


def measure(rows: int, runs: int) -> Measured:
    python = environment_of("peers", REQUIREMENTS, cache())
    with server() as admin:
        source, target = new_database(admin, "peer_source"), new_database(admin, "peer_target")
        make_visits(source, rows)

        def by(program: str) -> Callable[[], float]:
            return lambda: _run(python, program, source, target, rows)

        ways = copy.ways(source, target, {}) | {name: by(program) for name, program in PEERS.items()}
        times = turns(ways, runs, warm_up=False)
    goals = [Goal(f"speed of {copy.FAST} / {name}", speed(times, copy.FAST, name)) for name in PEERS]
    goals += [Goal(name, rows / times[name].median, unit="rows/s") for name in times]
    return Measured(f"Copy of {rows:,} rows, beside dlt and pandas", times, goals)


def _run(python: Path, program: str, source: str, target: str, rows: int) -> float:
    """In a new folder and without dlt's own tables: it takes what it has loaded once for what is there."""
    sql(target, *(f"drop table if exists {name}" for name in ("loaded", *DLT_KEEPS)), "checkpoint")
    command = [str(python), "-c", program, source, target]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": folder, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    assert rows_of(target, "loaded") == rows
    return float(done.stdout.split()[-1])
