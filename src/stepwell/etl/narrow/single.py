"""Which columns of a query's rows no two rows share, as far as keys, GROUP BY and DISTINCT say so."""

from stepwell.etl.narrow.context import Source, strings
from stepwell.etl.narrow.expression import Calls
from stepwell.etl.narrow.joins import is_determined
from stepwell.etl.narrow.level import Level
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Node


def single(tree: Tree, level: Level, calls: Calls) -> tuple[frozenset[str], ...]:
    """Sets of output columns; an empty set says that there is at most one row."""
    outputs = _outputs(tree, level)
    if tree["distinct_clause"] == [] and None not in outputs:
        return (frozenset(name for name in outputs.values()),)
    groups = tree.all("group_clause")
    if groups:
        return _named([level.scope.column(group) for group in groups], outputs)
    if calls.aggregates:
        return (frozenset(),)
    found: tuple[frozenset[str], ...] = ()
    for source in level.item.sources:
        if not source.optional and all_determined(level, source):
            for unique in source.single:
                found += _named([Node(source.number, name) for name in unique], outputs)
    return found


def all_determined(level: Level, start: Source) -> bool:
    """Whether a row of this reference is joined to at most one row of all others together."""
    known = {start.number} | {source.number for source in level.item.sources if source.one_match}
    rest = [source for source in level.item.sources if source.number not in known]
    while rest:
        found = [source for source in rest if is_determined(source, level.closure, known)]
        if not found:
            return False
        known |= {source.number for source in found}
        rest = [source for source in rest if source.number not in known]
    return True


def _outputs(tree: Tree, level: Level) -> dict[Node | None, str]:
    """The output column in which a column of the query can be seen."""
    found: dict[Node | None, str] = {}
    for target in tree.all("target_list"):
        fields = target["val"].all("fields") if target["val"].kind == "ColumnRef" else []
        if fields and fields[-1].kind == "A_Star":
            qualifier = strings(fields)[:-1]
            refs = level.item.names.get(qualifier[-1], []) if qualifier else level.item.columns
            found |= {ref.node: ref.name for ref in refs}
        else:
            node = level.scope.column(target["val"])
            found[node] = str(target["name"] or (strings(fields)[-1] if fields else ""))
    return found


def _named(nodes: list[Node | None], outputs: dict[Node | None, str]) -> tuple[frozenset[str], ...]:
    if any(node is None or node not in outputs for node in nodes):
        return ()
    return (frozenset(outputs[node] for node in nodes),)
