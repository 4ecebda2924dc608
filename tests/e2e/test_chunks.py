"""Tasks in chunks through the whole product: commands, engine, function processes, a real database, real kills."""

import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from tests.e2e.conftest import Project
from tests.e2e.test_kills import children_of, kill
from tests.etl.conftest import Network
from tests.gate import close_gate, open_gate
from tests.until import until

EXPECTED = "99131978fd879146994239eb7d16bc0e"
CHUNKS = 'chunks=Chunks("staging.visits", by=("visit_date", "person"), rows=10_000, parallel=5)'
COUNTING = """
from stepwell import Chunks, Pipeline

pipeline = Pipeline("counting", params={{"wait": 0.0, "slow": 0.0}})


@pipeline.task(name="task_02", timeout={timeout}, chunks=Chunks("item", by=("a", "b"), rows={rows}, parallel={lanes}))
def task_02(connection, context, chunk):
    connection.execute(
        "select pg_sleep(case when bool_or(id %% 100 = 7) then %(slow)s else %(wait)s end * ceil(count(*) / {rows}.0))"
        f" from item where {{chunk.sql()}}",
        {{**chunk.params, **context.params}},
    )
    return connection.execute(f"update item set v = v + 1 where {{chunk.sql()}}", chunk.params).rowcount
"""
Make = Callable[..., Project]


def cut(visits: Project) -> None:
    """Change the example by its one line."""
    file = visits.folder / "pipeline.py"
    text = file.read_text().replace("import Pipeline", "import Chunks, Pipeline")
    file.write_text(text.replace('"sql/task_02.sql")', f'"sql/task_02.sql", {CHUNKS})'))


