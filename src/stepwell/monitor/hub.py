"""Live pages: one reader for each thing that is watched, however many look at it, and only while somebody does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Look = Callable[[], Awaitable[dict[str, Any] | None]]
_REST = 25  # a reader rests this many times as long as it has worked, so that watching costs little
_SHORTEST, _LONGEST = 0.5, 10.0
_BEAT = 15  # seconds after which a silent stream says that it is alive


class Topic:
    """`look` answers what is new, or None; it is asked again and again, and what it says goes to every listener."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, missed: Look) -> AsyncIterator[bytes]:
        """The stream of one listener, as server-sent events; `missed` answers what it has to be told first."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield b"retry: 1000\n\n"
            first = await missed()
            if first is not None:
                yield _event(first)
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), _BEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._listeners.discard(queue)

    async def _watch(self) -> None:
        while self._listeners:
            begun = time.monotonic()
            try:
                news = await self._look()
            except Exception as error:  # what cannot be read now may be readable later; the page says so
                news = {"trouble": f"{type(error).__name__}: {error}"}
            if news is not None:
                line = _event(news)
                for queue in self._listeners:
                    queue.put_nowait(line)
            worked = time.monotonic() - begun
            await asyncio.sleep(min(_LONGEST, max(_SHORTEST, worked * _REST)))


def _event(news: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(news, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


class Hub:
    """Topics by name."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}

    def topic(self, name: str, look: Callable[[], Look]) -> Topic:
        """The topic of this name; `look()` makes its reader where there is none yet."""
        if name not in self._topics:
            self._topics[name] = Topic(look())
        return self._topics[name]
