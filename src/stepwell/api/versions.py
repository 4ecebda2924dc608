"""Versions of a state machine, and the aliases that divide executions among two of them."""

from functools import partial

from stepwell.api.arns import Qualified, qualified
from stepwell.api.door import Answer, Door, Request, existing, given, no_machine, page
from stepwell.errors import ConflictException, InvalidArn, ResourceNotFound, ValidationException
from stepwell.journal.catalog import AliasRow, MachineRow, VersionRow

_MISSING = "Request references a resource that does not exist."
INITIAL = "INITIAL"  # what AWS calls the revision of a machine that was never updated


def version_arn(version: VersionRow) -> str:
    return f"{version.machine}:{version.number}"


def publish(door: Door, row: MachineRow, description: str | None, revision: str | None) -> VersionRow:
    """A revision is published once; a number is never given again."""
    if revision is not None and revision != (row.revision or INITIAL):
        raise ConflictException(
            f"Failed to publish the State Machine version for revision {revision}. "
            f"The current State Machine revision is {row.revision or INITIAL}."
        )
    for version in door.journal.catalog.versions(row.arn):
        if version.revision == row.revision:
            return version
    number = row.published + 1
    version = VersionRow(row.arn, number, row.role, row.definition, row.revision, description, row.settings, door.now())
    door.journal.catalog.publish(version)
    return version


def chosen_version(door: Door, name: Qualified) -> VersionRow | None:
    """The version that an ARN names, None where it is the machine's own; an alias chooses one by weight."""
    number = name.number
    if name.alias is not None:
        alias = existing(door.journal.catalog.alias(name.machine, name.alias), no_machine(name.arn))
        numbers, weights = zip(*alias.routes, strict=True)
        number = door.random.choices(numbers, weights)[0]
    if number is None:
        return None
    return existing(door.journal.catalog.version(name.machine, number), no_machine(name.arn))


def list_state_machine_versions(door: Door, request: Request) -> Answer:
    row = door.machine(request["stateMachineArn"])
    return page(
        "stateMachineVersions", request, partial(door.journal.catalog.versions, row.arn), listed_version, by="number"
    )


def listed_version(version: VersionRow) -> Answer:
    return {"stateMachineVersionArn": version_arn(version), "creationDate": version.created / 1000}


def delete_state_machine_version(door: Door, request: Request) -> Answer:
    """That there is none is no mistake; that an alias names it is."""
    name = qualified(request["stateMachineVersionArn"])
    if name.number is None:
        raise ValidationException("Resource type not valid in this context: a version's ARN is expected")
    users = [alias.name for alias in door.journal.catalog.aliases(name.machine) if name.number in dict(alias.routes)]
    if users:
        raise ConflictException(
            "Version to be deleted must not be referenced by an alias. "
            f"Current list of aliases referencing this version: [{', '.join(users)}]"
        )
    door.journal.catalog.delete_version(name.machine, name.number)
    return {}


# Aliases


def create_state_machine_alias(door: Door, request: Request) -> Answer:
    """The same again is no mistake; another routing under the same name is."""
    machine, routes = _routes(door, request["routingConfiguration"])
    now, name = door.now(), request["name"]
    existing = door.journal.catalog.alias(machine, name)
    if existing is None:
        existing = AliasRow(machine, name, request.get("description"), routes, now, now)
        door.journal.catalog.save_alias(existing)
    elif (existing.routes, existing.description) != (routes, request.get("description")):
        raise ConflictException(
            "Failed to create alias because an alias with the same name and a different routing configuration "
            "already exists."
        )
    return _listed(existing)


def update_state_machine_alias(door: Door, request: Request) -> Answer:
    alias = _alias(door, request)
    if not {"description", "routingConfiguration"} & request.keys():
        raise ValidationException("Either the description or the routing configuration must be specified")
    if "routingConfiguration" in request:
        machine, routes = _routes(door, request["routingConfiguration"])
        if machine != alias.machine:
            raise ValidationException("Routing configuration must contain versions of the alias's own state machine.")
        alias = alias._replace(routes=routes)
    alias = alias._replace(description=request.get("description", alias.description), updated=door.now())
    door.journal.catalog.save_alias(alias)
    return {"updateDate": alias.updated / 1000}


def describe_state_machine_alias(door: Door, request: Request) -> Answer:
    alias = _alias(door, request)
    routes = [
        {"stateMachineVersionArn": f"{alias.machine}:{number}", "weight": weight} for number, weight in alias.routes
    ]
    more = given(name=alias.name, description=alias.description, updateDate=alias.updated / 1000)
    return _listed(alias) | more | {"routingConfiguration": routes}


def delete_state_machine_alias(door: Door, request: Request) -> Answer:
    alias = _alias(door, request)
    door.journal.catalog.delete_alias(alias.machine, alias.name)
    return {}


def list_state_machine_aliases(door: Door, request: Request) -> Answer:
    """Of a machine; by a version's ARN, those that name that version."""
    name = qualified(request["stateMachineArn"])
    door.machine_of(name)
    chosen_version(door, name)

    def read(after: str, _limit: int) -> list[AliasRow]:
        aliases = door.journal.catalog.aliases(name.machine, after)
        return [alias for alias in aliases if name.number is None or name.number in dict(alias.routes)]

    return page("stateMachineAliases", request, read, _listed)


def _listed(alias: AliasRow) -> Answer:
    return {"stateMachineAliasArn": f"{alias.machine}:{alias.name}", "creationDate": alias.created / 1000}


def _alias(door: Door, request: Request) -> AliasRow:
    name = qualified(request["stateMachineAliasArn"])
    if name.alias is None:
        raise InvalidArn("Invalid Arn: 'Resource type not valid in this context: stateMachine'")
    return existing(door.journal.catalog.alias(name.machine, name.alias), ResourceNotFound(_MISSING))


def _routes(door: Door, routing: list[Request]) -> tuple[str, list[tuple[int, int]]]:
    """The machine whose versions these are, and (number, weight) of each."""
    arns = [route["stateMachineVersionArn"] for route in routing]
    listed = f"Received: [{', '.join(arns)}]"
    if len(set(arns)) < len(arns):
        raise ValidationException(f"Routing configuration must contain distinct state machine version ARNs. {listed}")
    weights = [route["weight"] for route in routing]
    if sum(weights) != 100:
        raise ValidationException(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    names = [qualified(arn) for arn in arns]
    if any(name.number is None for name in names):
        raise ValidationException(f"Routing configuration must contain state machine version ARNs. {listed}")
    if len({name.machine for name in names}) > 1:
        raise ValidationException("Routing configuration must contain versions of the same state machine.")
    for name in names:
        existing(door.journal.catalog.version(name.machine, name.number or 0), ResourceNotFound(_MISSING))
    return names[0].machine, [(name.number or 0, weight) for name, weight in zip(names, weights, strict=True)]
