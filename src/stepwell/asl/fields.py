"""The fields that steer a state's data, the same in every type of state, in both query languages."""

from stepwell.asl.assign import assigned, is_name
from stepwell.asl.dataflow import discard, nothing, path_step, placement
from stepwell.asl.model import Assign, Dataflow, Place, Step, Way, no_variables, only_result, unchanged
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.template import Fill

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
        return Dataflow(arguments=_filled(reader, "Arguments"))
    return Dataflow(
        _selected(reader, "InputPath"),
        _filled(reader, "Parameters"),
        _filled(reader, "ResultSelector"),
        _selected(reader, "OutputPath"),
    )


def _selected(reader: Reader, field: str) -> Step:
    if reader.fields.get(field, "$") == "$":
        return unchanged
    if reader.fields[field] is None:
        return nothing
    found = reader.path(field)
    return path_step(found) if found else unchanged


def _filled(reader: Reader, field: str) -> Step:
    fill = reader.template(field)
    return (lambda payload, scope: Payload.of(fill(payload, scope))) if fill else unchanged


def read_way(reader: Reader, target: str | None, place: Place = only_result) -> Way:
    """Assign and Output, of a state, of a rule of a Choice or of a catcher. `place`: the ResultPath of JSONPath."""
    variables = reader.object("Assign")
    for name in variables.fields if variables else ():
        if not is_name(name if reader.jsonata else name.removesuffix(".$")):
            reader.refuse(f"'{name}' is not a valid variable name", "Assign")
    fill = reader.template("Assign") if variables and variables.fields else None
    output = reader.template("Output") if reader.jsonata else None
    return Way(
        target,
        _assigning(fill, reader.jsonata) if fill else no_variables,
        (lambda raw, result, scope: Payload.of(output(raw, scope))) if output else place,
    )


def _assigning(fill: Fill, jsonata: bool) -> Assign:
    """To JSONata the result is $states.result, to JSONPath it is the input."""
    if jsonata:
        return lambda raw, result, scope: assigned(fill(raw, scope), scope)
    return lambda raw, result, scope: assigned(fill(result, scope), scope)


def read_placement(reader: Reader) -> Place:
    """ResultPath, of a state or of a catcher."""
    if reader.jsonata or reader.fields.get("ResultPath", "$") == "$":
        return only_result
    if reader.fields["ResultPath"] is None:
        return discard
    steps = reader.reference("ResultPath")
    return placement(reader.fields["ResultPath"], steps) if steps else only_result
