"""The fields that steer a state's data, the same in every type of state, in both query languages."""

from stepwell.asl.assign import assign, is_name
from stepwell.asl.dataflow import discard, nothing, path_step, placement, template_step
from stepwell.asl.model import Dataflow, Exit, Placement, Step
from stepwell.asl.reader import Reader

INPUT_OUTPUT = frozenset({"InputPath", "OutputPath", "Output"})
ARGUMENTS = frozenset({"Parameters", "ResultPath"})
RESULT = frozenset({"ResultSelector", "Assign"})
ERRORS = frozenset({"Retry", "Catch"})
ASSIGN = frozenset({"Assign"})

_ONLY_JSONATA = frozenset({"Arguments", "Output", "Items"})
_ONLY_JSONPATH = frozenset({"Parameters", "ResultSelector", "Result"})


def check_language(reader: Reader) -> None:
    """Each query language has fields that the other has not."""
    own, other = ("JSONata", "JSONPath") if reader.jsonata else ("JSONPath", "JSONata")
    for field in reader.fields:
        if field in _ONLY_JSONATA:
            foreign = not reader.jsonata
        else:
            foreign = reader.jsonata and (field in _ONLY_JSONPATH or field.endswith("Path"))
        if foreign:
            what = f"field '{field}' is only supported for the '{other}' QueryLanguage"
            reader.refuse(f"The QueryLanguage is set to '{own}', but {what}")


def read_dataflow(reader: Reader) -> Dataflow:
    if reader.jsonata:
        return Dataflow(arguments=_filled(reader, "Arguments"), exit=read_exit(reader))
    return Dataflow(
        input=_selection(reader, "InputPath"),
        arguments=_filled(reader, "Parameters"),
        result=_filled(reader, "ResultSelector"),
        place=read_placement(reader),
        output=_selection(reader, "OutputPath"),
        exit=read_exit(reader),
    )


def read_exit(reader: Reader) -> Exit:
    """Assign and Output, of a state, of a rule of a Choice or of a catcher."""
    variables = reader.object("Assign")
    for name in variables.fields if variables else ():
        if not is_name(name if reader.jsonata else name.removesuffix(".$")):
            reader.refuse(f"'{name}' is not a valid variable name", "Assign")
    fill = reader.template("Assign") if variables and variables.fields else None
    return Exit(assign(fill) if fill else None, _filled(reader, "Output") if reader.jsonata else None)


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
