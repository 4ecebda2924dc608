"""ON CONFLICT: rows of two chunks must never be in conflict with each other."""

from collections.abc import Mapping

from stepwell.etl.narrow.catalog import Table
from stepwell.etl.narrow.context import Context, Temporary
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Rel, Tag
from stepwell.etl.narrow.scope import Item, Scope
from stepwell.etl.narrow.target import NOTHING, check_defaults, target_source

_REWRITE = "name columns in ON CONFLICT that hold all of ({key}), or a unique column of the driving row"


def check_conflict(
    context: Context, tree: Tree, table: Table | Temporary, told: Mapping[str, frozenset[Tag]], rel: Rel, around: Scope
) -> None:
    clause = tree["on_conflict_clause"]
    if clause is None:
        return
    ways = _ways(table, clause)
    arbiters = [name for columns in ways for name in columns or ()]
    for columns in ways if rel.kind == "driving" else []:
        if columns is None:
            _refuse(context, tree, "its index is on expressions, or unknown")
        elif not context.separators.covered(tag for name in columns for tag in told.get(name, ())):
            _refuse(context, tree, f"rows of two chunks can agree in ({', '.join(columns)})")
    _check_changes(context, tree, clause, table, arbiters, around)


def warn_of_choice(context: Context, tree: Tree, table: Table, names: list[str], rel: Rel) -> None:
    """Of several new rows in conflict with each other, DO NOTHING keeps the one that comes first."""
    clause = tree["on_conflict_clause"]
    if clause is None or clause["action"] != "ONCONFLICT_NOTHING":
        return
    output = dict(zip(names, (column.name for column in rel.columns), strict=False))
    for columns in _ways(table, clause):
        given = {output[name] for name in columns or () if name in output}
        if not any(unique <= given for unique in rel.single):
            context.warn(tree["relation"], "ON CONFLICT DO NOTHING: of several new rows for one old, any may be kept")


def _ways(table: Table | Temporary, clause: Tree) -> list[tuple[str, ...] | None]:
    """The columns of each index that may find a conflict; None for one that is not on plain columns."""
    infer = clause["infer"]
    if infer is not None and infer["index_elems"]:
        elements = infer.all("index_elems")
        plain = all(e["name"] and not e["opclass"] and not e["collation"] for e in elements)
        names = tuple(str(e["name"]) for e in elements)
        indexes = () if isinstance(table, Temporary) else table.indexes
        odd = any(index.odd and set(index.columns) == set(names) for index in indexes)
        return [names if plain and not odd else None]
    if isinstance(table, Temporary):
        return [None]
    name = infer["conname"] if infer is not None else None
    found = [index for index in table.indexes if name in (None, index.constraint)]
    return [None if index.odd else index.columns for index in found] or ([None] if name else [])


def _check_changes(
    context: Context, tree: Tree, clause: Tree, table: Table | Temporary, arbiters: list[str], around: Scope
) -> None:
    """What DO UPDATE computes sees the old row and the new one."""
    old = target_source(context, tree["relation"], table)
    both = Item.of(old)
    rel = Rel("free", tuple(context.columns[ref.node]._replace(tags=frozenset()) for ref in both.columns))
    excluded = Item.of(context.add("excluded", rel, tree["relation"].at))
    both.names |= excluded.names
    both.sources += excluded.sources
    scope = Scope(both, NOTHING, around.ctes)
    if clause["infer"] is not None and clause["infer"]["where_clause"]:
        check(context, clause["infer"]["where_clause"], scope)
    for part in clause.all("target_list"):
        check(context, part, scope)
        if part["name"] in arbiters:
            context.refuse(
                part,
                f"ON CONFLICT … SET {part['name']}",
                "the row could be in conflict with another chunk's afterwards",
                "do not change the columns of ON CONFLICT",
            )
        if part["val"].kind == "SetToDefault" and not isinstance(table, Temporary):
            check_defaults(context, tree["relation"], table, [str(part["name"])])
    if clause["where_clause"]:
        check(context, clause["where_clause"], scope)


def _refuse(context: Context, tree: Tree, reason: str) -> None:
    at = tree["on_conflict_clause"]
    place = at["location"] if at["location"] is not None else tree["relation"].at
    context.refuse(int(place), "ON CONFLICT", reason, _REWRITE)
