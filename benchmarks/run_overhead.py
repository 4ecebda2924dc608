"""What `stepwell run` costs by itself: a pipeline of three trivial tasks, from a cold shell to the result on disk.

Rows: the floors (`python -c pass`, `import psycopg`), the whole command with tasks that do nothing, the whole command
with tasks that each use the (running) database, and with --peers DBOS with three steps of the same work.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.common import VENV_BIN, Command, cache, environment_of, interleaved, options, ratio, report
from stepwell import postgres

TRIVIAL = """
from stepwell import Pipeline
pipeline = Pipeline("three")

@pipeline.task
def task_01(): return 1

@pipeline.task
def task_02(): return 2

@pipeline.task
def task_03(): return 3
"""
DATABASE = TRIVIAL.replace("()", "(connection)").replace("return ", "return connection.execute('select 1').rowcount * ")
DBOS = """
import os, sys
if sys.argv[1].startswith("sqlite"):
    import pysqlite3
    sys.modules["sqlite3"] = pysqlite3
from dbos import DBOS, DBOSConfig
DBOS(config=DBOSConfig(name="three", system_database_url=sys.argv[1], run_admin_server=False))

@DBOS.step()
def step(n: int) -> int:
    return n

@DBOS.workflow()
def flow() -> int:
    return step(1) + step(2) + step(3)

DBOS.launch()
assert flow() == 6
DBOS.destroy()
"""


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--peers", action="store_true", help="run DBOS beside it (installs it into an environment)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = postgres.start(folder)
        try:
            rows = interleaved(_commands(folder, url, chosen.peers), chosen.runs)
        finally:
            postgres.stop(folder)
    ratios = {
        "run of three tasks / python -c pass": ratio(rows, "stepwell run, 3 tasks", "python -c pass"),
        "run with database / import psycopg": ratio(rows, "stepwell run, 3 database tasks", "import psycopg"),
    }
    for peer in [row for row in rows if row.startswith("DBOS")]:
        ratios[f"run of three tasks / {peer}"] = ratio(rows, "stepwell run, 3 tasks", peer)
    report("A run of three trivial tasks, whole command", rows, ratios, chosen)


def _commands(folder: Path, url: str, peers: bool) -> dict[str, Command]:
    python, stepwell = sys.executable, str(VENV_BIN / "stepwell")
    for name, source in (("trivial", TRIVIAL), ("database", DATABASE)):
        (folder / name).mkdir()
        (folder / name / "pipeline.py").write_text(source)
    commands = {
        "python -c pass": Command([python, "-c", "pass"], folder),
        "import psycopg": Command([python, "-c", "import psycopg"], folder),
        "stepwell run, 3 tasks": Command([stepwell, "run"], folder / "trivial"),
        "stepwell run, 3 database tasks": Command([stepwell, "run"], folder / "database", {"DATABASE_URL": url}),
    }
    return commands | _dbos(folder, url) if peers else commands


def _dbos(folder: Path, url: str) -> dict[str, Command]:
    python = str(environment_of("dbos", ["dbos==3.4.0", "pysqlite3-binary"], cache()))
    (folder / "three.py").write_text(DBOS)
    postgres_url = url.rpartition("/")[0] + "/dbos"
    return {
        "DBOS on SQLite, 3 steps": Command([python, "three.py", f"sqlite:///{folder}/dbos.sqlite"], folder),
        "DBOS on PostgreSQL, 3 steps": Command([python, "three.py", postgres_url], folder),
    }


if __name__ == "__main__":
    main()
