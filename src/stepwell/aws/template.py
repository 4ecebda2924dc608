"""The CloudFormation template of a pipeline: one text, filled in; what differs between environments is a parameter."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

from stepwell.aws.target import Target
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.names import PLACEHOLDER
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.secrets import AwsSecret, RdsIam
from stepwell.pipeline.settings import Setting, Variable
from stepwell.pipeline.task import LoadTask

TEMPLATE = Path(__file__).with_name("template.yaml.in")


def template(pipeline: Pipeline, target: Target) -> str:
    """The same text for the same pipeline. Raises what compiling raises."""
    filling = {
        "pipeline": pipeline.name,
        "target": pipeline.target or "",
        "runtime": target.runtime,
        "architecture": target.architecture,
        "timeout": str(max(task.timeout for task in pipeline.tasks)),
        "definition": indent(to_json(compile_machine(pipeline, PLACEHOLDER)), " " * 8),
        "parameters": "".join(map(_parameter, variables(pipeline))),
        "conditions": "".join(map(_condition, variables(pipeline))),
        "variables": "".join(map(_variable, variables(pipeline))),
        "statements": "".join(_statements(pipeline)),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in filling.items():
        text = text.replace("{{" + name + "}}", value)
    return text


class Named(NamedTuple):
    """An environment variable, and the parameters that it is given by: as a value, or as a secret's ARN."""

    variable: str
    parameter: str

    @property
    def secret(self) -> str:
        return f"{self.parameter}Secret"


def variables(pipeline: Pipeline) -> list[Named]:
    """What the function needs in its environment."""
    found = [setting.name for setting in _settings(pipeline) if isinstance(setting, Variable)]
    names = dict.fromkeys([*found, *pipeline.requires])
    return [Named(name, "".join(word.capitalize() for word in name.split("_"))) for name in names]


def _settings(pipeline: Pipeline) -> Iterator[Setting]:
    loads = [task.source for task in pipeline.tasks if isinstance(task, LoadTask)]
    for setting in [pipeline.database if pipeline.needs_database else None, *loads]:
        if isinstance(setting, Setting):
            yield setting


def _parameter(name: Named) -> str:
    return f"""
  # What {name.variable} is in the function: a value, or a secret of Secrets Manager that holds it
  {name.parameter}:
    Type: String
    Default: ""
    NoEcho: true
  {name.secret}:
    Type: String
    Default: ""
    Description: ARN of the secret whose text is {name.variable}; CloudFormation reads it when it deploys
"""


def _condition(name: Named) -> str:
    return f'  Has{name.secret}: !Not [!Equals [!Ref {name.secret}, ""]]\n'


def _variable(name: Named) -> str:
    reference = "{{resolve:secretsmanager:${" + name.secret + "}:SecretString}}"
    return f"""\
          {name.variable}: !If
            - Has{name.secret}
            - !Sub "{reference}"
            - !Ref {name.parameter}
"""


def _statements(pipeline: Pipeline) -> Iterator[str]:
    """What the function reads while it runs, so that it is in no template and no environment."""
    settings = list(_settings(pipeline))
    secrets = sorted({_secret_arn(setting) for setting in settings if isinstance(setting, AwsSecret)})
    users = sorted({_user_arn(setting) for setting in settings if isinstance(setting, RdsIam)})
    if secrets:
        yield _statement("ReadSecrets", "secretsmanager:GetSecretValue", secrets)
    if users:
        yield _statement("SignInToTheDatabase", "rds-db:connect", users)


def _statement(sid: str, action: str, resources: list[str]) -> str:
    lines = [f"- Sid: {sid}", "  Effect: Allow", f"  Action: {action}", "  Resource:"]
    lines += [f'    - !Sub "{resource}"' for resource in resources]
    return indent("\n".join(lines) + "\n", " " * 14)


def _secret_arn(setting: AwsSecret) -> str:
    """Secrets Manager puts six letters of chance behind a secret's name."""
    if setting.secret.startswith("arn:"):
        return setting.secret
    region = setting.region or "${AWS::Region}"
    return f"arn:${{AWS::Partition}}:secretsmanager:{region}:${{AWS::AccountId}}:secret:{setting.secret}-??????"


def _user_arn(setting: RdsIam) -> str:
    """The instance is not known by its host's name; the user is one that only this database may have."""
    return f"arn:${{AWS::Partition}}:rds-db:{setting.region}:${{AWS::AccountId}}:dbuser:*/{setting.user}"