def items(database: str, rows: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create table item (id int primary key, a int, b text, v int not null default 0)")
        admin.execute(
            f"insert into item select i, nullif(i / 20, 3), md5(i::text) from generate_series(0, {rows - 1}) i"
        )
        admin.execute("create index on item (a, b)")


def counting(project: Make, database: str, rows: int = 10, lanes: int = 3, timeout: int = 60) -> Project:
    return project(COUNTING.format(rows=rows, lanes=lanes, timeout=timeout), database)


def counts(made: Project) -> dict[int, int]:
    return dict(made.sql("select v, count(*) from item group by v"))


def calls(made: Project, run: str | None = None) -> list[dict]:
    scheduled = [event.get("lambdaFunctionScheduledEventDetails") for event in made.events(run)]
    return [json.loads(details["input"]) for details in scheduled if details]


def test_the_example_goes_from_whole_to_chunked_by_one_line_with_the_same_result(visits: Project) -> None:
    cut(visits)
    out = visits("run").stdout
    assert "✓ task_02" in out
    assert "2,426 rows   9 chunks" in out
    assert EXPECTED in visits.python("data.py", "verify").stdout
    visits("run")
    assert EXPECTED in visits.python("data.py", "verify").stdout
    assert visits.sql("select count(*), sum(rows) from stepwell.chunk") == [(18, 2 * 68_114)]


def test_its_receipt_and_its_line_are_those_of_a_task(visits: Project) -> None:
    cut(visits)
    told = visits.json("run")
    assert [task["task"] for task in told["tasks"]] == ["validate_config", "task_01", "task_02"]
    task, receipt = told["tasks"][2], told["output"]["task_02"]
    assert (task["state"], task["status"], task["rows"]) == ("ExecuteTask02", "SUCCEEDED", 2426)
    assert (receipt["status"], receipt["rows"], receipt["chunks"]) == ("done", 2426, 9)
    shown = visits("show").stdout
    assert "✓ task_02" in shown
    assert "RunTask02Lane" not in shown
    assert "task_02" in visits("graph").stdout


def test_a_run_that_failed_as_a_whole_is_resumed_in_chunks(visits: Project) -> None:
    file = visits.folder / "sql" / "task_02.sql"
    whole = file.read_text()
    file.write_text(whole + ";\nselect 1/0;")
    visits("run", "--name", "night", code=1)
    file.write_text(whole)
    cut(visits)
    visits("resume", "night")
    assert {call["action"] for call in calls(visits)} == {"task_02"}
    assert EXPECTED in visits.python("data.py", "verify").stdout


def test_a_run_that_failed_in_chunks_is_resumed_as_a_whole_or_done_again_from_a_task(visits: Project) -> None:
    pipeline = visits.folder / "pipeline.py"
    whole = pipeline.read_text()
    cut(visits)
    visits.sql("alter table care.conflicts add check (person <> 'P000178')")
    failed = visits("run", "--name", "night", code=1).stdout
    assert "In chunk" in failed
    assert "ExecuteTask02DataFailed" in visits("show", "night").stdout
    visits.sql("alter table care.conflicts drop constraint conflicts_person_check")
    pipeline.write_text(whole)
    visits("resume", "night")
    assert EXPECTED in visits.python("data.py", "verify").stdout
    cut(visits)
    visits("resume", "night", "--from", "task_02")
    assert EXPECTED in visits.python("data.py", "verify").stdout


def test_a_missing_index_is_told_once_with_the_lines_that_miss_it(visits: Project) -> None:
    cut(visits)
    visits("run", "--only", "task_01")
    indexes = "pg_index where indrelid = 'staging.visits'::regclass and not indisprimary"
    ((index,),) = visits.sql(f"select indexrelid::regclass::text from {indexes}")
    visits.sql(f"drop index {index}")
    told = (
        r'has no index on \("visit_date", "person"\): .* whole table, in line \d+ of sql/task_02.sql. Make one: CREATE'
    )
    shown = visits("plan", "task_02")
    assert len(re.findall(told, shown.stdout)) == 1
    assert (shown.stdout + shown.stderr).count("index") == 1
    said = visits("run", "--from", "task_02").stdout
    assert len(re.findall(told, said)) == said.count("index") == 1


def test_sql_that_is_not_safe_in_chunks_is_refused_before_anything_is_done(visits: Project) -> None:
    cut(visits)
    (visits.folder / "sql" / "task_02.sql").write_text(
        "insert into care.conflicts select visit_id, visit_date, person from staging.visits limit 5"
    )
    failed = visits("run", code=1).stdout
    assert "NotChunkSafe" in failed
    assert "sql/task_02.sql:1" in failed
    assert "ExecuteTask02ConfigurationFailed" in visits("show").stdout


def test_the_plan_is_shown_without_running_anything(visits: Project) -> None:
    cut(visits)
    visits("run", "--only", "task_01")
    shown = visits("plan", "task_02").stdout
    assert "task_02 in 9 chunks of staging.visits by visit_date, person" in shown
    assert "3,000  2026-06-17, DAY CENTRE" in shown
    assert shown.count("PostgreSQL expects") == 3
    assert "Merge on conflicts" in shown
    told = visits.json("plan", "task_02")
    assert (told["rows"], told["balance"]["max"], told["oversized"]) == (68_114, 10_000, [])
    for each in told["explained"][:2]:
        assert each["planned"] / 3 < each["estimated"] < each["planned"] * 3
    assert visits.sql("select to_regclass('stepwell.chunk')") == [("stepwell.chunk",)]
    assert visits.sql("select count(*) from stepwell.chunk") == [(0,)]
    assert "not done in chunks" in visits("plan", "task_01", code=2).stderr


def test_a_failed_chunk_is_told_and_resuming_goes_on_with_the_rest(project: Make, database: str) -> None:
    items(database, 1000)
    made = counting(project, database)
    made.sql("alter table item add check (id <> 555 or v < 1)")
    failed = made("run", "--name", "night", code=1).stdout
    assert "DataError" in failed
    assert "item_check" in failed
    assert re.search(r"✗ task_02 .* DataError$", failed, re.MULTILINE), failed
    assert re.search(r"✗ task_02 .* [0-9]+ chunks   failed$", made("show", "night").stdout, re.MULTILINE)
    assert "What its chunks have committed stays done" in failed
    before = counts(made)
    assert before[0] >= 1
    made.sql("alter table item drop constraint item_check")
    out = made("resume", "night").stdout
    assert "task_02 goes on" in out
    assert counts(made) == {1: 1000}
    assert made.sql("select (receipt->>'rows')::int from stepwell.receipt where task = 'task_02'") == [(1000,)]


def test_a_check_is_asked_when_all_chunks_are_done(project: Make, database: str) -> None:
    items(database, 300)
    made = counting(project, database)
    file = made.folder / "pipeline.py"
    text = file.read_text().replace("Chunks, Pipeline", "Chunks, Pipeline, row_count")
    file.write_text(text.replace("timeout=60,", "timeout=60, checks=[row_count(max=5, table='item')],"))
    assert "CheckFailed" in made("run", "--name", "night", code=1).stdout
    assert counts(made) == {1: 300}
    file.write_text(file.read_text().replace("max=5", "max=500"))
    made("resume", "night")
    assert counts(made) == {1: 300}


def test_a_stopped_run_goes_on_with_what_is_left(project: Make, database: str) -> None:
    items(database, 1000)
    made = counting(project, database)
    close_gate(database, "item", "new.id = 999")  # the run cannot end before it is stopped
    engine = made.start("run", "--name", "night", "--input", '{"wait": 0.02, "slow": 0.02}')
    some = "select count(*) >= 5 from stepwell.chunk where state = 'done'"
    until(lambda: _exists(made, "stepwell.chunk") and made.sql(some) == [(True,)], "some chunks are done")
    engine.send_signal(signal.SIGINT)
    engine.communicate(timeout=60)
    done = counts(made)[1]
    assert 0 < done < 1000
    open_gate(database)
    assert "✓ task_02" in made("resume", "night").stdout
    assert counts(made) == {1: 1000}


def test_a_task_in_chunks_beside_another_one(project: Make, database: str) -> None:
    items(database, 300)
    made = counting(project, database)
    with (made.folder / "pipeline.py").open("a") as file:
        file.write("\n\n@pipeline.task\ndef other():\n    return 3\n\n\npipeline.parallel(task_02, other)\n")
    told = made.json("run")
    assert told["output"]["parallel_01"]["task_02"]["rows"] == 300
    assert told["output"]["parallel_01"]["other"]["rows"] == 3
    assert counts(made) == {1: 300}


def test_a_bare_invocation_runs_until_its_deadline_and_the_next_goes_on(project: Make, database: str) -> None:
    items(database, 400)
    made = counting(project, database, rows=20, lanes=1, timeout=2)
    answers: list[dict] = []
    while not answers or answers[-1].get("done") is False:
        answers.append(json.loads(made("invoke", "task_02", "--input", '{"wait": 0.1, "slow": 0.1}').stdout))
    assert len(answers) > 1
    assert answers[0]["status"] == "running"
    assert (answers[-1]["status"], answers[-1]["rows"]) == ("done", 400)
    assert counts(made) == {1: 400}


def test_work_that_no_invocation_could_do_is_done_by_many_and_none_is_killed(project: Make, database: str) -> None:
    """Some ranges are 10 times slower than the others."""
    items(database, 1000)
    made = counting(project, database, rows=20, lanes=2, timeout=3)
    made("run", "--input", '{"wait": 0.1, "slow": 1.0}')
    lanes = [call for call in calls(made) if call.get("phase") == "lane"]
    assert len(lanes) >= 6
    errors = [event["type"] for event in made.events() if event["type"].endswith(("Failed", "TimedOut"))]
    assert errors == []
    assert counts(made) == {1: 1000}


def test_a_machine_that_is_older_than_the_function_is_refused(project: Make, database: str) -> None:
    """It would take {"done": false} for the end of the task, or run the whole task in each lane."""
    items(database, 100)
    made = counting(project, database)
    for phase, state in ((None, "ExecuteTask02"), ("lane", "RunTask01Lane")):
        event = {"action": "task_02" if phase is None else "validate_config", "phase": phase}
        event["context"] = {"Execution": {"Id": "x", "Name": "x", "Input": {}}, "State": {"Name": state}}
        _, error = _handled(made, event).communicate()
        assert ("which this run's state machine does not know" in error) == (phase is None)
    assert counts(made) == {0: 100}


LOADING = """
from stepwell import Chunks, Pipeline, env

pipeline = Pipeline("copying")
pipeline.load(
    "task_01",
    into="copied",
    query="select * from item",
    source=env("SOURCE_URL"),
    chunks=Chunks("item", by=("a", "b"), rows=100, parallel=2),
)
"""


def test_a_load_from_another_database_is_planned_and_done_in_chunks(
    project: Make, database: str, server_url: str, changed: Callable[..., str]
) -> None:
    name = f"etl_items_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        made = project(LOADING, database)
        made.environment["SOURCE_URL"] = changed(server_url, database=name)
        items(made.environment["SOURCE_URL"], 1000)
        assert "task_01 in 12 chunks of item by a, b" in made("plan", "task_01").stdout
        assert "is a load, which needs no proof" in made("prove", "task_01", code=None).stderr
        assert "1,000 rows   12 chunks" in made("run").stdout
        assert made.sql("select count(*), sum(id) from copied") == [(1000, 499_500)]
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def network(database: str) -> Iterator[Network]:
    """In front of the database, and able to lose the acknowledgement of a commit."""
    with psycopg.connect(database) as connection:
        made = Network(connection.info.host, connection.info.port)
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(2))
def test_each_row_exactly_once_whatever_is_killed_lost_or_launched_twice(
    project: Make, database: str, network: Network, changed: Callable[..., str], seed: int
) -> None:
    chance = random.Random(seed)
    items(database, 2000)
    made = counting(project, changed(database, host="127.0.0.1", port=network.port), rows=10)
    wait = '{"wait": 0.01, "slow": 0.05}'
    twins: list[subprocess.Popen] = []
    engine = made.start("run", "--name", "night", "--input", wait)
    for _ in range(15):
        time.sleep(chance.uniform(0.02, 0.25))
        if engine.poll() is not None:
            _finish(engine)
            if made("show", "night", code=None).returncode == 0 and _over(made):
                break
            engine = made.start(*_again(made, wait))
        what = chance.choice(("function", "function", "engine", "acknowledgement", "acknowledgement", "twin"))
        if what == "function":
            for pid in children_of(engine.pid)[:2]:
                kill(pid)
        elif what == "engine":
            engine.send_signal(signal.SIGKILL)
            _finish(engine)
        elif what == "acknowledgement":
            network.cut(chance.choice(("before COMMIT", "after COMMIT")))
        else:
            twins.append(_twin(made, chance.randrange(3)))
        assert set(counts_of(database)) <= {0, 1}
    for twin in twins:
        _finish(twin)
    _finish(engine)
    for _ in range(10):
        if _over(made):
            break
        made(*_again(made, wait), code=None)
    assert _over(made)
    assert counts_of(database) == {1: 2000}
    with psycopg.connect(database) as admin:
        query = "select chunk, state, rows_done, ms, attempts, lane from stepwell.chunk order by chunk"
        ledger = admin.execute(query).fetchall()
        rows = admin.execute("select receipt->>'rows' from stepwell.receipt where task = 'task_02'").fetchall()
        assert rows == [("2000",)]
    with closing(sqlite3.connect(made.folder / ".stepwell" / "progress.db")) as progress:
        query = "select chunk, state, rows, ms, attempts, lane from chunk order by chunk"
        assert progress.execute(query).fetchall() == ledger


