"""One query's FROM and WHERE: whether its rows are free, of one chunk each, or of the outer row's chunk; or nothing."""

from collections import ChainMap

from stepwell.etl.narrow.context import Context, Source, strings
from stepwell.etl.narrow.equality import OUTSIDE, Closure, Ties
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.joins import touch
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Column, Kind, Node, Pin, Rel
from stepwell.etl.narrow.scope import Item, Scope, facts_of


class Level:
    """`kind` and `closure` are settled when it is made. `once`: it is enough that a row is found by some chunk."""

    def __init__(
        self,
        context: Context,
        item: Item,
        around: Scope,
        where: Tree | None,
        target: Source | None = None,
        once: bool = False,
    ) -> None:
        self.context, self.item = context, item
        self.scope = Scope(item, around, around.ctes)
        self._target, self._once = target, once
        item.facts = item.facts.plus(facts_of(context, where, self.scope))
        self._plain = [*item.later, *((part, self.scope) for part in _conjuncts(where))]
        self._semi: list[tuple[Source, list[Node]]] = []
        # What the columns told before any equality here: only that says which reference a tag comes from.
        self._own = {
            Node(s.number, name): context.columns[Node(s.number, name)] for s in item.sources for name in s.columns
        }
        self._settle()
        self._semijoins()
        for condition, scope in self._plain:
            check(context, condition, scope)
        self.kind = self._judge()
        if self.kind == "driving" and _sees_chunks(context, around):
            self._forget_outside()
        for source in item.sources:
            if not source.optional and source is not target:
                touch(context, source, self.closure)

    def _settle(self) -> None:
        """What the equalities give; from here on the columns know it, too, for the subqueries that see them."""
        self.closure = Closure(ChainMap(self._own, self.context.columns), self.item.facts)
        own = {source.number for source in self.item.sources}
        for group in [*self.closure.groups.values(), *([node] for node, _ in self.item.facts.choices)]:
            for node in group:
                if node.source in own and self.closure.is_strict(node):
                    column = self.context.columns[node]
                    told = column._replace(tags=self.closure.tags(node), loose=False)
                    self.context.columns[node] = told

    def _semijoins(self) -> None:
        """EXISTS and IN that must hold find a row as a join would."""
        rest = []
        for condition, scope in self._plain:
            if condition.kind == "SubLink" and self._semijoin(condition, scope):
                self._settle()
            else:
                rest.append((condition, scope))
        self._plain = [pair for pair in rest if pair[0].kind != "SubLink" or not _is_semijoin(pair[0])]

    def _semijoin(self, tree: Tree, scope: Scope) -> bool:
        if not _is_semijoin(tree):
            return False
        rel = self.context.select(
            self.context, tree["subselect"], scope, exists=tree["sub_link_type"] == "EXISTS_SUBLINK"
        )
        if tree["testexpr"]:
            check(self.context, tree["testexpr"], scope)
        if rel.kind != "driving":
            return False
        pins = [*rel.pins, *(_tested(self.context, tree["testexpr"], rel, scope) if tree["testexpr"] else ())]
        columns = tuple(Column(str(at), self.context.columns[pin.node].type, pin.tags) for at, pin in enumerate(pins))
        source = self.context.add(f"?{self.context.number()}", Rel("driving", columns, single=(frozenset(),)), tree.at)
        self.item.sources.append(source)
        self._own |= {(node := Node(source.number, c.name)): self.context.columns[node] for c in columns}
        self._semi.append((source, [pin.node for pin in pins]))
        self.item.facts.edges += [(pin.node, Node(source.number, str(at))) for at, pin in enumerate(pins)]
        return True

    def _judge(self) -> Kind:
        item, context = self.item, self.context
        kept = [source for source in item.sources if source.kind == "driving" and not source.optional]
        drives = {source.number: source in kept for source in item.sources}
        ties = self.closure.tied(context.separators, drives)
        outside = [source for source in kept if ties.together(source.number, OUTSIDE)]
        if kept and len(outside) < len(kept):
            self._check_apart(kept, ties)
            for source in item.outward:
                self._refuse_apart(source, kept[0])
            self._check_semijoins(kept)
            return "driving"
        if any(source.kind == "driving" for source in item.sources) and not kept and not item.outward:
            return "driving"  # all of them optional, which is refused already
        bound = bool(kept or item.outward) or any(source.kind == "bound" for source in item.sources)
        return "bound" if bound else "free"

    def _check_apart(self, kept: list[Source], ties: Ties) -> None:
        for source in kept[1:]:
            if not ties.together(kept[0].number, source.number):
                self._refuse_apart(source, kept[0])

    def _refuse_apart(self, source: Source, other: Source) -> None:
        one, two = (_title(self.context, s) for s in (other, source))
        self.context.refuse(
            source.at,
            f"join of {one} and {two}",
            "both are driving rows, and equal in less than the key: pairs across chunks would be lost",
            "join them by all of ({key}), or by a unique column",
        )

    def _check_semijoins(self, kept: list[Source]) -> None:
        """Without another driving row beside it, EXISTS must tell by the outer row's columns which chunk finds it."""
        lone = [(source, nodes) for source, nodes in self._semi if source is kept[0]]
        if not lone or (self._once and len(kept) == 1):
            return
        source, nodes = lone[0]
        tags = frozenset(
            t for at, _ in enumerate(nodes) for t in self.context.columns[Node(source.number, str(at))].tags
        )
        if not self.context.separators.covered(tags):
            self.context.refuse(
                source.at,
                "EXISTS or IN",
                "the same outer row could be found by several chunks",
                "tie it to the outer row by all of ({key}), or by a unique column",
            )

    def told(self, node: Node) -> Column:
        """What a column tells of the chunk of this query's own rows."""
        column = self.context.columns[node]
        inside = node in self._own or self.kind != "driving"
        return column if inside else column._replace(tags=frozenset())

    def pins(self) -> tuple[Pin, ...]:
        """The outer columns that are equal to columns of driving rows here."""
        drives = self._driving()
        found = []
        for group in self.closure.groups.values():
            tags = frozenset(tag for node in group if node.source in drives for tag in self._own[node].tags)
            found += [Pin(node, tags) for node in group if node not in self._own and tags]
        return tuple(found)

    def _driving(self) -> set[int]:
        return {source.number for source in self.item.sources if source.kind == "driving"}

    def _forget_outside(self) -> None:
        """Rows that are not tied to the outer row learn nothing of their chunk from its columns."""
        drives = self._driving()
        for node, column in self._own.items():
            group = self.closure.group(node)
            tags = frozenset(tag for n in group if n.source in drives and n in self._own for tag in self._own[n].tags)
            self.context.columns[node] = column._replace(tags=tags, loose=column.loose and len(group) == 1)


