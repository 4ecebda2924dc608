"""The Lambda actions: functions are made from a zip, changed, published, looked at, invoked."""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from stepwell.api.arns import function_arn
from stepwell.api.code import Code
from stepwell.api.door import HIGHEST, Request, existing, given, new_id
from stepwell.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stepwell.journal.journal import Journal
from stepwell.journal.shelf import LATEST, FunctionRow

Settings = dict[str, Any]
LARGEST_PAYLOAD = 6 << 20


class Invoked(NamedTuple):
    """What an invocation has come to: its JSON, whether that is an error, the end of its log."""

    text: str
    failed: bool
    log: bytes


class Hands(NamedTuple):
    """What this file needs of those who run functions."""

    register: Callable[[FunctionRow], None]
    forget: Callable[[FunctionRow], None]
    invoke: Callable[[str, str, str], Invoked]  # ARN, payload, request id


class Shop:
    """What the actions work on. `ask` lets the journal's own thread do something; `live` are the pipelines here."""

    def __init__(
        self,
        journal: Journal,
        code: Code,
        hands: Hands,
        ask: Callable[[Callable[[], Any]], Any],
        live: list[FunctionRow],
    ) -> None:
        self.shelf = journal.shelf
        self.code = code
        self.hands = hands
        self.ask = ask
        self.live = {row.name: row for row in live}

    def find(self, request: Request) -> FunctionRow:
        name, qualifier = _named(request)
        number = int(qualifier) if qualifier and qualifier.isdecimal() else 0
        version = LATEST if qualifier in (None, "$LATEST") else number if 0 < number <= HIGHEST else -1
        live = self.live.get(name) if version == LATEST else None
        row: FunctionRow | None = live or self.ask(lambda: self.shelf.function(name, version))
        full = function_arn(name) + (f":{qualifier}" if qualifier else "")
        return existing(row, ResourceNotFoundException(f"Function not found: {full}"))

    def own(self, request: Request) -> FunctionRow:
        """A function that can be changed here, and is as the request expects it: a pipeline's code is its folder."""
        row = self.find({"FunctionName": request["FunctionName"]})
        if row.name in self.live:
            raise InvalidParameterValueException(f"{row.name} is the pipeline in this folder: change its files")
        if request.get("RevisionId", row.settings["RevisionId"]) != row.settings["RevisionId"]:
            raise ResourceConflictException("The RevisionId provided does not match the latest RevisionId.")
        return row

    def keep(self, *rows: FunctionRow) -> None:
        self.ask(lambda: self.shelf.save(*rows))
        for row in rows:
            self.hands.register(row)


def create_function(shop: Shop, request: Request) -> Settings:
    name, _ = _named(request)
    if name in shop.live or shop.ask(lambda: shop.shelf.function(name)) is not None:
        raise ResourceConflictException(f"Function already exist: {name}")
    _check_runtime(request)
    unpacked = shop.code.unpack(name, _zip_of(request.get("Code") or {}))
    settings: Settings = {
        "FunctionName": name,
        "FunctionArn": function_arn(name),
        "Runtime": request["Runtime"],
        "Role": request["Role"],
        "Handler": request["Handler"],
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        **_configured(request),
        **unpacked.facts,
        **given(Tags=request.get("Tags") or None),
    }
    return _kept(shop, FunctionRow(name, LATEST, _touched(settings), unpacked.folder), request.get("Publish"))


def update_function_code(shop: Shop, request: Request) -> Settings:
    row = shop.own(request)
    unpacked = shop.code.unpack(row.name, _zip_of(request))
    changed = FunctionRow(row.name, LATEST, _touched(row.settings | unpacked.facts), unpacked.folder)
    return _shown(changed) if request.get("DryRun") else _kept(shop, changed, request.get("Publish"))


def update_function_configuration(shop: Shop, request: Request) -> Settings:
    row = shop.own(request)
    _check_runtime(row.settings | request)
    return _kept(shop, row._replace(settings=_touched(row.settings | _configured(request))))


def publish_version(shop: Shop, request: Request) -> Settings:
    """Code and configuration that have not changed since the last version are not published again."""
    row = shop.own(request)
    if request.get("CodeSha256", row.settings["CodeSha256"]) != row.settings["CodeSha256"]:
        raise InvalidParameterValueException("CodeSHA256 is different from current CodeSHA256 in $LATEST")
    versions = shop.ask(lambda: shop.shelf.versions(row.name))
    newest = versions[-1]
    if newest.version != LATEST and _same(newest, row):
        return _shown(newest)
    number = max(newest.version, row.settings.get("_published", 0)) + 1
    settings = row.settings | {
        "Version": str(number),
        "FunctionArn": f"{function_arn(row.name)}:{number}",
        "Description": request.get("Description", row.settings["Description"]),
    }
    published = FunctionRow(row.name, number, _touched(settings), row.folder)
    shop.keep(published, row._replace(settings=row.settings | {"_published": number}))
    return _shown(published)


