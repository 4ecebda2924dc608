"""All items of an answer that comes in pages: one loop for every action that has a `nextToken`."""

from collections.abc import Callable, Iterator
from typing import Any


def items(action: Callable[..., dict[str, Any]], key: str, **request: Any) -> Iterator[dict[str, Any]]:
    """What stands under `key` in each page; a page is asked for only when the one before has been read."""
    while True:
        page = action(**request)
        yield from page[key]
        if "nextToken" not in page:
            return
        request["nextToken"] = page["nextToken"]
