"""FROM as a whole: commas, inner and outer joins, and what each of them lets through."""

from stepwell.etl.narrow.context import Context, Source, Touch, strings
from stepwell.etl.narrow.equality import OUTSIDE, Closure, Facts
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Column, Node, Rel
from stepwell.etl.narrow.scope import Item, Ref, Scope, facts_of
from stepwell.etl.narrow.sources import item_of, rename


def from_clause(context: Context, trees: list[Tree], around: Scope, start: Item | None = None) -> Item:
    """The parts between commas, each in sight of those before it; `around` is what surrounds the query."""
    whole = start or Item()
    for tree in trees:
        whole.absorb(_part(context, tree, Scope(whole, around, around.ctes), around))
    return whole


def _part(context: Context, tree: Tree, left: Scope, around: Scope) -> Item:
    return _join(context, tree, left, around) if tree.kind == "JoinExpr" else item_of(context, tree, left, around)


def _join(context: Context, tree: Tree, left: Scope, around: Scope) -> Item:
    kind = str(tree["jointype"])
    one = _part(context, tree["larg"], left, around)
    seen = Item()
    seen.absorb(left.item)
    seen.absorb(one)
    other = _part(context, tree["rarg"], Scope(seen, around, around.ctes), around)
    both = Item()
    both.absorb(one)
    both.absorb(other)
    scope = Scope(both, around, around.ctes)
    shared = _shared(tree, one, other)
    facts = facts_of(context, tree["quals"], scope).plus(_using(context, one, other, shared))
    if kind == "JOIN_INNER":
        both.facts = both.facts.plus(facts)
        if tree["quals"]:
            both.later.append((tree["quals"], scope))
    elif kind in ("JOIN_LEFT", "JOIN_RIGHT", "JOIN_FULL"):
        _outer_join(context, tree, one, other, both, facts, scope)
    else:
        context.unknown(tree, kind)
    _merge(context, kind, one, other, both, shared)
    return _named(tree, both, shared)


def _outer_join(context: Context, tree: Tree, one: Item, other: Item, both: Item, facts: Facts, scope: Scope) -> None:
    full, right = tree["jointype"] == "JOIN_FULL", tree["jointype"] == "JOIN_RIGHT"
    kept, optional = (other, one) if right else (one, other)
    closure = Closure(context.columns, one.facts.plus(other.facts, facts))
    for condition, its_scope in [*optional.later, *([(tree["quals"], scope)] if tree["quals"] else [])]:
        check(context, condition, its_scope)
    _anchor(context, tree, kept, optional, closure, both)
    if full:
        _anchor(context, tree, optional, kept, closure, both)
        if len(one.sources) > 1 or len(other.sources) > 1:
            context.refuse(
                tree["larg"], "FULL JOIN", "it is understood between two references only", "use LEFT JOIN and UNION ALL"
            )
    both.facts = Facts() if full else kept.facts
    both.later = [] if full else kept.later
    for source in optional.sources:
        _make_optional(context, source, closure)
    if full:
        for source in kept.sources:
            _loosen(context, source)


def _anchor(context: Context, tree: Tree, kept: Item, optional: Item, closure: Closure, both: Item) -> None:
    """Optional driving rows must be of the chunk of the row that they are joined to."""
    drives = {source.number: source.kind == "driving" for source in (*kept.sources, *optional.sources)}
    ties = closure.tied(context.separators, drives)
    for source in optional.sources:
        if source.kind != "driving" or source.optional:
            continue
        if any(drives[k.number] and ties.together(k.number, source.number) for k in kept.sources):
            continue
        if ties.together(OUTSIDE, source.number):
            both.outward.append(source)
            continue
        context.refuse(
            source.at,
            f"{tree['jointype'].removeprefix('JOIN_')} JOIN",
            f"{source.alias} is on the side that may be missing: a row without partner would appear once per chunk",
            "start from the driving table, or join it by all of ({key})",
        )


