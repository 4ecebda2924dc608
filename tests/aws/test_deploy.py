"""From the example to a stack on the fake AWS, by `stepwell deploy` and by the real `aws cloudformation deploy`."""

import hashlib
import json
from base64 import b64decode

import pytest

from stepwell.aws.machine import Machine
from stepwell.aws.session import Session
from stepwell.errors import AwsError, ResourceNotFoundException, StepwellError
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.find import find_pipeline
from stepwell.progress import open_progress
from tests.aws.conftest import ACCOUNT, REGION, Fake
from tests.aws.test_bundle import HERE
from tests.e2e.conftest import Project

FOR_HERE = ["--python", HERE.python, "--architecture", HERE.architecture]
# What ministack lacks; each is named in docs/aws.md.
LACKING = ["Versions=off", "StateMachineLog=OFF", "Tracing=off", "ProgressTtl=off"]
CHECKSUM = "checksum   99131978fd879146994239eb7d16bc0e"
IN_CHUNKS = """
from stepwell import Chunks, Pipeline, env

pipeline = Pipeline("visits", params={"as_of": "2026-06-30", "days": 30}, database=env("DATABASE_URL"))
pipeline.load("task_01", into="staging.visits", query="sql/task_01.sql")
chunks = Chunks("staging.visits", by=("visit_date", "person"), parallel=2)
pipeline.sql("task_02", "sql/task_02.sql", chunks=chunks)
"""


@pytest.fixture
def there(fake: Fake, visits: Project) -> Project:
    """The example with its data, where the commands reach the fake AWS."""
    visits.environment |= fake.environment
    visits.environment["STEPWELL_HOME"] = str(visits.folder / ".stepwell")
    return visits


def deployed(project: Project, *words: str, code: int = 0) -> str:
    done = project("deploy", *FOR_HERE, *words, code=code)
    return done.stdout + done.stderr


def test_the_example_is_deployed_run_to_its_checksum_changed_and_destroyed(there: Project, fake: Fake) -> None:
    """One flow: what is there is asked of each service itself, since a stack's status proves nothing."""
    sfn = fake.client("stepfunctions")
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:visits"

    said = deployed(there, "--dry-run", "--parameter-overrides", *LACKING)
    assert "stack visits is new, in eu-central-1" in said
    assert "+ StateMachine" in said
    assert said.endswith("nothing was changed\n")
    with pytest.raises(StepwellError):
        sfn.describe_state_machine(stateMachineArn=machine)

    schedule = ["ScheduleExpression=cron(0 3 * * ? *)", "ScheduleTimezone=Europe/Berlin", 'ScheduleInput={"days": 7}']
    secret = fake.client("secretsmanager").create_secret(Name="care", SecretString=there.database)["ARN"]
    given = [f"DatabaseUrlSecret={secret}", "AlarmEmail=data@example.org", *schedule, *LACKING]
    said = deployed(there, "--yes", "--parameter-overrides", *given)
    assert "✓ Function" in said
    assert "stepwell run --on aws" in said
    ask_each_service(fake, there)

    pipeline = find_pipeline(str(there.folder))
    told = sfn.describe_state_machine(stateMachineArn=machine)
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:visits"
    assert told["definition"] == to_json(compile_machine(pipeline, function))

    run = there("run", "--on", "aws", "--name", "first").stdout
    assert "visits runs as first on AWS" in run
    assert "succeeded in" in run
    assert CHECKSUM in there.python("data.py", "verify").stdout
    assert json.loads(there("runs", "--on", "aws", "--json").stdout)[0]["status"] == "SUCCEEDED"
    told = json.loads(there("invoke", "task_02", "--on", "aws").stdout)
    assert (told["status"], told["rows"]) == ("done", 2426)

    assert "nothing to do" in deployed(there, "--yes")
    there.write("sql/task_01.sql", (there.folder / "sql/task_01.sql").read_text() + "-- as before\n")
    said = deployed(there, "--yes")
    assert "Function  code updated" in said
    assert "StateMachine" not in said
    code = fake.client("lambda").get_function_configuration(FunctionName="visits")["CodeSha256"]
    said = deployed(there, "--yes", "--parameter-overrides", "CodeKey=nowhere.zip", "MemorySize=2048", code=1)
    assert "the stack was rolled back: it is as it was" in said
    told = fake.client("lambda").get_function_configuration(FunctionName="visits")
    assert (told["CodeSha256"], told["MemorySize"]) == (code, 1024)
    there.write("pipeline.py", IN_CHUNKS)
    said = there("diff", *FOR_HERE, "--exit-code", code=1).stdout
    assert "~ StateMachine" in said
    assert '"PlanTask02"' in said
    assert "~ StateMachine" in deployed(there, "--yes")
    assert '"PlanTask02"' in sfn.describe_state_machine(stateMachineArn=machine)["definition"]

    # Its Step Functions has no `$$`, so that lanes would not know their run: the function is asked itself.
    there.sql("delete from care.conflicts")
    event = {"action": "task_02", "context": {"Execution": {"Name": "second", "Id": "second"}}}
    answer = fake.client("lambda").invoke(FunctionName="visits", Payload=json.dumps(event).encode())
    assert json.loads(answer["Payload"].read())["chunks"] == 9
    assert CHECKSUM in there.python("data.py", "verify").stdout
    items = fake.client("dynamodb").scan(TableName="visits-progress")["Items"]
    assert {(item["run"]["S"], item["state"]["S"]) for item in items} == {("second", "done")}
    (told,) = open_progress(Machine(Session(None, REGION, fake.url), "visits").progress_url).summaries()
    assert (told.run, told.chunks, told.done, told.state) == ("second", 9, 9, "done")

    assert "nobody can be asked here" in there("destroy", code=2).stderr
    assert "the stack visits is gone" in there("destroy", "--yes").stdout
    with pytest.raises(StepwellError):
        sfn.describe_state_machine(stateMachineArn=machine)
    assert "there is no stack visits" in there("destroy", "--yes", code=2).stderr


