"""Tags of state machines and activities."""

from stepwell.api.door import Answer, Door, Request
from stepwell.errors import InvalidArn, ResourceNotFound, TooManyTags

MOST = 50


def tag_resource(door: Door, request: Request) -> Answer:
    arn = _tagged(door, request)
    tags = door.journal.catalog.tags(arn) | pairs(request["tags"])
    if len(tags) > MOST:
        raise TooManyTags
    door.journal.catalog.tag(arn, tags)
    return {}


def untag_resource(door: Door, request: Request) -> Answer:
    door.journal.catalog.untag(_tagged(door, request), request["tagKeys"])
    return {}


def list_tags_for_resource(door: Door, request: Request) -> Answer:
    tags = door.journal.catalog.tags(_tagged(door, request))
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in tags if "key" in tag}


def _tagged(door: Door, request: Request) -> str:
    """State machines and activities have tags; versions and aliases have none."""
    arn: str = request["resourceArn"]
    if not arn.startswith("arn:"):
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if door.journal.catalog.machine(arn) is None and not door.journal.catalog.has_activity(arn):
        raise ResourceNotFound(f"Resource not found: '{arn}'")
    return arn
