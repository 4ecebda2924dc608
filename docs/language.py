"""What the language and the API consist of, and which test proves each part: docs/language.md is made of it.

A test says what it proves by a mark: `@pytest.mark.proves("Map.Label Map.Items")`. The names are AWS's, from the
documentation of Step Functions; a part without a test, and a mark without a part, are mistakes.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stepwell.api.validation import INPUTS

ROOT = Path(__file__).parents[1]
HEAD = """\
# The language and the API, part by part

<!-- Made by docs/generate.py from the marks of the tests. Do not edit. -->

Each field, state and action of AWS Step Functions, and the test that proves it. A test carries its parts as a mark,
`@pytest.mark.proves("Map.Label")`; the suite fails when a part has no test.
"""
_COMPARED = " ".join(
    f"Choice.{kind}{name} Choice.{kind}{name}Path"
    for kind in ("String", "Numeric", "Timestamp")
    for name in ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
)
LANGUAGE = {
    "A state machine": "Machine.Comment Machine.StartAt Machine.States Machine.TimeoutSeconds Machine.Version "
    "Machine.QueryLanguage",
    "Every state": "State.Type State.Comment State.QueryLanguage State.Next State.End",
    "The data of a state": "State.InputPath State.Parameters State.Arguments State.ResultSelector State.ResultPath "
    "State.OutputPath State.Output State.Assign",
    "Task": "Task Task.Resource Task.Credentials Task.TimeoutSeconds Task.TimeoutSecondsPath Task.HeartbeatSeconds "
    "Task.HeartbeatSecondsPath",
    "Pass, Succeed, Fail": "Pass Pass.Result Succeed Fail Fail.Error Fail.ErrorPath Fail.Cause Fail.CausePath",
    "Wait": "Wait Wait.Seconds Wait.SecondsPath Wait.Timestamp Wait.TimestampPath",
    "Choice": "Choice Choice.Choices Choice.Default Choice.Condition Choice.Variable Choice.Next Choice.And Choice.Or "
    "Choice.Not Choice.Assign Choice.Output Choice.IsPresent Choice.IsNull Choice.IsBoolean Choice.IsNumeric "
    "Choice.IsString Choice.IsTimestamp Choice.StringMatches Choice.BooleanEquals Choice.BooleanEqualsPath "
    f"{_COMPARED}",
    "Parallel": "Parallel Parallel.Branches",
    "Map": "Map Map.ItemProcessor Map.Iterator Map.Items Map.ItemsPath Map.ItemSelector Map.MaxConcurrency "
    "Map.MaxConcurrencyPath Map.ToleratedFailureCount Map.ToleratedFailureCountPath Map.ToleratedFailurePercentage "
    "Map.ToleratedFailurePercentagePath Map.Label Map.ItemReader Map.ItemBatcher Map.ResultWriter",
    "Inside a Map": "ProcessorConfig.Mode ProcessorConfig.ExecutionType ItemReader.Resource ItemReader.Parameters "
    "ItemReader.Arguments ReaderConfig.InputType ReaderConfig.CSVHeaderLocation ReaderConfig.CSVHeaders "
    "ReaderConfig.CSVDelimiter ReaderConfig.MaxItems ReaderConfig.MaxItemsPath ReaderConfig.ItemsPointer "
    "ReaderConfig.ManifestType ReaderConfig.Transformation ItemBatcher.MaxItemsPerBatch "
    "ItemBatcher.MaxItemsPerBatchPath ItemBatcher.MaxInputBytesPerBatch ItemBatcher.MaxInputBytesPerBatchPath "
    "ItemBatcher.BatchInput ResultWriter.Resource ResultWriter.Parameters ResultWriter.Arguments "
    "WriterConfig.OutputType WriterConfig.Transformation",
    "Retry and Catch": "Retry.ErrorEquals Retry.IntervalSeconds Retry.MaxAttempts Retry.BackoffRate "
    "Retry.MaxDelaySeconds Retry.JitterStrategy Catch.ErrorEquals Catch.Next Catch.ResultPath Catch.Assign "
    "Catch.Output",
    "Errors": "States.ALL States.TaskFailed States.Timeout States.HeartbeatTimeout States.Runtime "
    "States.DataLimitExceeded States.ExceedToleratedFailureThreshold States.IntrinsicFailure States.ItemReaderFailed "
    "States.NoChoiceMatched States.QueryEvaluationError States.ReferencePathConflict States.ResultWriterFailed",
    "The context object": "Execution.Id Execution.Input Execution.Name Execution.RoleArn Execution.StartTime "
    "Execution.RedriveCount Execution.RedriveTime State.Name State.EnteredTime State.RetryCount StateMachine.Id "
    "StateMachine.Name Task.Token Map.Item.Index Map.Item.Value",
    "Intrinsic functions": "States.Array States.ArrayPartition States.ArrayContains States.ArrayRange "
    "States.ArrayGetItem States.ArrayLength States.ArrayUnique States.Base64Encode States.Base64Decode States.Hash "
    "States.JsonMerge States.JsonToString States.StringToJson States.MathRandom States.MathAdd States.StringSplit "
    "States.UUID States.Format",
    "JSONata": "$states.input $states.result $states.errorOutput $states.context $partition $range $hash $random $uuid "
    "$parse",
    "Resources": "Resource.function Resource.lambda:invoke Resource.activity Resource.waitForTaskToken Resource.sync "
    "Resource.startExecution Resource.optimised Resource.aws-sdk",
    "Actions": " ".join(f"API.{name}" for name in INPUTS if not name.startswith("Lambda.")),
    "Actions of Lambda": " ".join(name for name in INPUTS if name.startswith("Lambda.")),
}


class Proof(NamedTuple):
    """A test, and the parts that its mark names."""

    file: Path
    test: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        told = self.test.removeprefix("test_").replace("_", " ")
        return f"[{told}](../{self.file.relative_to(ROOT)})"


def proofs() -> Iterator[Proof]:
    """The marked tests, read from their files; a mark of a file's own (`pytestmark`) is not looked for."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                parts = [part for mark in node.decorator_list for part in _parts(mark)]
                if parts:
                    yield Proof(file, node.name, tuple(parts))


def _parts(mark: ast.expr) -> list[str]:
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.proves":
        return []
    return str(ast.literal_eval(mark.args[0])).split()


def proven() -> dict[str, list[Proof]]:
    """The tests of each part, by its name."""
    found: dict[str, list[Proof]] = {}
    for proof in proofs():
        for part in proof.parts:
            found.setdefault(part, []).append(proof)
    return found


def mistakes() -> list[str]:
    """Parts without a test, and marks that name no part."""
    found, parts = proven(), " ".join(LANGUAGE.values()).split()
    missing = [f"{part} has no test" for part in parts if part not in found]
    unknown = [f"{found[part][0].test} proves {part}, which is no part" for part in found if part not in parts]
    return missing + unknown


def page() -> str:
    found = proven()
    blocks = [HEAD]
    for title, parts in LANGUAGE.items():
        rows = [f"| `{part}` | {'<br>'.join(map(str, found.get(part, ())))} |" for part in parts.split()]
        blocks.append("\n".join([f"## {title}", "", "| | |", "|---|---|", *rows]) + "\n")
    return "\n".join(blocks)
