"""The visits example: its data are always the same, and its SQL finds what two independent checks find."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import md5
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from stepwell import TaskContext
from stepwell.etl.fence import Key, run_fenced
from stepwell.pipeline.find import find_pipeline

FOLDER = Path(__file__).parents[2] / "examples" / "visits"
DAY = date(2026, 6, 17)

Row = tuple[int, date | None, str | None, int | None, str, bool, datetime, datetime]


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """The example's data.py, imported as it is when run as a script."""
    sys.path.insert(0, str(FOLDER))
    yield import_module("data")
    sys.path.remove(str(FOLDER))
    for name in ("data", "oracle"):
        del sys.modules[name]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def agency(connection: psycopg.Connection) -> psycopg.Connection:
    """The example's tables with a few carers and kinds, and no visits."""
    connection.execute((FOLDER / "schema.sql").read_text())
    connection.execute("INSERT INTO care.carers VALUES (1, 'Ann', 'North'), (2, 'Bob', 'South')")
    connection.execute("INSERT INTO care.kinds VALUES ('care', false), ('lifting', true)")
    return connection


def visit(
    number: int,
    start: str,
    end: str,
    day: date | None = DAY,
    person: str | None = "Eve",
    carer: int | None = 1,
    kind: str = "care",
    cancelled: bool = False,
) -> Row:
    return number, day, person, carer, kind, cancelled, at(start), at(end)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{DAY} {clock}")


def enter(connection: psycopg.Connection, *rows: Row) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO care.visits VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)


def run(connection: psycopg.Connection, task: str, **params: Any) -> int:
    """The task's work in its fenced transaction, as the handler does it; each time a run of its own."""
    pipeline = find_pipeline(str(FOLDER), str(FOLDER))
    context = TaskContext("visits", task, "test", params=pipeline.params | params)
    url = make_conninfo(connection.info.dsn, password=connection.info.password)

    def work(own: Any, _attempt: int) -> dict[str, Any]:
        return dict(pipeline.action(task).work(own, context))

    name = uuid4().hex
    receipt = run_fenced(url, Key("visits", task, ""), name, name, False, 60.0, "test", work)
    return int(receipt["rows"])


def run_all(connection: psycopg.Connection, **params: Any) -> None:
    run(connection, "task_01", **params)
    run(connection, "task_02", **params)


def conflicts(connection: psycopg.Connection) -> dict[int, tuple[str | None, int]]:
    """The conflicts that are open: the carer's region, and minutes of delay."""
    rows = connection.execute("SELECT visit_id, region, delay FROM care.conflicts WHERE resolved_on IS NULL")
    return {number: (region, delay // timedelta(minutes=1)) for number, region, delay in rows}


def command(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": database}
    return subprocess.run(
        [sys.executable, FOLDER / "data.py", *arguments], env=environment, capture_output=True, text=True
    )


# The data


def test_the_same_number_of_rows_means_the_same_visits(example: Any) -> None:
    text = "".join(example.visits(5_000))
    assert text == "".join(example.visits(5_000))
    assert md5(text.encode()).hexdigest() == "01091b7328e0001e68f865f90638b46e"


@pytest.mark.parametrize("rows", [1, 90, 91, 1_000, 12_345])
def test_exactly_as_many_visits_are_made_as_were_asked_for(example: Any, rows: int) -> None:
    lines = "".join(example.visits(rows)).splitlines()
    assert [int(line.split("\t")[0]) for line in lines] == list(range(1, rows + 1))


def test_groups_have_1_to_60_visits_but_one_has_three_in_two_hundred_and_a_few_have_no_key(example: Any) -> None:
    groups: dict[tuple[str, str], int] = {}
    for line in "".join(example.visits(40_000)).splitlines():
        _, day, person, *_ = line.split("\t")
        groups[day, person] = groups.get((day, person), 0) + 1
    unplanned = sum(groups.pop(key) for key in list(groups) if "\\N" in key)
    assert 0 < unplanned < 200
    assert groups.pop((str(example.CENTRE_DAY), example.CENTRE)) == 600
    assert (min(groups.values()), max(groups.values())) == (1, 60)


def test_tables_with_visits_are_left_as_they_are(database: str) -> None:
    assert "filled with 100 visits" in command(database, "generate", "--rows", "100").stdout
    assert "has 100 visits already" in command(database, "generate", "--rows", "200").stdout


# What task_01 copies


def test_the_window_ends_with_its_last_day_and_takes_in_what_has_no_date(agency: psycopg.Connection) -> None:
    days = [date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 30), date(2026, 7, 1), None]
    enter(agency, *(visit(number, "08:00", "09:00", day=day) for number, day in enumerate(days)))
    assert run(agency, "task_01") == 3
    assert agency.execute("SELECT visit_id FROM staging.visits ORDER BY 1").fetchall() == [(1,), (2,), (4,)]


# What task_02 finds


def test_visits_that_overlap_are_in_conflict_and_the_later_one_waits(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "09:00"), visit(2, "08:50", "09:30", carer=2), visit(3, "10:00", "11:00"))
    run_all(agency)
    assert conflicts(agency) == {1: ("North", 0), 2: ("South", 10)}


def test_visits_that_touch_are_not_in_conflict(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "09:00"), visit(2, "09:00", "10:00"), visit(3, "10:00", "10:01"))
    run_all(agency)
    assert conflicts(agency) == {}


