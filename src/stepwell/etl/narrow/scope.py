"""Which column a name means: PostgreSQL's rules over the references of a query and of those around it."""

from collections.abc import Mapping
from typing import NamedTuple

from stepwell.etl.narrow.context import Context, Source, strings
from stepwell.etl.narrow.equality import Facts
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Node, Rel


class Ref(NamedTuple):
    """A visible column."""

    name: str
    node: Node


class Item:
    """What FROM, or a part of it, gives: visible columns, names that qualify them, references, and what must be equal.

    `later` are conditions of inner joins, still to be analysed with those of WHERE, each with its own scope.
    `outward` are optional driving references that are tied to an outer query's row alone.
    """

    def __init__(self) -> None:
        self.columns: list[Ref] = []
        self.names: dict[str, list[Ref]] = {}
        self.sources: list[Source] = []
        self.facts = Facts()
        self.later: list[tuple[Tree, Scope]] = []
        self.outward: list[Source] = []
        self.open = False

    @classmethod
    def of(cls, source: Source) -> "Item":
        item = cls()
        item.sources = [source]
        item.columns = [Ref(name, Node(source.number, name)) for name in source.columns]
        item.names = {source.alias: item.columns}
        item.open = source.open
        return item

    def absorb(self, other: "Item") -> None:
        """Stand beside another part, as after a comma."""
        self.columns = [*self.columns, *other.columns]
        self.names = {**self.names, **other.names}
        self.sources = [*self.sources, *other.sources]
        self.facts = self.facts.plus(other.facts)
        self.later = [*self.later, *other.later]
        self.outward = [*self.outward, *other.outward]
        self.open = self.open or other.open

    def source(self, alias: str) -> Source | None:
        return next((source for source in self.sources if source.alias == alias), None)


class Found(NamedTuple):
    """`depth` 0 is this query, 1 the one around it …, -1 nowhere; `node` is None if nothing is known of the column."""

    node: Node | None
    depth: int


class Scope:
    """A query's references, the queries around it, and the WITH names in sight."""

    __slots__ = ("ctes", "item", "parent")

    def __init__(self, item: Item, parent: "Scope | None", ctes: Mapping[str, Rel | None]) -> None:
        self.item, self.parent, self.ctes = item, parent, ctes

    def find(self, names: list[str]) -> Found:
        """The column of a (qualified) name."""
        scope: Scope | None = self
        depth = 0
        while scope is not None:
            found = _one(scope.item, names[0]) if len(names) == 1 else _qualified(scope.item, names)
            if found is not None:
                return Found(found[0], depth)
            scope, depth = scope.parent, depth + 1
        return Found(None, -1)

    def column(self, tree: Tree) -> Node | None:
        """The column that an expression plainly is; None if it is anything else, or not known."""
        if tree.kind != "ColumnRef" or any(field.kind != "String" for field in tree.all("fields")):
            return None
        return self.find(strings(tree.all("fields"))).node


def _one(item: Item, name: str) -> tuple[Node | None] | None:
    found = [ref.node for ref in item.columns if ref.name == name]
    if found:
        return (found[0] if len(found) == 1 else None,)
    return (None,) if item.open or name in item.names else None


def _qualified(item: Item, names: list[str]) -> tuple[Node | None] | None:
    *schema, qualifier, name = names
    source = item.source(qualifier)
    if qualifier not in item.names or (schema and (source is None or source.schema != schema[-1])):
        return None
    return (next((ref.node for ref in item.names[qualifier] if ref.name == name), None),)


def facts_of(context: Context, tree: Tree | None, scope: Scope) -> Facts:
    """The equalities between plain columns that hold wherever a condition holds."""
    if tree is None:
        return Facts()
    if tree.kind == "BoolExpr":
        parts = [facts_of(context, arm, scope) for arm in tree.all("args")]
        if tree["boolop"] == "AND_EXPR":
            return Facts().plus(*parts)
        return _any_of(parts) if tree["boolop"] == "OR_EXPR" else Facts()
    if tree.kind != "A_Expr" or strings(tree.all("name")) not in (["="], ["pg_catalog", "="]):
        return Facts()
    return _FACTS.get(tree["kind"], _nothing)(context, tree, scope)


def _equal(context: Context, tree: Tree, scope: Scope) -> Facts:
    left, right = tree["lexpr"], tree["rexpr"]
    if left is None:
        return Facts()
    if left.kind == right.kind == "RowExpr":
        pairs = list(zip(left.all("args"), right.all("args"), strict=False))
    else:
        pairs = [(left, right)]
    return Facts(edges=[edge for one, other in pairs if (edge := _edge(context, one, other, scope))])


def _same(context: Context, tree: Tree, scope: Scope) -> Facts:
    """IS NOT DISTINCT FROM: NULLs agree, too, which says nothing of a row that an outer join filled up."""
    facts = _equal(context, tree, scope)
    return Facts(edges=[e for e in facts.edges if not any(context.columns[node].loose for node in e)])


def _one_of(context: Context, tree: Tree, scope: Scope) -> Facts:
    listed = tree["rexpr"]
    items = listed.all("items") if listed.kind == "List" else listed.all("elements")
    edges = [_edge(context, tree["lexpr"], item, scope) for item in items]
    known = [edge for edge in edges if edge]
    if not known or len(known) < len(edges):
        return Facts()
    return Facts(choices=[(known[0][0], [other for _, other in known])])


def _any_of(parts: list[Facts]) -> Facts:
    """Of alternatives: a column that each sets equal to something is equal to one of those."""
    options = [part.options() for part in parts]
    shared = [node for node in options[0] if all(node in other for other in options)] if options else []
    return Facts(choices=[(node, [one for option in options for one in option[node]]) for node in shared])


def _edge(context: Context, one: Tree, other: Tree, scope: Scope) -> tuple[Node, Node] | None:
    left, right = scope.column(one), scope.column(other)
    if left is None or right is None:
        return None
    types = context.columns[left].type, context.columns[right].type
    return (left, right) if types[0] and types[1] and types[0].family == types[1].family else None


def _any_element(context: Context, tree: Tree, scope: Scope) -> Facts:
    return _one_of(context, tree, scope) if tree["rexpr"].kind == "A_ArrayExpr" else Facts()


def _nothing(_context: Context, _tree: Tree, _scope: Scope) -> Facts:
    return Facts()


_FACTS = {
    "AEXPR_OP": _equal,
    "AEXPR_NOT_DISTINCT": _same,
    "AEXPR_IN": _one_of,
    "AEXPR_OP_ANY": _any_element,
}
