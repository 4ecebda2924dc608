"""Tags of state machines and activities."""

from stepwell.api.door import Answer, Door, Request
from stepwell.errors import InvalidArn, ResourceNotFound, TooManyTags

MOST = 50


def tag_resource(door: Door, request: Request) -> Answer:
    arn = _tagged(door, request)
    door.journal.catalog.tag(arn, pairs(request["tags"], door.journal.catalog.tags(arn)))
    return {}


def untag_resource(door: Door, request: Request) -> Answer:
    door.journal.catalog.untag(_tagged(door, request), request["tagKeys"])
    return {}


def list_tags_for_resource(door: Door, request: Request) -> Answer:
    tags = door.journal.catalog.tags(_tagged(door, request))
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def pairs(tags: list[dict[str, str]], before: dict[str, str] | None = None) -> dict[str, str]:
    """All tags of a resource that had these before."""
    found = (before or {}) | {tag["key"]: tag.get("value", "") for tag in tags if "key" in tag}
    if len(found) > MOST:
        raise TooManyTags
    return found


def _tagged(door: Door, request: Request) -> str:
    """State machines and activities have tags; versions and aliases have none."""
    arn: str = request["resourceArn"]
    if not arn.startswith("arn:"):
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if door.journal.catalog.machine(arn) is None and not door.journal.catalog.has_activity(arn):
        raise ResourceNotFound(f"Resource not found: '{arn}'")
    return arn
