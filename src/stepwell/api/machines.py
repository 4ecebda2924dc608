"""State machines: made, changed, looked at, removed."""

import json
from typing import Any

from stepwell.api.arns import ROLE, check_name, check_role, machine_arn, qualified
from stepwell.api.definitions import check_definition
from stepwell.api.door import Answer, Door, Request, given, new_id, page, visible
from stepwell.api.references import variable_references
from stepwell.api.tags import pairs
from stepwell.api.versions import chosen_version, listed_version, publish, version_arn
from stepwell.asl.payload import dumps
from stepwell.errors import (
    InvalidEncryptionConfiguration,
    InvalidLoggingConfiguration,
    InvalidTracingConfiguration,
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    ValidationException,
)
from stepwell.journal.catalog import MachineRow, VersionRow, hash_of
from stepwell.journal.journal import ExecutionRow

_SETTINGS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
_USUAL: dict[str, Any] = {
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
    "tracingConfiguration": {"enabled": False},
}


def create_state_machine(door: Door, request: Request) -> Answer:
    """The same again is no mistake, whatever its role and tags; another definition, type, setting or version is."""
    text, now, type_ = request["definition"], door.now(), request.get("type", "STANDARD")
    arn = machine_arn(check_name(request["name"]))
    tags, settings = pairs(request.get("tags") or []), _settings(request, "{}")
    check_definition(text, type_)
    row = door.journal.catalog.machine(arn)
    if row is None:
        role = request.get("roleArn", ROLE)
        row = MachineRow(arn, request["name"], role, hash_of(text), None, now, now, type_, settings)
        door.journal.catalog.save_machine(row, text)
        door.journal.catalog.tag(arn, tags)
    elif (row.definition, row.type, _settings({}, row.settings)) != (hash_of(text), type_, settings) or (
        request.get("publish") and not _is_published(door, row, request)
    ):
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
    return {"stateMachineArn": arn, "creationDate": row.created / 1000} | _published(door, row, request)


def update_state_machine(door: Door, request: Request) -> Answer:
    """Executions that are under way keep the definition that they began with."""
    row, now = door.machine(request["stateMachineArn"]), door.now()
    if not any(key in request for key in ("definition", "roleArn", *_SETTINGS)):
        raise MissingRequiredParameter
    row = row._replace(settings=_settings({}, row.settings))
    settings = _settings(request, row.settings)
    text = request.get("definition") or door.journal.catalog.definition(row.definition)
    check_definition(text, row.type)
    changed = row._replace(definition=hash_of(text), role=request.get("roleArn", row.role), settings=settings)
    if changed != row:
        changed = changed._replace(revision=new_id(), updated=now)
        door.journal.catalog.save_machine(changed, text)
    answer: Answer = {"updateDate": now / 1000}
    return answer | given(revisionId=changed.revision) | _published(door, changed, request)


def describe_state_machine(door: Door, request: Request) -> Answer:
    """The machine as it is now; by the ARN of a version or an alias, as it was published."""
    name = qualified(request["stateMachineArn"])
    row, version = door.machine_of(name), chosen_version(door, name)
    shown = version or row
    answer: Answer = {
        "stateMachineArn": version_arn(version) if version else row.arn,
        "name": row.name,
        "status": "ACTIVE",
        "type": row.type,
        "creationDate": shown.created / 1000,
        **_content(door, shown, shown.settings),
        **given(description=version and version.description),
    }
    return visible(request, answer)


def describe_state_machine_for_execution(door: Door, request: Request) -> Answer:
    """The definition that the execution began with, which may not be the machine's any more."""
    row = door.execution(request["executionArn"])
    machine = door.journal.catalog.machine(row.machine)
    answer: Answer = {
        "stateMachineArn": row.machine,
        "name": row.machine.rpartition(":")[2],
        "updateDate": (machine.updated if machine else row.started) / 1000,
        **_content(door, row, machine.settings if machine else "{}"),
    }
    if row.map_run is not None:
        answer |= {"mapRunArn": door.journal.runs.by_id(row.map_run).arn, "label": row.machine.rpartition("/")[2]}
    return visible(request, answer)


def _content(door: Door, row: MachineRow | VersionRow | ExecutionRow, settings: str) -> Answer:
    """What a machine does, or did when it was published or an execution of it began."""
    text = door.journal.catalog.definition(row.definition)
    return {
        "definition": text,
        "roleArn": row.role,
        **json.loads(_settings({}, settings)),
        **given(revisionId=row.revision),
        **variable_references(text),
    }


def delete_state_machine(door: Door, request: Request) -> Answer:
    """Executions that are under way go on; that there is no such machine is no mistake."""
    name = qualified(request["stateMachineArn"])
    if not name.plain:
        raise ValidationException("State Machine ARN must not be qualified with a version or an alias")
    door.journal.catalog.delete_machine(name.machine)
    return {}


def list_state_machines(door: Door, request: Request) -> Answer:
    return page("stateMachines", request, door.journal.catalog.machines, _listed)


def _listed(row: MachineRow) -> Answer:
    return {"stateMachineArn": row.arn, "name": row.name, "type": row.type, "creationDate": row.created / 1000}


def publish_state_machine_version(door: Door, request: Request) -> Answer:
    row = door.machine(request["stateMachineArn"])
    return listed_version(publish(door, row, request.get("description"), request.get("revisionId")))


def _published(door: Door, row: MachineRow, request: Request) -> Answer:
    if not request.get("publish"):
        return {}
    return {"stateMachineVersionArn": version_arn(publish(door, row, request.get("versionDescription"), None))}


def _is_published(door: Door, row: MachineRow, request: Request) -> bool:
    """Whether the machine is published as it is, and so described."""
    wanted = (row.revision, request.get("versionDescription"))
    return any((each.revision, each.description) == wanted for each in door.journal.catalog.versions(row.arn))


def _settings(request: Request, before: str) -> str:
    """Those that a request changes, checked as all is that it says beside the definition; what is left out is usual."""
    if "versionDescription" in request and not request.get("publish"):
        raise ValidationException("Version description can only be set when publish is true")
    check_role(request.get("roleArn", ROLE))
    _check_logging(request.get("loggingConfiguration", {}))
    if "enabled" not in request.get("tracingConfiguration", {"enabled": False}):
        raise InvalidTracingConfiguration
    encryption = request.get("encryptionConfiguration", {})
    if encryption.get("type") == "CUSTOMER_MANAGED_KMS_KEY" and "kmsKeyId" not in encryption:
        raise InvalidEncryptionConfiguration
    own = json.loads(before) | {key: request[key] for key in _SETTINGS if key in request}
    return dumps(own | {key: usual | own.get(key, {}) for key, usual in _USUAL.items()})


def _check_logging(configuration: Request) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html"""
    destinations = configuration.get("destinations", [])
    if (configuration.get("level", "OFF") != "OFF" or destinations) and len(destinations) != 1:
        raise InvalidLoggingConfiguration
    groups = [destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "") for destination in destinations]
    if not all(group.endswith(":*") for group in groups):
        qualifier = "Log Group ARN must be provided with '*' qualifier."
        raise InvalidLoggingConfiguration(f"Invalid Logging Configuration: {qualifier}")