def test_visits_that_begin_at_the_same_time_wait_in_the_order_of_their_number(agency: psycopg.Connection) -> None:
    enter(agency, visit(2, "08:00", "09:00"), visit(1, "08:00", "09:00"), visit(3, "08:00", "08:05"))
    run_all(agency)
    assert conflicts(agency) == {1: ("North", 0), 2: ("North", 60), 3: ("North", 60)}


def test_a_long_visit_is_in_conflict_with_all_that_begin_during_it(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "12:00"), visit(2, "09:00", "09:10"), visit(3, "11:00", "11:10"))
    enter(agency, visit(4, "12:00", "13:00"))
    run_all(agency)
    assert conflicts(agency) == {1: ("North", 0), 2: ("North", 180), 3: ("North", 60)}


def test_a_visit_without_date_or_person_is_never_in_conflict(agency: psycopg.Connection) -> None:
    keys: list[tuple[date | None, str | None]] = [(None, "Eve"), (DAY, None), (None, None)]
    for number, (day, person) in enumerate(keys):
        twin = 10 + number
        enter(agency, visit(number, "08:00", "09:00", day, person), visit(twin, "08:00", "09:00", day, person))
    run_all(agency)
    assert conflicts(agency) == {}


def test_cancelled_visits_and_those_in_which_carers_work_together_do_not_count(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "09:00"), visit(2, "08:00", "09:00", cancelled=True))
    enter(agency, visit(3, "08:00", "09:00", kind="lifting"), visit(4, "08:00", "09:00", kind="lifting"))
    run_all(agency)
    assert conflicts(agency) == {}


def test_a_visit_of_another_person_or_day_is_no_conflict(agency: psycopg.Connection) -> None:
    tomorrow = DAY + timedelta(1)
    enter(agency, visit(1, "08:00", "09:00"), visit(2, "08:00", "09:00", person="Kay"))
    enter(agency, visit(3, "08:00", "09:00", day=tomorrow))
    run_all(agency)
    assert conflicts(agency) == {}


def test_a_conflict_without_known_carer_or_kind_is_found_all_the_same(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "09:00", carer=None), visit(2, "08:30", "09:00", carer=99, kind="unheard of"))
    run_all(agency)
    assert conflicts(agency) == {1: (None, 0), 2: (None, 30)}


def test_running_it_twice_changes_nothing(agency: psycopg.Connection) -> None:
    enter(agency, *awkward(Random(1), 300))
    run_all(agency)
    before = agency.execute("SELECT * FROM care.conflicts ORDER BY visit_id").fetchall()
    run_all(agency)
    assert before
    assert agency.execute("SELECT * FROM care.conflicts ORDER BY visit_id").fetchall() == before


def test_a_conflict_that_is_gone_is_resolved_and_opened_again_if_it_comes_back(agency: psycopg.Connection) -> None:
    enter(agency, visit(1, "08:00", "09:00"), visit(2, "08:30", "09:30"))
    run_all(agency, as_of="2026-06-28")
    agency.execute("UPDATE care.visits SET cancelled = true WHERE visit_id = 2")
    run_all(agency, as_of="2026-06-29")
    run_all(agency, as_of="2026-06-30")
    resolved = agency.execute("SELECT visit_id, found_on::text, resolved_on::text FROM care.conflicts ORDER BY 1")
    assert resolved.fetchall() == [(1, "2026-06-28", "2026-06-29"), (2, "2026-06-28", "2026-06-29")]
    agency.execute("UPDATE care.visits SET cancelled = false WHERE visit_id = 2")
    run_all(agency, as_of="2026-06-30")
    assert conflicts(agency) == {1: ("North", 0), 2: ("North", 30)}


