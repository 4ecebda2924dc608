"""The fields that steer a state's data, the same in every type of state, compiled for JSONPath."""

from stepwell.asl.dataflow import discard, nothing, path_step, placement, template_step
from stepwell.asl.model import Dataflow, Placement, Step
from stepwell.asl.reader import Reader

INPUT_OUTPUT = frozenset({"InputPath", "OutputPath"})
ARGUMENTS = frozenset({"Parameters", "ResultPath"})
RESULT = frozenset({"ResultSelector"})
ERRORS = frozenset({"Retry", "Catch"})


def read_dataflow(reader: Reader) -> Dataflow:
    return Dataflow(
        input=_selection(reader, "InputPath"),
        arguments=_filled(reader, "Parameters"),
        result=_filled(reader, "ResultSelector"),
        place=read_placement(reader),
        output=_selection(reader, "OutputPath"),
    )


def _selection(reader: Reader, field: str) -> Step | None:
    if not reader.has(field) or reader.fields[field] == "$":
        return None
    if reader.fields[field] is None:
        return nothing
    found = reader.path(field)
    return path_step(found) if found else None


def _filled(reader: Reader, field: str) -> Step | None:
    fill = reader.template(field)
    return template_step(fill) if fill else None


def read_placement(reader: Reader) -> Placement | None:
    """ResultPath, of a state or of a catcher."""
    if not reader.has("ResultPath") or reader.fields["ResultPath"] == "$":
        return None
    if reader.fields["ResultPath"] is None:
        return discard
    steps = reader.reference("ResultPath")
    return placement(reader.fields["ResultPath"], steps) if steps else None
