"""INSERT, UPDATE, DELETE and MERGE: each row written must belong to one chunk, told by the same columns each time."""

from collections.abc import Mapping

from stepwell.etl.narrow.catalog import Table
from stepwell.etl.narrow.conflict import check_conflict, warn_of_choice
from stepwell.etl.narrow.context import Context, Hole, Source, Temporary, Touch
from stepwell.etl.narrow.equality import Closure
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.joins import from_clause, touch
from stepwell.etl.narrow.level import Level
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.query import select, with_clause
from stepwell.etl.narrow.relation import Column, Node, Rel, Tag
from stepwell.etl.narrow.scope import Item, Scope, facts_of
from stepwell.etl.narrow.single import all_determined
from stepwell.etl.narrow.sources import is_driving
from stepwell.etl.narrow.target import (
    NOTHING,
    check_defaults,
    find_target,
    names_of,
    note_cascades,
    put,
    target_source,
    written,
)


def insert(context: Context, tree: Tree) -> None:
    around = Scope(Item(), None, with_clause(context, tree["with_clause"], NOTHING))
    target = find_target(context, tree["relation"], "INSERT INTO")
    rel = select(context, tree["select_stmt"], around) if tree["select_stmt"] else Rel("free", ())
    if target is None:
        return
    names = [str(column["name"]) for column in tree.all("cols")] or names_of(target)
    _returning(context, tree, target, around)
    if isinstance(target, Temporary):
        check_conflict(context, tree, target, written(target, names, rel.columns), rel, around)
        put(context, tree, target, rel, names)
        return
    if is_driving(context, target):
        context.refuse(
            tree["relation"],
            f"INSERT INTO {target.title}",
            "new rows of the driving table may fall into other chunks",
            "insert into another table, and into this one in a task of its own",
        )
        return
    if rel.kind != "driving":
        _refuse_free(context, tree, "INSERT", target)
        return
    told = {} if rel.open else written(target, names, rel.columns)
    check_defaults(context, tree["relation"], target, set(target.columns) - set(names[: len(rel.columns)]))
    check_conflict(context, tree, target, told, rel, around)
    warn_of_choice(context, tree, target, names, rel)
    context.touches.append(_touch(context, tree, target, told, bool(tree["on_conflict_clause"])))


def update(context: Context, tree: Tree) -> None:
    found = _target_level(context, tree, "UPDATE", tree.all("from_clause"))
    if found is None:
        return
    target, source, level = found
    changed = {str(part["name"]) for part in tree.all("target_list")}
    for part in tree.all("target_list"):
        check(context, part, level.scope)
    _returning(context, tree, target, level.scope)
    if isinstance(target, Temporary):
        _temporary(context, tree, target, level, changed)
        return
    check_defaults(context, tree["relation"], target, _to_default(tree.all("target_list")))
    note_cascades(context, tree["relation"], target)
    if is_driving(context, target):
        _keep_key(context, tree, target, changed)
    elif level.kind != "driving":
        _refuse_free(context, tree, "UPDATE", target)
    else:
        _own_rows(context, tree, source, level.closure, frozenset(changed), "UPDATE")
    if level.kind == "driving" and not all_determined(level, source):
        context.warn(
            tree["relation"], "UPDATE … FROM: if several rows fit one target row, PostgreSQL takes any of them"
        )


def delete(context: Context, tree: Tree) -> None:
    found = _target_level(context, tree, "DELETE FROM", tree.all("using_clause"))
    if found is None:
        return
    target, source, level = found
    _returning(context, tree, target, level.scope)
    if isinstance(target, Temporary):
        _temporary(context, tree, target, level, set())
        return
    note_cascades(context, tree["relation"], target)
    if level.kind != "driving":
        _refuse_free(context, tree, "DELETE", target)
    else:
        # Found by several chunks, a row is deleted all the same: by the first.
        touch(context, source, level.closure, writes=True)


def merge(context: Context, tree: Tree) -> None:
    around = Scope(Item(), None, with_clause(context, tree["with_clause"], NOTHING))
    target = find_target(context, tree["relation"], "MERGE INTO")
    item = from_clause(context, [tree["source_relation"]], around)
    if target is None:
        return
    if isinstance(target, Temporary) or is_driving(context, target):
        context.refuse(
            tree["relation"],
            f"MERGE INTO {tree['relation']['relname']}",
            "it is the driving table, or a temporary one",
            "write an UPDATE and an INSERT",
        )
        return
    level = Level(context, item, around, None)
    source = target_source(context, tree["relation"], target)
    both = Item.of(source)
    both.absorb(item)
    scope = Scope(both, around, around.ctes)
    check(context, tree["join_condition"], scope)
    closure = Closure(context.columns, item.facts.plus(facts_of(context, tree["join_condition"], scope)))
    if level.kind != "driving":
        _refuse_free(context, tree, "MERGE", target)
        return
    note_cascades(context, tree["relation"], target)
    changed = frozenset(
        str(p["name"])
        for when in tree.all("merge_when_clauses")
        if when["command_type"] == "CMD_UPDATE"
        for p in when.all("target_list")
    )
    _own_rows(context, tree, source, closure, changed, "MERGE")
    for when in tree.all("merge_when_clauses"):
        _when(context, tree, when, target, level, scope)
    _returning(context, tree, target, scope)


