"""The two scripts: bash is run with the real `aws` command, PowerShell is parsed, and run where it can be."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell

from tests.api.served import Served
from tests.aws.conftest import ACCOUNT, AWS, REGION, ROOT, Fake
from tests.cli.conftest import PIPELINE

BASH = ROOT / "aws" / "deploy_step_functions.sh"
POWERSHELL = ROOT / "aws" / "deploy_step_functions.ps1"
PWSH = shutil.which("pwsh")
SAME = {  # the options of both
    "--lambda-arn": "-LambdaFunctionArn",
    "--role-arn": "-RoleArn",
    "--state-machine-name": "-StateMachineName",
    "--definition-file": "-DefinitionFile",
    "--region": "-Region",
    "--profile": "-ProfileName",
    "--dry-run": "-WhatIf",
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(
    params=[
        "bash",
        pytest.param(
            "pwsh", marks=pytest.mark.skipif(PWSH is None, reason="pwsh is not on the PATH: ps1 not executed")
        ),
    ]
)
def script(request: pytest.FixtureRequest) -> Run:
    """Either script, with the options of the bash one."""

    def run(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(BASH)]
        if request.param == "pwsh":
            command = [str(PWSH), "-NoProfile", "-File", str(POWERSHELL)]
            words = tuple(SAME.get(word, word) for word in words)
        variables = environment or {"PATH": f"{AWS.parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run([*command, *words], env=variables, capture_output=True, text=True, timeout=120)

    return run


# Against Step Functions and Lambda


@pytest.fixture
def served(tmp_path: Path):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    server = Served(tmp_path)
    yield server
    server.end()


def test_it_creates_updates_and_keeps_on_the_engine_of_this_machine(
    script: Run, served: Served, tmp_path: Path
) -> None:
    """Everything in one flow, since each call of `aws` takes its time."""
    environment = {
        "PATH": f"{AWS.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": served.url,
        "AWS_ACCESS_KEY_ID": "stepwell",
        "AWS_SECRET_ACCESS_KEY": "stepwell",
    }
    function = "arn:aws:lambda:us-east-1:123456789012:function:coffee"
    role = "arn:aws:iam::123456789012:role/coffee"
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:night"
    client = served.client()

    def run(*words: str, code: int = 0) -> str:
        done = script("--lambda-arn", function, "--state-machine-name", "night", *words, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "is missing: there is no state machine night yet" in run(code=2)
    said = run("--role-arn", role)
    assert f"created      {machine}" in said
    assert "aws stepfunctions start-execution --state-machine-arn" in said
    assert client.describe_state_machine(stateMachineArn=machine)["roleArn"] == role

    other = tmp_path / "other.json"
    text = (
        (ROOT / "aws/step_functions/etl_pipeline.json").read_text().rstrip().replace('"Comment": "', '"Comment": "½ ')
    )
    other.write_text(text + "\n")
    assert f"would update {machine}" in run("--definition-file", str(other), "--dry-run")
    before = client.describe_state_machine(stateMachineArn=machine)["definition"]
    assert before == text.replace("½ ", "").replace("${LambdaFunctionArn}", function)
    assert f"updated      {machine}" in run("--definition-file", str(other))
    told = client.describe_state_machine(stateMachineArn=machine)
    assert told["definition"] == text.replace("${LambdaFunctionArn}", function)
    assert told["roleArn"] == role

    other.write_text(text.replace('"Next": "PipelineSuccess"', '"Next": "Nowhere"'))
    refused = run("--definition-file", str(other), code=2)
    assert f"{other} is not valid" in refused
    assert "Nowhere" in refused
    assert client.describe_state_machine(stateMachineArn=machine)["definition"] == told["definition"]


# Where the machine is already what it should be; no fake has these partitions.
UNCHANGED = r"""#!/usr/bin/env bash
case $2 in
  validate-state-machine-definition) echo OK ;;
  get-function-configuration) printf 'python3.12\t900\n' ;;
  describe-state-machine) printf 'role\tACTIVE\t%s\n' "$(sed "s|[$]{LambdaFunctionArn}|$FUNCTION|" "$DEFINITION")" ;;