def ask_each_service(fake: Fake, project: Project) -> None:
    function = fake.client("lambda").get_function_configuration(FunctionName="visits")
    assert function["Handler"] == "lambda_handler.lambda_handler"
    assert function["Timeout"] == 900
    assert function["Environment"]["Variables"]["DATABASE_URL"] == project.database
    assert function["Environment"]["Variables"]["STEPWELL_PROGRESS"] == "dynamodb://visits-progress"
    table = fake.client("dynamodb").describe_table(TableName="visits-progress")["Table"]
    assert table["GlobalSecondaryIndexes"][0]["IndexName"] == "summaries"
    (group,) = fake.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/visits")["logGroups"]
    assert group["retentionInDays"] == 90
    schedule = fake.client("scheduler").get_schedule(Name="visits")
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"  # the fake forgets the time zone
    assert schedule["Target"]["Input"] == '{"days": 7}'
    assert schedule["Target"]["Arn"].endswith(":stateMachine:visits")
    alarms = fake.client("cloudwatch").describe_alarms(AlarmNamePrefix="visits-")["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == {
        f"visits-{what}"
        for what in ("run-failed", "run-timed-out", "task-over-12-minutes", "throttled", "no-run-in-time")
    }
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:visits-alarms"
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} == {topic}
    (told,) = fake.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert told["Endpoint"] == "data@example.org"
    iam = fake.client("iam")
    role = function["Role"].rpartition("/")[2]
    policy = iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"]
    assert f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/visits-progress" in json.dumps(policy)


def test_aws_cloudformation_deploy_takes_template_and_zip_as_they_are(there: Project, fake: Fake) -> None:
    there("template", *FOR_HERE, "--output", "visits.yaml")
    there("package", *FOR_HERE, "--output", "code.zip")
    content = (there.folder / "code.zip").read_bytes()
    s3 = fake.client("s3")
    s3.create_bucket(Bucket="bundles", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="bundles", Key="code.zip", Body=content)
    words = ["CodeBucket=bundles", "CodeKey=code.zip", f"DatabaseUrl={there.database}", *LACKING]
    stack = ["--template-file", str(there.folder / "visits.yaml"), "--stack-name", "by-hand"]
    fake.aws("cloudformation", "deploy", *stack, "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *words)
    told = fake.client("lambda").get_function_configuration(FunctionName="by-hand")
    assert b64decode(told["CodeSha256"]) == hashlib.sha256(content).digest()
    said = json.loads(fake.aws("cloudformation", "describe-stacks", "--stack-name", "by-hand", "--output", "json"))
    outputs = {each["OutputKey"]: each["OutputValue"] for each in said["Stacks"][0]["Outputs"]}
    assert outputs["StateMachineArn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:by-hand"
    refused = there("deploy", *FOR_HERE, "--stack", "by-hand", "--yes", code=2)
    assert "there is a stack by-hand already, and it is not made by Stepwell: give another --stack" in refused.stderr


def test_what_stepwell_has_not_made_is_left_alone(there: Project, fake: Fake) -> None:
    definition = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    sfn = fake.client("stepfunctions")
    arn = sfn.create_state_machine(name="taken", definition=definition, roleArn=role)["stateMachineArn"]
    refused = there("deploy", *FOR_HERE, "--stack", "taken", "--yes", code=2)
    assert "there is a state machine" in refused.stderr
    assert "which no stack of Stepwell has made: give another --stack" in refused.stderr
    assert sfn.describe_state_machine(stateMachineArn=arn)["definition"] == definition


def test_what_breaks_a_limit_of_aws_is_not_deployed(there: Project, fake: Fake) -> None:
    there.environment["DATABASE_URL"] += "?application_name=" + "v" * 4096
    refused = there("deploy", *FOR_HERE, "--yes", code=1)
    assert "at most 4 KB" in refused.stderr
    assert "stepwell check --aws" in refused.stderr


def test_what_is_wrong_in_the_parameters_is_said_before_anything_is_made(there: Project, fake: Fake) -> None:
    for words, told in (
        (["--parameter-overrides", "Memory=1"], "the template has no parameter 'Memory'; it has: "),
        (["--parameter-overrides", "MemorySize"], "write Name=Value, or file://FILE"),
        (["--parameter-overrides", "file://nowhere.json"], "cannot be read"),
        (["--stack", "9_lives"], "a name begins with a letter"),
    ):
        refused = there("deploy", *FOR_HERE, "--yes", *words, code=2)
        assert told in refused.stderr


def test_a_deployment_that_fails_leaves_nothing_behind(there: Project, fake: Fake) -> None:
    """A secret that is not there is found by CloudFormation only when half of the stack is."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:nowhere"
    given = [f"DatabaseUrlSecret={secret}", *LACKING]
    said = deployed(there, "--stack", "blocked", "--yes", "--parameter-overrides", *given, code=1)
    assert "error: Function (AWS::Lambda::Function): Dynamic reference" in said
    assert "nothing is left of it" in said
    with pytest.raises(ResourceNotFoundException):
        fake.client("lambda").get_function_configuration(FunctionName="blocked")
    with pytest.raises(AwsError, match="does not exist"):
        fake.client("cloudformation").describe_stacks(StackName="blocked")