def _sees_chunks(context: Context, around: Scope) -> bool:
    """Whether a query around this one has columns that tell a chunk."""
    scope: Scope | None = around
    while scope is not None:
        for source in scope.item.sources:
            if any(context.columns[Node(source.number, name)].tags for name in source.columns):
                return True
        scope = scope.parent
    return False


def _conjuncts(tree: Tree | None) -> list[Tree]:
    if tree is None:
        return []
    if tree.kind == "BoolExpr" and tree["boolop"] == "AND_EXPR":
        return [part for arm in tree.all("args") for part in _conjuncts(arm)]
    return [tree]


def _is_semijoin(tree: Tree) -> bool:
    kind = tree["sub_link_type"]
    return kind == "EXISTS_SUBLINK" or (kind == "ANY_SUBLINK" and strings(tree.all("oper_name")) in ([], ["="]))


def _tested(context: Context, test: Tree, rel: Rel, scope: Scope) -> list[Pin]:
    parts = test.all("args") if test.kind == "RowExpr" else [test]
    pins = []
    for part, column in zip(parts, rel.columns, strict=False):
        node = scope.column(part)
        own = context.columns[node].type if node else None
        if node and own and column.type and own.family == column.type.family:
            pins.append(Pin(node, column.tags))
    return pins


def _title(context: Context, source: Source) -> str:
    return context.driving.title if source.alias.startswith("?") else source.alias