def _when(context: Context, tree: Tree, when: Tree, target: Table, level: Level, scope: Scope) -> None:
    if when["match_kind"] == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE":
        context.refuse(
            when["condition"] or tree["relation"],
            "NOT MATCHED BY SOURCE",
            "each chunk would miss the rows of all others",
            "do it in a task of its own",
        )
    if when["condition"]:
        check(context, when["condition"], scope)
    if when["command_type"] != "CMD_INSERT":
        for part in when.all("target_list"):
            check(context, part, scope)
        check_defaults(context, tree["relation"], target, _to_default(when.all("target_list")))
        return
    for value in when.all("values"):
        check(context, value, level.scope)
    names = [str(column["name"]) for column in when.all("target_list")] or list(target.columns)
    given = [value if value.kind != "SetToDefault" else None for value in when.all("values")]
    nodes = [level.scope.column(value) if value else None for value in given]
    columns = [level.told(node) if node else Column("") for node in nodes]
    filled = {name for name, value in zip(names, given, strict=False) if value}
    check_defaults(context, tree["relation"], target, set(target.columns) - filled)
    context.touches.append(_touch(context, tree, target, written(target, names, columns), False))


def _target_level(
    context: Context, tree: Tree, what: str, others: list[Tree]
) -> tuple[Table | Temporary, Source, Level] | None:
    around = Scope(Item(), None, with_clause(context, tree["with_clause"], NOTHING))
    relation = tree["relation"]
    target = find_target(context, relation, what)
    if target is None:
        return None
    source = target_source(context, relation, target)
    if not isinstance(target, Temporary) and is_driving(context, target):
        context.holes.append(Hole(relation.at, True, '"' + source.alias.replace('"', '""') + '"'))
        if not relation["inh"]:
            context.refuse(relation, f"ONLY {target.title}", "ONLY has no meaning for a chunk", "remove ONLY")
    item = from_clause(context, others, around, Item.of(source))
    once = what == "DELETE FROM"
    return target, source, Level(context, item, around, tree["where_clause"], source, once)


def _own_rows(
    context: Context, tree: Tree, source: Source, closure: Closure, changed: frozenset[str], what: str
) -> None:
    """Each row of the target is reached from one chunk only, also after its columns have changed."""
    assert source.table is not None
    # What is generated from a changed column changes with it.
    changed |= {name for name, column in source.table.columns.items() if column.generated} if changed else set()
    touch(context, source, closure, writes=True, but=changed)
    told = [
        tag
        for name in source.columns
        if name not in changed and closure.is_strict(node := Node(source.number, name))
        for tag in closure.tags(node)
    ]
    if not context.separators.covered(told):
        context.refuse(
            tree["relation"],
            f"{what} of {source.table.title}",
            "a row of it could be reached from several chunks (a column that the statement changes does not count)",
            "tie it to the driving row by all of ({key}), or by a unique column",
        )


def _keep_key(context: Context, tree: Tree, table: Table, changed: set[str]) -> None:
    key = context.separators.sets[0]
    moved = [name for name in key if name in changed or table.columns[name].generated]
    for name in moved:
        part = next((p for p in tree.all("target_list") if p["name"] == name), tree["relation"])
        context.refuse(
            part,
            f"SET {name}",
            "a row would move into another chunk, and be done twice or never",
            "change the key in a task of its own",
        )


def _temporary(context: Context, tree: Tree, target: Temporary, level: Level, changed: set[str]) -> None:
    if target.rel.kind != level.kind:
        context.refuse(
            tree["relation"],
            f"temporary table {tree['relation']['relname']}",
            f"it holds no rows of {context.driving.title}, and would depend on the chunk from here on",
            "put the rows into another temporary table",
        )
    columns = tuple(c._replace(tags=frozenset()) if c.name in changed else c for c in target.rel.columns)
    target.rel = target.rel._replace(columns=columns, single=target.unique if changed else target.rel.single)


def _touch(context: Context, tree: Tree, table: Table, told: Mapping[str, frozenset[Tag]], sees: bool) -> Touch:
    refusal = context.refusal(
        tree["relation"],
        f"table {table.title}",
        "the task writes it and reads it (or writes it twice), and not only the rows of the chunk",
        "tie it each time to the driving row by the same columns: all of ({key}), or a unique one",
    )
    return Touch(table.root, True, sees, told, refusal)


def _refuse_free(context: Context, tree: Tree, what: str, table: Table) -> None:
    context.refuse(
        tree["relation"],
        f"{what} of {table.title}",
        f"it does not read {context.driving.title}, and would run once per chunk",
        "run it before the chunks",
    )


def _to_default(parts: list[Tree]) -> list[str]:
    return [str(part["name"]) for part in parts if part["val"] is not None and part["val"].kind == "SetToDefault"]


def _returning(context: Context, tree: Tree, target: Table | Temporary, scope: Scope) -> None:
    """RETURNING gives rows to nobody, but its expressions are computed."""
    clause = tree["returning_clause"]
    if clause is None:
        return
    if clause.all("options"):
        context.unknown(clause, "RETURNING WITH")
    if scope.item.sources:
        seen = scope
    else:
        seen = Scope(Item.of(target_source(context, tree["relation"], target)), scope, scope.ctes)
    for part in clause.all("exprs"):
        check(context, part, seen)
