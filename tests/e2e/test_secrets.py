"""A planted password, many kinds of failure, and everything that a run leaves behind: the password is nowhere."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from tests.e2e.conftest import Project

PLANTED = "Pl4nted-pa@ss/w:rd 1%"
SAME = quote(PLANTED, safe="")
TRACES = ("Pl4nted", "ss/w:rd", "w:rd 1", "ss%2Fw", "w%3Ard")

PIPELINE = """
import os, subprocess, sys
from stepwell import Pipeline, Retry, check, env, not_null

once = Retry(max_attempts=0)
pipeline = Pipeline("p", params={"how": ""}, database=env("DATABASE_URL"))
URL = os.environ["DATABASE_URL"]


class Vendor(Exception):
    def __str__(self):
        return f"vendor refused {URL}"


class Client:
    def __repr__(self):
        return f"Client({URL!r})"


def parts():
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    given = conninfo_to_dict(URL)
    return given["password"], make_conninfo(**given)


def in_words(connection):
    raise ValueError(f"no connection with {URL}")

def in_its_own_text(connection):
    raise Vendor()

def in_a_key(connection):
    {}[URL]

def in_a_command():
    subprocess.run([sys.executable, "-c", "raise SystemExit(3)", URL], check=True)

def in_a_chain(connection):
    try:
        in_words(connection)
    except ValueError as error:
        raise RuntimeError(f"again: {error}") from error

def in_an_exit(connection):
    sys.exit(f"giving up on {URL}")

def alone(connection):
    raise RuntimeError("the password is " + parts()[0])

def in_a_conninfo(connection):
    raise RuntimeError(parts()[1])

def in_psycopg_error(connection):
    import psycopg
    psycopg.connect(URL.replace("://", "//"))

def in_psycopg_error_of_libpq():
    import psycopg
    psycopg.connect(f"postgresql://etl:{parts()[0]}@127.0.0.1:1/x")

def in_a_statement(connection):
    connection.execute(f"select * from '{URL}'")

def in_an_error_of_the_database(connection):
    connection.execute("select %s::int", [URL])

def in_a_raise(connection):
    connection.execute("do $$ begin raise exception 'refused: %', " + "'" + URL + "'" + "; end $$")

def in_the_receipt(connection):
    return {"url": URL, "list": [parts()[0]], parts()[1]: 1}

def in_a_receipt_that_is_no_json(connection):
    return {"client": Client()}

def in_what_is_returned(connection):
    return Client()

def in_a_checks_row(connection):
    connection.execute("create table leak as select null::int as n, %s as url", [URL])

def in_memory(connection):
    return bytearray(10 ** 18)

def by_death():
    import signal
    os.kill(os.getpid(), signal.SIGKILL)


@pipeline.task(retry=once, checks=[check("select * from (select null as n) n where n is not null")])
def task_01(connection, context):
    ask = globals()[context.params["how"]]
    return ask(connection) if ask.__code__.co_argcount else ask()


@pipeline.task(retry=once, checks=[not_null("n", table="leak")])
def task_02(connection, context):
    pass
