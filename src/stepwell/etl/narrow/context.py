"""What one analysis shares: the catalog, the columns in sight, and what was found: refusals, warnings, holes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stepwell.etl.narrow.catalog import Catalog, Table
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.refusal import Refusal, place_of
from stepwell.etl.narrow.relation import Column, Kind, Node, Rel, Separators, Tag
from stepwell.etl.script import Statement


class Hole(NamedTuple):
    """A reference to the driving table: `at` is the byte where its name begins; `alias` as it is written, or ""."""

    at: int
    target: bool
    alias: str


class Touch(NamedTuple):
    """A statement reads or writes rows of a table; `columns` tell, by tags, which rows.

    `sees`: what it does depends on the rows that are there, as with all but a plain INSERT.
    """

    root: int
    writes: bool
    sees: bool
    columns: Mapping[str, frozenset[Tag]]
    refusal: Refusal


class Source:
    """A reference in FROM. `optional`: on the side of an outer join that may be missing, where `one_match` says that
    at most one row is joined. `single` are sets of columns that no two of its rows share.
    """

    __slots__ = (
        "alias",
        "at",
        "columns",
        "kind",
        "number",
        "one_match",
        "open",
        "optional",
        "schema",
        "single",
        "table",
    )

    def __init__(self, number: int, alias: str, rel: Rel, at: int) -> None:
        self.number, self.alias, self.at = number, alias, at
        self.kind: Kind = rel.kind
        self.columns = [column.name for column in rel.columns]
        self.open, self.single = rel.open, rel.single
        self.optional = self.one_match = False
        self.schema = ""
        self.table: Table | None = None


class Temporary:
    """A temporary table that the file makes: its rows as a lot sees them; `empty` until something is put in.

    `unique` are columns that its own constraints keep apart.
    """

    __slots__ = ("empty", "rel", "unique")

    def __init__(self, rel: Rel, empty: bool, unique: tuple[frozenset[str], ...] = ()) -> None:
        self.rel, self.empty, self.unique = rel, empty, unique


class Context:
    """One analysis of one file. `columns` holds what is known of each column of each reference."""

    def __init__(self, catalog: Catalog, driving: Table, separators: Separators, declared: Mapping[str, str]) -> None:
        self.catalog, self.driving, self.separators, self.declared = catalog, driving, separators, declared
        self.refusals: list[Refusal] = []
        self.warnings: list[str] = []
        self.touches: list[Touch] = []
        self.temporary: dict[str, Temporary] = {}
        self.dropped: set[str] = set()
        self.staying: dict[str, Refusal] = {}
        self.columns: dict[Node, Column] = {}
        self.holes: list[Hole] = []
        self.select: Callable[..., Rel]  # the analysis of a query, which expressions need, and which needs expressions
        self.view_at: int | None = None
        self._statement: Statement | None = None
        self._numbers = 0

    def begin(self, statement: Statement) -> None:
        self._statement = statement
        self.holes = []

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def add(self, alias: str, rel: Rel, at: int) -> Source:
        """A new reference to rows; parts of separators do not mix with those of another reference to the same rows."""
        source = Source(self.number(), alias, rel, at)
        renamed: dict[int, int] = {}
        for column in rel.columns:
            tags = frozenset(
                tag._replace(instance=renamed.setdefault(tag.instance, self.number())) if tag.instance else tag
                for tag in column.tags
            )
            self.columns[Node(source.number, column.name)] = column._replace(tags=tags)
        return source

    def refusal(self, at: int | Tree, construct: str, reason: str, rewrite: str) -> Refusal:
        assert self._statement is not None
        byte = at if isinstance(at, int) else at.at
        return Refusal(
            construct, place_of(self._statement, byte if self.view_at is None else self.view_at), reason, rewrite
        )

    def refuse(self, at: int | Tree, construct: str, reason: str, rewrite: str) -> None:
        self.refusals.append(self.refusal(at, construct, reason, rewrite))

    def warn(self, at: int | Tree, text: str) -> None:
        place = self.refusal(at, "", "", "").place
        warning = f"{place}: {text}"
        if warning not in self.warnings:
            self.warnings.append(warning)

    def unknown(self, tree: Tree, where: str) -> None:
        """Nothing unknown is harmless."""
        self.refuse(
            tree,
            tree.kind,
            f"nothing is known of what this construct does to chunks ({where})",
            "write it in plainer SQL",
        )

    def firm(self, nodes: Sequence[Node]) -> frozenset[Tag]:
        """The tags that these columns have in every row."""
        return frozenset(tag for node in nodes for tag in self.columns[node].firm)


def strings(trees: Any) -> list[str]:
    """The texts of a list of String nodes: the parts of a name."""
    return [str(tree["sval"] or "") if tree.kind == "String" else "*" for tree in trees or []]
