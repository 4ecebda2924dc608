"""The template: checked by cfn-lint, and its roles walked: they allow what the code asks for, no more and no less."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

import stepwell
from stepwell.aws.target import Target
from stepwell.aws.template import template
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.names import PLACEHOLDER
from stepwell.progress import open_progress
from tests.aws.conftest import ROOT
from tests.progress.conftest import Gate
from tests.progress.samples import chunk, plan

PACKAGE = Path(stepwell.__file__).parent
TARGET = Target("3.13", "arm64")
SECRETS = """
from stepwell import Pipeline, aws_secret, env, rds_iam

database = rds_iam("db.example.org", 5432, user="etl", database="care", region="eu-west-1")
pipeline = Pipeline("secretive", database=database, requires=["API_TOKEN"])
pipeline.load("task_01", into="a.b", query="select 1", source=aws_secret("prod/source", region="eu-west-1"))
pipeline.load("task_02", into="a.c", query="select 1", source=env("OTHER_URL"))
"""


class Tagged(yaml.SafeLoader):
    """Reads `!Ref x` as {"!Ref": "x"}."""


def _tagged(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{suffix}": loader.construct_scalar(node)}
    made = loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else None
    return {f"!{suffix}": made if made is not None else loader.construct_mapping(node, deep=True)}


Tagged.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="module")
def text() -> str:
    return template(find_pipeline(str(ROOT / "examples" / "visits")), TARGET)


@pytest.fixture(scope="module")
def resources(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Tagged)["Resources"]
    return found


def linted(folder: Path, *texts: str) -> list[str]:
    files = []
    for number, each in enumerate(texts):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(each)
    command = [
        Path(sys.executable).with_name("cfn-lint"),
        "--include-checks",
        "I",
        "--format",
        "parseable",
        "--",
        *files,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return [line.removeprefix(f"{folder}/") for line in done.stdout.splitlines()]


def test_cfn_lint_finds_nothing_and_the_one_rule_that_is_off_hides_one_false_alarm(text: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(SECRETS)
    secretive = template(find_pipeline(str(tmp_path)), TARGET)
    everything = re.sub(r"\n    Metadata:\n      cfn-lint:.*", "", text)
    assert everything != text
    (finding,) = linted(tmp_path, text, secretive, everything)
    assert finding.startswith("2.yaml:")
    assert finding.endswith("E3601:Additional properties are not allowed ('OutputPath' was unexpected)"
                            " at 'States/PipelineSuccess/OutputPath'")  # fmt: skip


def test_the_definition_in_it_is_what_compile_prints(resources: dict[str, Any]) -> None:
    machine = resources["StateMachine"]["Properties"]
    pipeline = find_pipeline(str(ROOT / "examples" / "visits"))
    assert machine["DefinitionString"] == to_json(compile_machine(pipeline, PLACEHOLDER))
    assert machine["DefinitionSubstitutions"] == {"LambdaFunctionArn": {"!GetAtt": "Function.Arn"}}


def test_what_a_pipeline_needs_from_its_environment_is_a_parameter_as_value_or_secret(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(SECRETS)
    made = yaml.load(template(find_pipeline(str(tmp_path)), TARGET), Tagged)
    for name in ("OtherUrl", "ApiToken"):
        assert made["Parameters"][name]["NoEcho"] is True
        assert f"{name}Secret" in made["Parameters"]
    given = made["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert set(given) == {"STEPWELL_PIPELINE", "STEPWELL_PROGRESS", "OTHER_URL", "API_TOKEN"}
    allowed = dict(statements(made["Resources"]["FunctionRole"]))
    assert allowed["secretsmanager:GetSecretValue"] == [
        {"!Sub": "arn:${AWS::Partition}:secretsmanager:eu-west-1:${AWS::AccountId}:secret:prod/source-??????"}
    ]
    assert allowed["rds-db:connect"] == [
        {"!Sub": "arn:${AWS::Partition}:rds-db:eu-west-1:${AWS::AccountId}:dbuser:*/etl"}
    ]


# The roles

NO_RESOURCE = {  # what AWS's service authorization reference lists without a resource type
    "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    "states:ListStateMachines",
}  # fmt: skip


def statements(resource: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each action that is allowed, with its resources; what hangs on a condition is there."""
    properties = resource["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    for document in documents:
        for each in document["Statement"]:
            statement = each["!If"][1] if "!If" in each else each
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                yield action, statement["Resource"]


def actions(resource: dict[str, Any]) -> set[str]:
    return {action for action, _ in statements(resource)}


def methods_called(*parts: str) -> set[str]:
    """Every name that is read from something, and every text, in these files and folders of the package."""
    found: set[str] = set()
    for part in parts:
        for file in [PACKAGE / part] if part.endswith(".py") else (PACKAGE / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                found |= {node.attr} if isinstance(node, ast.Attribute) else set()
    return found


def permissions(service: str, prefix: str, called: set[str]) -> set[str]:
    operations = boto3.client(service, region_name="us-east-1").meta.method_to_api_mapping
    return {f"{prefix}:{operations[name]}" for name in called if name in operations}


def test_a_star_stands_only_where_aws_knows_no_resource(resources: dict[str, Any]) -> None:
    for name, resource in resources.items():
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            for action, resource_ in statements(resource):
                assert "*" not in action, name
                assert (resource_ == "*") == (action in NO_RESOURCE), f"{name}: {action}"


def test_the_function_may_do_what_its_code_does(
    resources: dict[str, Any],
    gate: Gate,
    table: str,
    endpoint: str,
) -> None:
    """What it asks of DynamoDB is counted at a gate before it: all that is called in the function's process."""
    store = open_progress(table.replace(endpoint, gate.address))
    called = {
        node
        for node in methods_called("etl", "handler.py", "pipeline", "progress/writer.py")
        if node in ("plan", "record", "rebuild")
    }
    assert called == {"plan", "record", "rebuild"}
    gate.asked.clear()
    store.plan(plan())
    store.record([chunk(1), chunk(2)])
    store.rebuild(plan(), [chunk(1)])
    written = {f"dynamodb:{action}" for action in gate.asked}
    gate.asked.clear()
    store.summary("nightly", "r", "task_02")
    store.summaries()
    store.chunks("nightly", "r", "task_02")
    read = {f"dynamodb:{action}" for action in gate.asked}
    store.close()
    of_lambda = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    vpc = {action for action in NO_RESOURCE if action.startswith("ec2:")}
    assert actions(resources["FunctionRole"]) == written | of_lambda | vpc
    assert {action for action in actions(resources["Operator"]) if action.startswith("dynamodb:")} == read


def test_the_state_machine_may_call_the_one_function_that_it_calls(resources: dict[str, Any]) -> None:
    machine = resources["StateMachine"]["Properties"]["DefinitionString"]
    assert set(re.findall(r'"Resource": "(.*?)"', machine)) == {PLACEHOLDER}
    allowed = dict(statements(resources["StateMachineRole"]))
    assert allowed.pop("lambda:InvokeFunction") == {"!GetAtt": "Function.Arn"}
    assert set(allowed) == {action for action in NO_RESOURCE if action.startswith(("logs:", "xray:"))}
    assert actions(resources["ScheduleRole"]) == {"states:StartExecution"}


def test_the_scripts_policies_allow_what_the_templates_roles_allow(resources: dict[str, Any]) -> None:
    """But for what they do without: X-Ray, a VPC, the state machine's own log."""
    for file, role in (("lambda", "FunctionRole"), ("states", "StateMachineRole"), ("scheduler", "ScheduleRole")):
        document = json.loads((ROOT / f"aws/policies/{file}_permissions.json").read_text())
        allowed = actions({"Properties": {"PolicyDocument": document}})
        assert allowed == actions(resources[role]) - NO_RESOURCE
        trust = json.loads((ROOT / f"aws/policies/{file}_trust.json").read_text())["Statement"][0]
        assert (
            trust["Principal"] == resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        )


def test_the_operator_may_do_what_the_commands_do_and_no_more(resources: dict[str, Any]) -> None:
    """`publish` is of this machine alone: there the state machine is made by the run itself."""
    commands = ["select", "runs", "runs_of", "show", "progress", "remote", "function_log", "replay"]
    called = methods_called(*(f"cli/{name}.py" for name in commands), "operate", "aws/machine.py")
    asked = permissions("stepfunctions", "states", called) - {"states:CreateStateMachine", "states:UpdateStateMachine"}
    asked |= permissions("logs", "logs", called) | {"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"}
    assert {"get_function_configuration", "invoke"} <= called
    allowed = actions(resources["Operator"])
    assert {action for action in allowed if not action.startswith("dynamodb:")} == asked
