"""One run at a time, also where runs are started over the API."""

import json
from collections.abc import Callable

from tests.api.served import ROLE, Served, end_of
from tests.e2e.conftest import Project
from tests.until import until

WAITING = """
import pathlib, time
from stepwell import Pipeline, env

pipeline = Pipeline("tea", database=env("DATABASE_URL"), params={"wait": ""})


@pipeline.task
def steep(connection, context):
    if context.params["wait"]:
        pathlib.Path("begun").touch()
    while context.params["wait"] and not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


def test_a_second_run_of_a_window_ends_as_on_aws_and_others_wait_for_the_first(
    project: Callable[..., Project], database: str
) -> None:
    tea = project(WAITING, database)
    definition = tea("compile").stdout
    served = Served(tea.folder, {"DATABASE_URL": database})
    try:
        client = served.client()
        machine = client.create_state_machine(name="tea", definition=definition, roleArn=ROLE)["stateMachineArn"]

        def start(name: str, window: str = "", wait: str = "") -> str:
            text = json.dumps({"wait": wait, "stepwell": {"window": window}})
            return str(client.start_execution(stateMachineArn=machine, name=name, input=text)["executionArn"])

        first = start("first", wait="yes")
        until((tea.folder / "begun").exists, "the first is at work")
        second = end_of(client, start("second"))
        assert (second["status"], second["error"]) == ("FAILED", "RunInProgress")
        assert "a run of pipeline 'tea' is under way: its lease in the database is held by" in second["cause"]
        assert end_of(client, start("another", window="2026-06-30"))["status"] == "SUCCEEDED"
        elsewhere = Project(tea.folder / "elsewhere", database)
        elsewhere.write("pipeline.py", WAITING)
        assert "a run of pipeline 'tea' is under way: its lease" in elsewhere("run", code=None).stderr
        (tea.folder / "go").touch()
        assert end_of(client, first)["status"] == "SUCCEEDED"
        assert end_of(client, start("third"))["status"] == "SUCCEEDED"
        assert tea("run", "--name", "fourth").returncode == 0
    finally:
        served.end()


BREAKING = """
from stepwell import Pipeline, env

pipeline = Pipeline("tea", database=env("DATABASE_URL"))
LEASES = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'stepwell lease%'"


@pipeline.task
def steep(connection):
    return connection.execute(f"SELECT pg_terminate_backend(pid) {LEASES}").rowcount
"""


def test_a_run_whose_lease_is_cut_off_goes_on(project: Callable[..., Project], database: str) -> None:
    """As when the database is restarted between two tasks: the fence still lets nothing commit twice."""
    tea = project(BREAKING, database)
    done = tea("run")
    assert "1 row" in done.stdout
    assert "Traceback" not in done.stderr