def get_function(shop: Shop, request: Request) -> Settings:
    row = shop.find(request)
    code = {"RepositoryType": "S3", "Location": shop.code.place(row.folder).as_uri()}
    return given(Configuration=_shown(row), Code=code, Tags=row.settings.get("Tags"))


def get_function_configuration(shop: Shop, request: Request) -> Settings:
    return _shown(shop.find(request))


def list_functions(shop: Shop, request: Request) -> Settings:
    rows = sorted([*shop.live.values(), *shop.ask(shop.shelf.functions)], key=lambda row: row.name)
    after = request.get("Marker", "")
    return _listed("Functions", request, [row for row in rows if row.name > after], "name")


def list_versions_by_function(shop: Shop, request: Request) -> Settings:
    row = shop.find({"FunctionName": request["FunctionName"]})
    rows = shop.ask(lambda: shop.shelf.versions(row.name)) or [row]
    marker = request.get("Marker")
    if marker and not marker.isdecimal():
        raise InvalidParameterValueException("The marker is none that a page has ended with.")
    after = int(marker) if marker else -1
    return _listed("Versions", request, [row for row in rows if row.version > after], "version")


def delete_function(shop: Shop, request: Request) -> None:
    row = shop.own(request)
    _, qualifier = _named(request)
    if qualifier == "$LATEST":
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    number = int(qualifier) if qualifier and qualifier.isdecimal() else None
    gone = [r for r in shop.ask(lambda: shop.shelf.versions(row.name)) if number in (None, r.version)]
    shop.ask(lambda: shop.shelf.delete(row.name, number))
    for each in gone:
        shop.hands.forget(each)


def invoke(shop: Shop, request: Request, payload: bytes) -> Invoked:
    row = shop.find(request)
    if len(payload) > LARGEST_PAYLOAD:
        raise RequestTooLargeException(
            f"Request must be smaller than {LARGEST_PAYLOAD} bytes for the InvokeFunction operation"
        )
    text = payload.decode(errors="replace") or "{}"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequestContentException("Could not parse request body into json") from None
    return shop.hands.invoke(row.settings["FunctionArn"], text, new_id())


# What the actions have in common


def _named(request: Request) -> tuple[str, str | None]:
    """The function's name and its qualifier, of a name, a partial ARN or a whole one."""
    given: str = request["FunctionName"]
    name, _, qualifier = given.rpartition("function:")[2].partition(":")
    return name, request.get("Qualifier") or qualifier or None


def _zip_of(code: Request) -> bytes:
    if "ZipFile" not in code:
        raise InvalidParameterValueException("Please provide a source for function code: this machine takes a ZipFile.")
    try:
        return b64decode(code["ZipFile"], validate=True)
    except ValueError:
        raise InvalidParameterValueException("ZipFile is not in base 64") from None


def _check_runtime(request: Request) -> None:
    runtime = request.get("Runtime") or ""
    if not runtime.startswith("python") or not request.get("Handler"):
        raise InvalidParameterValueException(
            f"Runtime and Handler are mandatory parameters for functions created with deployment packages; "
            f"this machine runs python, not {runtime or 'none'}."
        )


def _configured(request: Request) -> Settings:
    keys = ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "Architectures")
    return {key: request[key] for key in keys if key in request}


def _touched(settings: Settings) -> Settings:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    return settings | {"LastModified": now, "RevisionId": new_id()}


def _same(one: FunctionRow, other: FunctionRow) -> bool:
    changing = ("Version", "FunctionArn", "LastModified", "RevisionId", "Description", "_published")
    kept = [{k: v for k, v in row.settings.items() if k not in changing} for row in (one, other)]
    return one.folder == other.folder and kept[0] == kept[1]


def _shown(row: FunctionRow) -> Settings:
    return {key: value for key, value in row.settings.items() if key not in ("Tags", "_published")}


def _kept(shop: Shop, row: FunctionRow, publish: Any = False) -> Settings:
    """What $LATEST is from now on."""
    shop.keep(row)
    return publish_version(shop, {"FunctionName": row.name}) if publish else _shown(row)


def _listed(field: str, request: Request, rows: list[FunctionRow], key: Literal["name", "version"]) -> Settings:
    limit = int(request.get("MaxItems") or 50)
    following = str(getattr(rows[limit - 1], key)) if len(rows) > limit else None
    return {field: [_shown(row) for row in rows[:limit]]} | given(NextMarker=following)
