"""A task's statements with the places for a chunk's range: frozen in the ledger, rendered without a parser."""

import json
from typing import Any, NamedTuple

from stepwell.etl.ranges import Key, Range, predicate


class NarrowedStatement(NamedTuple):
    """`texts` with a condition on each of `aliases` between them; `names` are the task's parameters `$1`, `$2` …

    `driving` is False for one that runs once per lot as it is, on temporary tables of its file; `makes` is True for
    one that makes, indexes or drops one.
    """

    texts: tuple[str, ...]
    aliases: tuple[str, ...]
    names: tuple[str, ...]
    line: int
    key: Key
    makes: bool = False

    @property
    def driving(self) -> bool:
        return bool(self.aliases)

    def render(self, range_: Range) -> tuple[str, list[str | None]]:
        """The statement for one range, and the values of the placeholders behind the task's own."""
        first = len(self.names) + 1
        parts = [predicate(range_, self.key, alias, first) for alias in self.aliases]
        return self.filled([condition for condition, _ in parts]), parts[0][1] if parts else []

    def filled(self, conditions: list[str]) -> str:
        """The statement with these conditions in its places."""
        pieces = [self.texts[0]]
        for condition, text in zip(conditions, self.texts[1:], strict=True):
            pieces += f"({condition})", text
        return "".join(pieces)


class Narrowed(NamedTuple):
    """A task that may run in chunks of `table`. `hash` changes with the file, the parser, and what the proof relied on.

    `placed`: the file says itself where the range belongs; nothing is proven then, and only `prove` can judge.
    """

    table: str
    key: Key
    statements: tuple[NarrowedStatement, ...]
    hash: str
    warnings: tuple[str, ...] = ()
    placed: bool = False

    def render(self, statement: NarrowedStatement, range_: Range) -> tuple[str, list[str | None]]:
        """The statement for one range, and the values of the placeholders behind the task's own."""
        return statement.render(range_)

    def to_json(self) -> str:
        statements = [{**statement._asdict(), "key": None} for statement in self.statements]
        return json.dumps({**self._asdict(), "key": self.key._asdict(), "statements": statements})

    @classmethod
    def from_json(cls, text: str | dict[str, Any]) -> "Narrowed":
        """From the text, or from what a jsonb column gives."""
        told = json.loads(text) if isinstance(text, str) else text
        key = Key(*(tuple(told["key"][name]) for name in Key._fields))
        statements = tuple(
            NarrowedStatement(tuple(s["texts"]), tuple(s["aliases"]), tuple(s["names"]), s["line"], key, s["makes"])
            for s in told["statements"]
        )
        return cls(told["table"], key, statements, told["hash"], tuple(told["warnings"]), told["placed"])