def counts_of(database: str) -> dict[int, int]:
    with psycopg.connect(database) as admin:
        return dict(admin.execute("select v, count(*) from item group by v").fetchall())


def _finish(process: subprocess.Popen) -> None:
    if not process.stdout.closed:
        process.communicate()


def _exists(made: Project, table: str) -> bool:
    return made.sql(f"select to_regclass('{table}') is not null") == [(True,)]


def _over(made: Project) -> bool:
    done = made("runs", "--json", code=None)
    return done.returncode == 0 and any(run["status"] == "SUCCEEDED" for run in json.loads(done.stdout))


def _again(made: Project, given: str) -> tuple[str, ...]:
    """Go on with the run; begin it if it was killed before it was on disk."""
    known = made("show", "night", "--json", code=None).returncode == 0
    return ("resume", "night") if known else ("run", "--name", "night", "--input", given)


def _twin(made: Project, lane: int) -> subprocess.Popen:
    """The same lane, launched once more by somebody."""
    context = {"Execution": {"Id": "twin", "Name": "night", "Input": {}}}
    return _handled(made, {"action": "task_02", "phase": "lane", "lane": lane, "context": context})


def _handled(made: Project, event: dict) -> subprocess.Popen:
    """The event in a function process of its own, which no engine knows of."""
    code = f"from stepwell.handler import handler; handler({event!r})"
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=made.folder, env=made.environment, stdout=pipe, stderr=pipe, text=True)