def test_the_staged_visits_are_read_once_and_never_joined_with_themselves(agency: psycopg.Connection) -> None:
    """What makes a group of any size cost no more than its rows."""
    sql = (FOLDER / "sql" / "task_02.sql").read_text().replace(":as_of::date", "date '2026-06-30'")
    plan = "\n".join(line for (line,) in agency.execute("EXPLAIN " + sql))
    assert plan.count(" on visits") == 1


# All of it together


@pytest.mark.parametrize("seed", range(8))
def test_sql_sweep_and_comparison_of_all_pairs_find_the_same(
    agency: psycopg.Connection, example: Any, seed: int
) -> None:
    rows = awkward(Random(seed), 400)
    enter(agency, *rows)
    run_all(agency)
    expected = example.oracle.expected(agency, example.AS_OF, example.LOOK_BACK)
    assert example.oracle.found(agency, example.AS_OF, example.LOOK_BACK) == expected
    assert {number: delay for number, (*_, delay) in expected.conflicts.items()} == all_pairs(rows)


def awkward(random: Random, size: int) -> list[Row]:
    """Few people, few days, few moments: equal times, touching visits, twins and missing keys abound."""
    rows = []
    for number in random.sample(range(10 * size), size):
        start = random.randrange(40)
        day = random.choice([None, *(DAY + timedelta(later) for later in range(12))])
        person = random.choice([None, "Eve", "Kay", "eve", "Zoë", ""])
        carer, kind = random.choice([None, 1, 2, 3]), random.choice(["care", "care", "care", "lifting", "other"])
        spans = at("06:00") + timedelta(minutes=5) * start, timedelta(minutes=5) * random.choice([1, 1, 2, 3, 20])
        rows.append((number, day, person, carer, kind, random.random() < 0.1, spans[0], spans[0] + spans[1]))
    return rows


def all_pairs(rows: list[Row]) -> dict[int, timedelta]:
    """The slow and obvious way: compare each visit with each other one."""
    counting = [row for row in rows if row[1] and row[2] is not None and row[4] != "lifting" and not row[5]]
    waits = {}
    for one in counting:
        others = [
            other
            for other in counting
            if other[0] != one[0] and other[1:3] == one[1:3] and other[6] < one[7] and one[6] < other[7]
        ]
        earlier = [other[7] - one[6] for other in others if (other[6], other[0]) < (one[6], one[0])]
        if others:
            waits[one[0]] = max(earlier, default=timedelta(0))
    return waits


def test_the_default_data_give_the_recorded_figures_and_verify_names_what_is_wrong(
    connection: psycopg.Connection, database: str
) -> None:
    command(database, "generate")
    run_all(connection)
    right = command(database, "verify")
    assert (right.returncode, right.stdout.splitlines()[-1].split()[0]) == (0, "OK")
    connection.execute("UPDATE care.conflicts SET delay = '1 day' WHERE visit_id = 132092")
    connection.execute("DELETE FROM care.conflicts WHERE visit_id = 132100")
    wrong = command(database, "verify")
    assert wrong.returncode == 1
    assert "visit       132092  expected 2026-06-01 P000012 South 0:12:00, found" in wrong.stdout
    assert "visit       132100  expected 2026-06-01 P000012 South 0:07:00, found no conflict" in wrong.stdout


def test_without_tables_verify_says_what_makes_them(database: str) -> None:
    answer = command(database, "verify")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "`data.py generate` makes the tables" in answer.stderr


def test_the_pipeline_is_short_and_its_defaults_are_those_that_verify_expects(example: Any) -> None:
    pipeline = find_pipeline(str(FOLDER), str(FOLDER))
    assert pipeline.params == {"as_of": str(example.AS_OF), "days": example.LOOK_BACK}
    assert len((FOLDER / "pipeline.py").read_text().splitlines()) <= 40
