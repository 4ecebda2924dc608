#!/usr/bin/env python3
"""Write src/stepwell/api/shapes.json from botocore's models: `python tools/shapes.py`.

A shape is [type, constraints]. Constraints: min, max, pattern, enum, sensitive; a list's `member`, a map's `key` and
`value`, a structure's `members` (name → shape's name) and `required`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.session import get_session

TARGET = Path(__file__).parents[1] / "src/stepwell/api/shapes.json"
LAMBDA = (
    "CreateFunction",
    "DeleteFunction",
    "GetFunction",
    "GetFunctionConfiguration",
    "Invoke",
    "ListFunctions",
    "ListVersionsByFunction",
    "PublishVersion",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)
# The members that a function on this machine has; of the others nothing is kept.
LAMBDA_MEMBERS = """
    FunctionName Runtime Role Handler Code ZipFile Description Timeout MemorySize Publish Environment Variables Tags
    Qualifier InvocationType LogType RevisionId DryRun MaxItems Marker CodeSha256 Architectures PackageType
"""
KEPT = ("min", "max", "pattern", "sensitive")
# AWS lists the values of an enum in an order of its own; this one was seen.
ORDER = {"ExecutionStatus": ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"]}


def collect(shape: Any, shapes: dict[str, Any], service: str) -> str:
    name = f"{service}{shape.name}"
    if name in shapes:
        return name
    facts: dict[str, Any] = {key: shape.metadata[key] for key in KEPT if key in shape.metadata}
    if "enum" in shape.metadata:
        facts["enum"] = ORDER.get(shape.name, list(shape.metadata["enum"]))
    shapes[name] = [shape.type_name, facts]
    if shape.type_name == "structure":
        kept = {k: v for k, v in shape.members.items() if not service or k in LAMBDA_MEMBERS.split()}
        facts["members"] = {key: collect(member, shapes, service) for key, member in kept.items()}
        facts["required"] = [key for key in shape.required_members if key in kept]
    elif shape.type_name == "list":
        facts["member"] = collect(shape.member, shapes, service)
    elif shape.type_name == "map":
        facts |= {"key": collect(shape.key, shapes, service), "value": collect(shape.value, shapes, service)}
    return name


def text() -> str:
    shapes: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    for service, prefix in (("stepfunctions", ""), ("lambda", "Lambda.")):
        model = get_session().get_service_model(service)
        for name in sorted(LAMBDA if prefix else model.operation_names):
            shape = model.operation_model(name).input_shape
            inputs[f"{prefix}{name}"] = collect(shape, shapes, prefix)
    blocks = [f'"botocore": {json.dumps(botocore.__version__)}', _block("inputs", inputs)]
    return "{\n" + ",\n".join([*blocks, _block("shapes", dict(sorted(shapes.items())))]) + "\n}\n"


def _block(name: str, items: dict[str, Any]) -> str:
    """One line an item, so that a diff shows what has changed."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in items.items())
    return f'"{name}": {{\n{lines}\n}}'


if __name__ == "__main__":
    if "--print" in sys.argv[1:]:
        print(text(), end="")
    else:
        TARGET.write_text(text(), encoding="utf-8")
