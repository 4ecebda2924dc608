"""How a run goes on: in the same execution, or in a new one of the same run."""

import json

import pytest

from stepwell import Pipeline, Retry
from stepwell.api.arns import ROLE, function_arn, machine_arn
from stepwell.cli.local import Engine
from stepwell.errors import RunInProgress, UsageError
from stepwell.operate.resume import Redrive, Restart, actions_of, latest_of_run, plan
from stepwell.operate.runs import input_text, publish, refuse_overlap, run_of
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.resources.function import Function

HANDLER = """
import time

def handler(event, context):
    if event["action"] == FAILING:
        raise ValueError("broken")
    if event["action"] == SLEEPING:
        time.sleep(60)
    return {"rows": 1}
"""


def pipeline_of(*names, timeout=60):
    pipeline = Pipeline("p")
    for name in names:
        pipeline.task(name=name, timeout=timeout, retry=Retry(max_attempts=0))(lambda: None)
    return pipeline


class Lab:
    """An engine whose one function fails or sleeps where it is told to."""

    def __init__(self, folder):
        self.engine = Engine(folder / "home")
        self.client = self.engine.client
        self.folder = folder

    def definition(self, *names, **options):
        return to_json(compile_machine(pipeline_of(*names, **options), function_arn("p")))

    def run(self, definition, name="night", input_="{}", failing="", sleeping=""):
        code = HANDLER.replace("FAILING", repr(failing)).replace("SLEEPING", repr(sleeping))
        (self.folder / "app.py").write_text(code)
        self.engine.functions.register(Function(function_arn("p"), "app.handler", self.folder, {}, 60))
        publish(self.client, machine_arn("p"), "p", definition, ROLE)
        arn = self.client.start_execution(stateMachineArn=machine_arn("p"), name=name, input=input_)["executionArn"]
        row = self.engine.row(arn)
        if sleeping:
            self.engine.worker.run(lambda: self._sleeps(row.id, sleeping))
            self.client.stop_execution(executionArn=arn)
        self.engine.worker.run(lambda: not self.engine.worker.owns(row.id))
        return self.client.describe_execution(executionArn=arn)

    def _sleeps(self, number, action):
        events = self.engine.journal.events(number)
        return any(e.type == "LambdaFunctionScheduled" and e.payload.value["action"] == action for e in events)


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.engine.close()


def test_a_failed_task_is_resumed_in_a_new_execution_of_the_same_run(lab):
    """It ended in a Fail state, and AWS would redrive it into that again."""
    definition = lab.definition("task_01", "task_02")
    failed = lab.run(definition, input_='{"days": 7, "stepwell": {"window": "w"}}', failing="task_02")
    choice = plan(lab.client, failed, definition)
    assert (choice.name, choice.start_at) == ("night-2", "task_02")
    assert json.loads(choice.input) == {"days": 7, "stepwell": {"window": "w", "run": "night", "start_at": "task_02"}}


def test_what_was_stopped_is_redriven(lab):
    definition = lab.definition("task_01", "task_02")
    stopped = lab.run(definition, sleeping="task_02")
    assert plan(lab.client, stopped, definition) == Redrive(stopped["executionArn"])


def test_what_was_stopped_is_restarted_when_the_definition_has_changed(lab):
    stopped = lab.run(lab.definition("task_01", "task_02"), sleeping="task_02")
    choice = plan(lab.client, stopped, lab.definition("task_01", "task_02", timeout=61))
    assert (type(choice), choice.start_at) == (Restart, "task_02")


def test_the_run_stays_the_same_over_many_resumes(lab):
    definition = lab.definition("task_01", "task_02")
    first = lab.run(definition, failing="task_02")
    choice = plan(lab.client, first, definition)
    second = lab.run(definition, choice.name, choice.input, failing="task_02")
    assert run_of(second) == "night"
    assert latest_of_run(lab.client, first)["name"] == "night-2"
    assert plan(lab.client, second, definition).name == "night-3"


def test_going_back_clears_the_receipts_from_there_on(lab):
    definition = lab.definition("task_01", "task_02", "task_03")
    done = lab.run(definition)
    choice = plan(lab.client, done, definition, start_at="task_02")
    assert json.loads(choice.input)["stepwell"] == {
        "run": "night",
        "start_at": "task_02",
        "clear": ["task_02", "task_03"],
    }
    again = lab.run(definition, choice.name, choice.input, failing="task_03")
    assert "clear" not in json.loads(plan(lab.client, again, definition).input)["stepwell"]


def test_a_task_that_is_gone_must_be_replaced_by_hand(lab):
    failed = lab.run(lab.definition("task_01", "task_02"), failing="task_02")
    with pytest.raises(UsageError, match=r"ExecuteTask02.*--from TASK.*validate_config, task_01, task_x"):
        plan(lab.client, failed, lab.definition("task_01", "task_x"))
    with pytest.raises(UsageError, match="unknown task 'nope'"):
        plan(lab.client, failed, lab.definition("task_01"), start_at="nope")


def test_an_unknown_start_ends_in_a_state_that_names_the_tasks(lab):
    failed = lab.run(lab.definition("task_01"), input_='{"stepwell": {"start_at": "nope"}}')
    assert "task_01" in failed["cause"]
    assert plan(lab.client, failed, lab.definition("task_01")).start_at == "validate_config"


def test_actions_come_in_the_order_of_the_pipeline():
    pipeline = Pipeline("p")
    tasks = [pipeline.task(name=f"task_0{n}")(lambda: None) for n in (1, 2, 3)]
    pipeline.parallel(*tasks[:2])
    assert actions_of(compile_machine(pipeline, "arn")) == ["validate_config", "task_01", "task_02", "task_03"]


def test_publishing_the_same_definition_changes_nothing(lab):
    definition = lab.definition("task_01")
    publish(lab.client, machine_arn("p"), "p", definition, ROLE)
    publish(lab.client, machine_arn("p"), "p", definition, ROLE)
    assert "revisionId" not in lab.client.describe_state_machine(stateMachineArn=machine_arn("p"))


def test_a_second_run_needs_a_name_and_a_window_of_its_own(lab):
    publish(lab.client, machine_arn("p"), "p", lab.definition("task_01"), ROLE)
    text = input_text(None, window="monday")
    lab.client.start_execution(stateMachineArn=machine_arn("p"), name="first", input=text)
    for name, window in ((None, "tuesday"), ("second", "monday")):
        with pytest.raises(RunInProgress, match="the run first is under way"):
            refuse_overlap(lab.client, machine_arn("p"), name, window)
    refuse_overlap(lab.client, machine_arn("p"), "second", "tuesday")


def test_what_is_not_said_is_not_in_the_input():
    assert input_text('{"a": 1}', window="", start_at=None) == '{"a": 1}'
    assert json.loads(input_text(None, window="w")) == {"stepwell": {"window": "w"}}