"""
FAILURES = [line.split()[1].partition("(")[0] for line in PIPELINE.splitlines() if line.startswith("def ")]
FAILURES = [name for name in FAILURES if name.startswith(("in_", "alone", "by_"))]
SAYS_NOTHING = {"in_memory", "by_death", "in_a_receipt_that_is_no_json"}


@pytest.fixture
def reached(database: str, changed: Callable[..., str]) -> Iterator[str]:
    """The URL of a user who has the planted password."""
    role = f"ck_{os.urandom(6).hex()}"
    with psycopg.connect(database, autocommit=True) as admin:
        command = SQL("create role {} superuser login password {}")
        admin.execute(command.format(Identifier(role), Literal(PLANTED)))
    yield changed(database, user=role, password=SAME)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(SQL("reassign owned by {} to current_user").format(Identifier(role)))
        admin.execute(SQL("drop owned by {}").format(Identifier(role)))
        admin.execute(SQL("drop role {}").format(Identifier(role)))


def assert_nowhere(made: Project, told: str, database: str | None = None) -> None:
    """Neither in what was printed, nor in any file of the project's home, nor in Stepwell's tables."""
    found = [f"printed: {line}" for line in told.splitlines() if any(trace in line for trace in TRACES)]
    home = made.folder / ".stepwell"
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            found += [f"{file.name}: {trace}" for trace in TRACES if trace.encode() in content]
    if database is not None:
        with psycopg.connect(database) as connection:
            tables = connection.execute(
                "select c.oid::regclass::text from pg_class c where relkind = 'r' "
                "and relnamespace = to_regnamespace('stepwell')"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f"select t::text from {table} t").fetchall()
                found += [f"{table}: {row}" for (row,) in rows if any(trace in row for trace in TRACES)]
    assert found == []


def everything(made: Project, code: int) -> str:
    """What a run prints, and what all commands print that tell of it."""
    done = made("run", "--input", json.dumps({"how": made.environment["HOW"]}), "--name", "leak", code=code)
    told = done.stdout + done.stderr
    for words in (["show"], ["show", "--json"], ["logs"], ["runs", "--json"], ["progress"], ["check"], ["graph"]):
        done = made(*words, code=None)
        told += done.stdout + done.stderr
    return told


@pytest.mark.parametrize("how", FAILURES)
def test_no_failure_of_a_task_tells_the_password(
    project: Callable[..., Project], reached: str, database: str, how: str
) -> None:
    made = project(PIPELINE, reached)
    made.environment["HOW"] = how
    told = everything(made, code=1)
    assert "task_01" in told
    if how == "in_a_checks_row":
        assert "not_null(n) on leak: of 1 rows 1 without n" in told
    if how not in SAYS_NOTHING:
        assert "***" in told
    assert_nowhere(made, told, database)


REFUSED = {
    "wrong password": lambda url, changed: changed(url, user="postgres", password=SAME),
    "refused": lambda url, changed: changed(url, host="127.0.0.1", port=1, password=SAME),
    "no database": lambda url, changed: changed(url, database="nowhere", password=SAME),
    "not escaped": lambda url, changed: f"postgresql://etl:{PLANTED}@127.0.0.1/x",
    "at sign": lambda url, changed: "postgresql://etl:Pl4nted@w:rd 1@127.0.0.1/x",
    "an option": lambda url, changed: f"{url}?tiemout=Pl4nted",
    "no scheme": lambda url, changed: url.replace("://", "//"),
    "a driver": lambda url, changed: url.replace("postgresql://", "postgresql+psycopg://"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_no_refused_connection_tells_the_password(
    project: Callable[..., Project], reached: str, changed: Callable[..., str], how: str
) -> None:
    made = project(PIPELINE, REFUSED[how](reached, changed))
    made.environment["HOW"] = "in_words"
    told = everything(made, code=1)
    done = made("sql", "select 1", code=None)
    assert done.returncode != 0
    assert_nowhere(made, told + done.stdout + done.stderr)


LITERAL = """
from stepwell import Pipeline, Retry, secret_file
pipeline = Pipeline("p", database=secret_file("url.txt"))
pipeline.load("task_01", into="copied", query="select 1 as n", source="{source}", retry=Retry(max_attempts=0))
pipeline.sql("task_02", "task_02.sql")
"""


def test_a_source_and_a_secret_file_are_as_secret(
    project: Callable[..., Project], reached: str, database: str, changed: Callable[..., str]
) -> None:
    made = project(LITERAL.format(source=changed(reached, user="postgres", password=SAME)))
    made.write("url.txt", reached + "\n")
    made.write("task_02.sql", "select 1;\nselct 2")
    made.environment["HOW"] = ""
    done = made("run", code=1)
    assert "password authentication failed" in done.stdout + done.stderr
    made.write("pipeline.py", LITERAL.format(source=reached))
    again = made("run", code=1)
    assert "syntax error" in again.stdout
    sql = made("sql", "select count(*) from copied")
    assert_nowhere(made, done.stdout + done.stderr + again.stdout + again.stderr + sql.stdout, database)


def test_a_pipeline_that_cannot_be_imported_tells_no_password(project: Callable[..., Project], reached: str) -> None:
    made = project("import os\nraise RuntimeError('no luck: ' + os.environ['DATABASE_URL'])\n", reached)
    done = made("run", code=2)
    assert "no luck: postgresql://" in done.stderr
    assert_nowhere(made, done.stdout + done.stderr)


def test_the_search_finds_what_is_there(project: Callable[..., Project], tmp_path: Path) -> None:
    """Printing the environment is the user's own doing, and shows that the search looks where it must."""
    source = "import os\nfrom stepwell import Pipeline\npipeline = Pipeline('p')\n@pipeline.task\ndef task_01():\n"
    made = project(source + "    print(os.environ['LEAK'])\n")
    made.environment["LEAK"] = PLANTED
    done = made("run")
    with pytest.raises(AssertionError, match="printed: "):
        assert_nowhere(made, done.stdout)
    with pytest.raises(AssertionError, match=r"\.log: Pl4nted"):
        assert_nowhere(made, "")
