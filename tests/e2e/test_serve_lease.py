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
