"""Holds a mocked result against the model that its service publishes, in the words in which AWS refuses one."""

from collections.abc import Iterator
from typing import Any

from stepwell.errors import ConfigurationError, ValidationException
from stepwell.resources.services import service_model, upper

# No model says what these answer: what they call is not a service of AWS, or decides the form itself.
_UNMODELLED = ("http:", "apigateway:", "eks:")
# Step Functions hands these on as JSON, where the service itself has a text.
_NOTHING: frozenset[str] = frozenset()
_PARSED = {"lambda:invoke": frozenset({"Payload"}), "states:startExecution.sync:2": frozenset({"Input", "Output"})}
# A job's result is what the service is asked for until the job has ended.
_POLLED = {"states:startExecution": "describeExecution"}
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("string", "blob", "timestamp"), ((str,), "a string")),
    **dict.fromkeys(("integer", "long", "float", "double"), ((int, float), "a number")),
    **dict.fromkeys(("structure", "map"), ((dict,), "an object")),
    "list": ((list,), "an array"),
    "boolean": ((bool,), "a boolean"),
}


def check_mock(resource: str, result: Any, strict: bool) -> None:
    """`strict`: what the service always answers must be there. Fields that the model does not know are let through."""
    named = resource.removeprefix("arn:aws:states:::")
    target, _, pattern = named.partition(".")
    if named == resource or named.startswith(_UNMODELLED) or pattern == "waitForTaskToken":
        return
    service, _, action = target.removeprefix("aws-sdk:").partition(":")
    action = _POLLED.get(target, "") if pattern else action
    shape = _output(service, action) if action else None
    for mistake in _mistakes(shape, result, "", strict, _PARSED.get(named, _NOTHING)) if shape else ():
        raise ValidationException(f"Mock result schema validation error: {mistake}")


def _output(service: str, action: str) -> Any:
    """botocore's shape of what an action answers; None: nothing. An action that there is not is no mock's mistake."""
    try:
        model = service_model(service)
    except ConfigurationError as error:
        raise ValidationException(f"{error.message}, or set fieldValidationMode to NONE") from None
    known = upper(action) in model.operation_names
    return model.operation_model(upper(action)).output_shape if known else None


def _mistakes(shape: Any, value: Any, field: str, strict: bool, parsed: frozenset[str]) -> Iterator[str]:
    """What is wrong with the value of a field and with what is inside of it."""
    kind: str = shape.type_name
    types, called = _TYPES[kind]
    if type(value) not in types:
        yield f"Field '{field}' must be {called}"
        return
    yield from (f"Field '{field}' {told}" for told in _broken(shape.metadata, value))
    if kind == "structure":
        members = {upper(name): member for name, member in shape.members.items()}
        required = map(upper, shape.required_members if strict else ())
        yield from (f"Field '{name}' is required" for name in required if name not in value)
        for name in members.keys() & value.keys() - parsed:
            if value[name] is not None:
                yield from _mistakes(members[name], value[name], name, strict, _NOTHING)
    elif kind in ("list", "map"):
        inner = shape.member if kind == "list" else shape.value
        for item in value if kind == "list" else value.values():
            yield from _mistakes(inner, item, field, strict, _NOTHING)


def _broken(facts: dict[str, Any], value: Any) -> Iterator[str]:
    if "enum" in facts and value not in facts["enum"]:
        yield "is not an expected value"
    size, what = (value, "value") if isinstance(value, int | float) else (len(value), "length")
    if size < facts.get("min", size):
        yield f"is {'less' if what == 'value' else 'smaller'} than the minimum {what}"
    if size > facts.get("max", size):
        yield f"exceeds the maximum {what}"
