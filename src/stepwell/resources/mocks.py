"""Holds a mocked result against the model that its service publishes, in the words in which AWS refuses one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from stepwell.errors import ConfigurationError, ValidationException
from stepwell.resources.casing import Name, free, java
from stepwell.resources.integrations import Integration, integration
from stepwell.resources.jobs import jobs
from stepwell.resources.services import service_model, upper

# Step Functions hands these on as JSON, where the service itself has a text.
_PARSED = {"lambda:invoke": {"Payload"}, "states:startExecution.sync:2": {"Input", "Output"}}
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("string", "blob", "timestamp"), ((str,), "a string")),
    **dict.fromkeys(("integer", "long", "float", "double"), ((int, float), "a number")),
    **dict.fromkeys(("structure", "map"), ((dict,), "an object")),
    "list": ((list,), "an array"),
    "boolean": ((bool,), "a boolean"),
}


class _Model(NamedTuple):
    """How a mock is held against a shape: by which names, and whether all that is required must be there."""

    name: Name
    strict: bool


def check_mock(resource: str, result: Any, strict: bool) -> None:
    """`strict`: what the service always answers must be there. Fields that the model does not know are let through.

    Where no model says what is answered (a function, an activity, a callback, what is no service), nothing is checked.
    """
    try:
        to = integration(resource)
    except ConfigurationError:
        return
    shape = _result(to)
    if shape is None:
        return
    if not isinstance(result, dict):
        raise ValidationException("Mocked result must be a JSON object.")
    parsed = _PARSED.get(resource.removeprefix("arn:aws:states:::"), set())
    checked = {key: value for key, value in result.items() if key not in parsed}
    for mistake in _mistakes(shape, checked, "", _Model(java if to.sdk else upper, strict)):
        raise ValidationException(f"Mock result schema validation error: {mistake}")


def _result(to: Integration) -> Any:
    """botocore's shape of a state's result; that of a job is what the service is asked for until it has ended."""
    job = jobs().get(to.key) if to.pattern.startswith("sync") else None
    if to.pattern and job is None:
        return None
    try:
        model = service_model(to.service)
    except ConfigurationError as error:
        raise ValidationException(f"{error.message}, or set fieldValidationMode to NONE") from None
    action = upper(job["look"][0] if job else to.action)
    shape: Any = model.operation_model(action).output_shape if action in model.operation_names else None
    for step in job["at"].split(".") if job and job["at"] else ():
        members = {} if step.isdecimal() else {upper(name): member for name, member in shape.members.items()}
        shape = members.get(step) or shape.member
    return shape


def _mistakes(shape: Any, value: Any, field: str, model: _Model) -> Iterator[str]:
    """What is wrong with the value of a field and with what is inside of it."""
    if free(shape):
        return
    kind: str = shape.type_name
    types, called = _TYPES[kind]
    if type(value) not in types:
        yield f"Field '{field}' must be {called}"
        return
    yield from (f"Field '{field}' {told}" for told in _broken(shape.metadata, value))
    if kind == "structure":
        members = {model.name(name): member for name, member in shape.members.items()}
        required = map(model.name, shape.required_members if model.strict else ())
        yield from (f"Field '{name}' is required" for name in required if name not in value)
        for name in [name for name in value if name in members and value[name] is not None]:
            yield from _mistakes(members[name], value[name], name, model)
    elif kind in ("list", "map"):
        inner = shape.member if kind == "list" else shape.value
        for item in value if kind == "list" else value.values():
            yield from _mistakes(inner, item, field, model)


def _broken(facts: dict[str, Any], value: Any) -> Iterator[str]:
    if "enum" in facts and value not in facts["enum"]:
        yield "is not an expected value"
    size, what = (value, "value") if isinstance(value, int | float) else (len(value), "length")
    if size < facts.get("min", size):
        yield f"is {'less' if what == 'value' else 'smaller'} than the minimum {what}"
    if size > facts.get("max", size):
        yield f"exceeds the maximum {what}"