def _make_optional(context: Context, source: Source, closure: Closure) -> None:
    if source.optional:
        return
    source.optional = True
    source.one_match = is_determined(source, closure)
    touch(context, source, closure)
    _loosen(context, source)


def _loosen(context: Context, source: Source) -> None:
    for name in source.columns:
        node = Node(source.number, name)
        context.columns[node] = context.columns[node]._replace(loose=True)


def is_determined(source: Source, closure: Closure, by: set[int] | None = None) -> bool:
    """Whether at most one row of it fits to a row of the others (or of those in `by`)."""
    return any(all(_given(Node(source.number, name), closure, by) for name in unique) for unique in source.single)


def _given(node: Node, closure: Closure, by: set[int] | None) -> bool:
    others = {other.source for other in closure.group(node)} - {node.source}
    return bool(others if by is None else others & by)


def touch(
    context: Context, source: Source, closure: Closure, writes: bool = False, but: frozenset[str] = frozenset()
) -> None:
    """Note which rows of a table are seen, told by its columns' equalities, except those that are about to change."""
    if source.table is None:
        return
    told = {
        name: closure.tags(node)
        for name in source.columns
        if (node := Node(source.number, name)) and name not in but and closure.is_strict(node)
    }
    refusal = context.refusal(
        source.at,
        f"table {source.table.title}",
        "the task writes it and reads it (or writes it twice), and not only the rows of the chunk",
        "tie it each time to the driving row by the same columns: all of ({key}), or a unique one",
    )
    context.touches.append(Touch(source.table.root, writes, True, told, refusal))


def _shared(tree: Tree, one: Item, other: Item) -> list[str]:
    """The columns of USING or NATURAL."""
    if tree["is_natural"]:
        names = {ref.name for ref in other.columns}
        return [ref.name for ref in one.columns if ref.name in names]
    return strings(tree["using_clause"])


def _using(context: Context, one: Item, other: Item, shared: list[str]) -> Facts:
    edges = []
    for name in shared:
        pair = [[ref.node for ref in item.columns if ref.name == name] for item in (one, other)]
        if len(pair[0]) == len(pair[1]) == 1:
            types = [context.columns[nodes[0]].type for nodes in pair]
            if types[0] and types[1] and types[0].family == types[1].family:
                edges.append((pair[0][0], pair[1][0]))
    return Facts(edges)


def _merge(context: Context, kind: str, one: Item, other: Item, both: Item, shared: list[str]) -> None:
    """USING makes one column of two, which come first: the kept side's; of a FULL JOIN, whichever is there."""
    if not shared:
        return
    lead = other if kind == "JOIN_RIGHT" else one
    merged = [ref for name in shared for ref in lead.columns if ref.name == name]
    if kind == "JOIN_FULL":
        merged = [_either(context, ref, other, both) for ref in merged]
    rest = [ref for ref in (*one.columns, *other.columns) if ref.name not in shared]
    both.columns = [*merged, *rest]


def _either(context: Context, ref: Ref, other: Item, both: Item) -> Ref:
    second = next((o.node for o in other.columns if o.name == ref.name), ref.node)
    one, two = context.columns[ref.node], context.columns[second]
    merged = Column(ref.name, one.type if one.type == two.type else None, one.tags & two.tags)
    source = context.add(f"?{context.number()}", Rel("free", (merged,)), -1)
    both.sources.append(source)
    return Ref(ref.name, Node(source.number, ref.name))


def _named(tree: Tree, both: Item, shared: list[str]) -> Item:
    if tree["join_using_alias"]:
        merged = [ref for ref in both.columns if ref.name in shared]
        both.names = {**both.names, tree["join_using_alias"]["aliasname"]: merged}
    if tree["alias"]:
        return rename(both, tree["alias"]["aliasname"], strings(tree["alias"]["colnames"]))
    return both