esac
"""


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws", "eu-central-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_what_it_says_next_holds_where_it_was_done(
    script: Run, tmp_path: Path, partition: str, region: str, console: str
) -> None:
    (tmp_path / "aws").write_text(UNCHANGED)
    (tmp_path / "aws").chmod(0o755)
    function = f"arn:{partition}:lambda:{region}:{ACCOUNT}:function:visits"
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "FUNCTION": function,
        "DEFINITION": str(ROOT / "aws/step_functions/etl_pipeline.json"),
    }
    done = script("--lambda-arn", function, "--profile", "a b", environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"https://{region}.{console}/states/home?region={region}#" in done.stdout
    assert re.search(r"--profile (a\\ b|'a b')", done.stdout)


def test_it_creates_and_updates_on_the_fake(script: Run, fake: Fake) -> None:
    """Its policies are taken by IAM, too: files, names and documents are those of the guide."""
    make_roles(fake)
    function = make_function(fake, "scripted")
    role = f"arn:aws:iam::{ACCOUNT}:role/visits-states"
    words = ["--lambda-arn", function, "--role-arn", role, "--state-machine-name", "scripted"]
    assert "created " in script(*words, environment=fake.environment).stdout
    assert "unchanged " in script(*words, environment=fake.environment).stdout
    client = fake.client("stepfunctions")
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:scripted"
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    compiled = (ROOT / "aws/step_functions/etl_pipeline.json").read_text().rstrip()
    assert definition == compiled.replace("${LambdaFunctionArn}", function)
    bad = fake.folder / "bad.json"
    bad.write_text("[]")
    refused = script(*words, "--definition-file", str(bad), environment=fake.environment)
    absent = script(*words, "--lambda-arn", function + "-tea", environment=fake.environment)
    assert (absent.returncode, absent.stderr) == (1, f"error: there is no function {function}-tea: make it first\n")
    assert (refused.returncode, refused.stderr.strip()) == (
        2,
        f"error: {bad} is no state machine: it has no StartAt, or no States",
    )


def make_roles(fake: Fake) -> None:
    iam = fake.client("iam")
    for trust in sorted((ROOT / "aws/policies").glob("*_trust.json")):
        name = trust.name.removesuffix("_trust.json")
        iam.create_role(RoleName=f"visits-{name}", AssumeRolePolicyDocument=filled(trust))
        permissions = filled(trust.with_name(f"{name}_permissions.json"))
        iam.put_role_policy(RoleName=f"visits-{name}", PolicyName="visits", PolicyDocument=permissions)


def filled(file: Path) -> str:
    text = file.read_text().replace("ACCOUNT_ID", ACCOUNT).replace("REGION", REGION)
    assert json.loads(text)["Version"] == "2012-10-17"
    return text


def make_function(fake: Fake, name: str) -> str:
    code = fake.folder / "lambda_handler.py"
    code.write_text("def lambda_handler(event, context):\n    return {'status': 'ok'}\n")
    archive = shutil.make_archive(str(fake.folder / "code"), "zip", fake.folder, code.name)
    made = fake.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="lambda_handler.lambda_handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/visits-lambda",
        Code={"ZipFile": Path(archive).read_bytes()},
    )
    return str(made["FunctionArn"])


# Before anything is asked

GOOD = ["--lambda-arn", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:visits"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "is missing: the ARN of the Lambda function"),
        (["--lambda-arn", "visits"], "visits is no ARN of a function"),
        ([*GOOD, "--role-arn", "arn:aws:iam::1111:role/x"], "arn:aws:iam::1111:role/x is no ARN of a role"),
        ([*GOOD, "--state-machine-name", "two words"], "a name has 1 to 80 letters, digits, - and _"),
        ([*GOOD, "--region", "us-east-1"], f"and this one is in {REGION}"),
        ([*GOOD, "--definition-file", "nowhere.json"], "nowhere.json: there is no such file"),
    ],
    ids=["no function", "function", "role", "name", "region", "file"],
)
def test_what_is_wrong_is_said_before_aws_is_asked(script: Run, words: list[str], told: str) -> None:
    refused = script(*words)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ")
    assert told in refused.stderr


def test_an_unknown_option_and_one_without_a_value_are_refused() -> None:
    for words, told in ((["--lamda-arn=x"], "unknown option --lamda-arn"), (["--role-arn"], "its value is missing")):
        refused = subprocess.run(["bash", BASH, *words], capture_output=True, text=True)
        assert refused.returncode == 2
        assert told in refused.stderr
    helped = subprocess.run(["bash", BASH, "--help"], capture_output=True, text=True)
    assert helped.stdout.startswith("usage: deploy_step_functions.sh --lambda-arn ARN")


# As texts


def test_the_bash_script_is_clean() -> None:
    checker = shutil.which("shellcheck")
    assert checker, "shellcheck is missing: apt-get install shellcheck (.ci/run does)"
    done = subprocess.run([checker, "--severity=style", BASH], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_powershell_script_is_powershell() -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert parser.parse(b"if $x { }").root_node.has_error
    assert not parser.parse(POWERSHELL.read_bytes()).root_node.has_error


def test_both_scripts_have_the_same_options_and_say_the_same() -> None:
    bash, powershell = BASH.read_text(), POWERSHELL.read_text()
    assert set(re.findall(r"^    (--[a-z-]+)\)", bash, re.MULTILINE)) | {"--dry-run"} == set(SAME)
    declared = re.findall(r"^    \[string\] \$(\w+)", powershell, re.MULTILINE)
    assert {f"-{name}" for name in declared} | {"-WhatIf"} == set(SAME.values())
    assert "SupportsShouldProcess = $true" in powershell
    for asked in set(re.findall(r"(?:ask|must) ((?:lambda|stepfunctions) [a-z-]+)", bash)):
        service, action = asked.split()
        assert f"'{service}', '{action}'" in powershell
    for text in ("is no state machine: it has no StartAt, or no States", "belongs to the CloudFormation stack"):
        assert text in bash
        assert text in powershell
