"""PostgreSQL's own parse tree of a statement, as plain nodes: the one file that knows which library parses."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from stepwell.errors import ConfigurationError


class Unparsable(Exception):
    """PostgreSQL's grammar does not know this text; `at` is the character where it gave up."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Node:
    """A node of the tree: `kind` is PostgreSQL's name (`SelectStmt`), `fields` holds what is set.

    A field is a Node, a list of nodes, a text, a number or True; an enumeration is its name. `node["x"]` is None for
    what is not set.
    """

    __slots__ = ("fields", "kind")

    def __init__(self, kind: str, fields: dict[str, Any]) -> None:
        self.kind, self.fields = kind, fields

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    def all(self, name: str) -> list["Node"]:
        """A list field; empty if it is not set."""
        return self.fields.get(name) or []

    @property
    def at(self) -> int:
        """Where the node begins, in bytes of the text; -1 if PostgreSQL does not say."""
        if self.kind not in _PLACELESS:
            return int(self.fields.get("location", 0))
        return min((at for at in (child.at for child in self.children()) if at >= 0), default=-1)

    def children(self) -> Iterator["Node"]:
        for value in self.fields.values():
            if isinstance(value, Node):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, Node))


# Kinds without a place of their own: they begin where their first child does.
_PLACELESS = frozenset(
    [
        "SelectStmt",
        "InsertStmt",
        "UpdateStmt",
        "DeleteStmt",
        "MergeStmt",
        "JoinExpr",
        "RangeSubselect",
        "RangeFunction",
        "List",
        "A_Star",
        "A_Indirection",
        "A_Indices",
        "String",
        "LockingClause",
        "MergeWhenClause",
        "MultiAssignRef",
        "CreateTableAsStmt",
        "CreateStmt",
        "IndexStmt",
        "DropStmt",
        "TruncateStmt",
        "RawStmt",
        "IntoClause",
        "LockStmt",
        "CopyStmt",
        "InferClause",
        "OnConflictClause",
        "ReturningClause",
        "WithClause",
        "VariableSetStmt",
        "VacuumStmt",
        "VacuumRelation",
        "TableLikeClause",
        "DoStmt",
        "CallStmt",
        "TransactionStmt",
    ]
)


class Token(NamedTuple):
    """A word of the text: places in bytes; `name` as PostgreSQL's lexer calls it."""

    start: int
    end: int
    name: str


def parse(text: str) -> list[Node]:
    """The statements of a text. Raises Unparsable, and ConfigurationError if the parser is not installed."""
    library = _library()
    try:
        tree = library.parse(text)
    except library.PgQueryError as error:
        raise Unparsable(str(error), max(0, (getattr(error, "cursorpos", 0) or 1) - 1)) from None
    return [_plain(raw.stmt) for raw in tree.stmts]


def tokens(text: str) -> list[Token]:
    """The words of a text, comments included."""
    found = _library().scan(text).tokens
    names = found[0].DESCRIPTOR.fields_by_name["token"].enum_type.values_by_number if found else {}
    return [Token(token.start, token.end, names[token.token].name) for token in found]


def version() -> str:
    """The parser's name and version: another one may read a text in another way."""
    from importlib.metadata import version as installed

    _library()
    return f"postgast {installed('postgast')}"


def _library() -> Any:
    try:
        # By name: the library's own type stubs are not valid Python.
        return import_module("postgast")
    except ImportError:
        raise ConfigurationError(
            "cutting a SQL task into chunks needs PostgreSQL's parser. Install it: pip install 'stepwell[chunks]'"
        ) from None


def _plain(message: Any) -> Node:
    kind = message.DESCRIPTOR.name
    if kind == "Node":
        return _plain(getattr(message, message.WhichOneof("node")))
    return Node(kind, {field.name: _value(field, value) for field, value in message.ListFields()})


def _value(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if field.message_type is None:
        return value
    if hasattr(value, "DESCRIPTOR"):
        return _plain(value)
    return [_plain(item) for item in value if item.DESCRIPTOR.name != "Node" or item.WhichOneof("node")]
