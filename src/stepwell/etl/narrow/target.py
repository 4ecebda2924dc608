"""The table that a statement writes: which it is, what PostgreSQL does beside writing it, and which values it gets."""

from collections.abc import Iterable, Mapping

from stepwell.etl.narrow.catalog import Table, TableColumn
from stepwell.etl.narrow.context import Context, Source, Temporary, Touch
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.parse import parse
from stepwell.etl.narrow.relation import Column, Rel, Tag, Type
from stepwell.etl.narrow.scope import Item, Scope
from stepwell.etl.narrow.sources import is_driving, rows_of

NOTHING = Scope(Item(), None, {})


def find_target(context: Context, tree: Tree, what: str) -> Table | Temporary | None:
    """The table, or the file's own temporary one; None if it was refused."""
    name, schema = str(tree["relname"]), tree["schemaname"]
    if not schema and name in context.temporary:
        return context.temporary[name]
    table = context.catalog.table(schema, name)
    if table is None:
        context.refuse(tree, f"table {name}", "there is no such table", "correct the name")
        return None
    title = f"{what} {table.title}"
    if table.rules:
        context.refuse(tree, title, "it has rules, which do something else or more", "write to a table without rules")
    elif table.kind not in ("r", "p"):
        context.refuse(tree, title, "it is not a plain table", "write to the table itself")
    elif table.secured:
        context.refuse(tree, title, "row security decides which rows are seen, by rules of its own", "run as the owner")
    elif not is_driving(context, table) and table.root == context.driving.root:
        context.refuse(tree, title, f"it shares rows with {context.driving.title}", f"name {context.driving.title}")
    else:
        if table.triggers:
            context.warn(tree, f"{table.title} has triggers: what they do is not proven, `stepwell prove` shows it")
        return table
    return None


def target_source(context: Context, tree: Tree, target: Table | Temporary) -> Source:
    """The target as a reference beside those of FROM."""
    alias = str(tree["alias"]["aliasname"] if tree["alias"] else tree["relname"])
    if isinstance(target, Temporary):
        return context.add(alias, target.rel, tree.at)
    kind = "driving" if is_driving(context, target) else "free"
    source = context.add(
        alias, rows_of(context, target, "driving" if kind == "driving" else "free", context.number()), tree.at
    )
    source.schema = "" if tree["alias"] else target.schema
    source.table = None if kind == "driving" else target
    return source


def note_cascades(context: Context, tree: Tree, table: Table) -> None:
    """Rows that foreign keys take along are written, too."""
    for oid in context.catalog.cascades(table):
        refusal = context.refusal(
            tree,
            f"foreign keys to {table.title}",
            "by ON DELETE or ON UPDATE they change a table that this task reads or writes itself",
            "change that table in a task of its own",
        )
        if oid == context.driving.oid:
            context.refusals.append(refusal)
        context.touches.append(Touch(oid, True, True, {}, refusal))


def check_defaults(context: Context, tree: Tree, table: Table, columns: Iterable[str]) -> None:
    """What a column gets when it is given nothing must not depend on the order of chunks."""
    for name in columns:
        default = table.columns[name].default if name in table.columns else None
        if default is None:
            continue
        before = len(context.refusals)
        outer, context.view_at = context.view_at, tree.at
        check(context, parse(f"select {default}")[0].all("target_list")[0], NOTHING)
        context.view_at = outer
        if len(context.refusals) > before:
            found = context.refusals[before]
            del context.refusals[before:]
            context.refuse(
                tree,
                f"default of {table.title}.{name}",
                f"{found.construct}: rows would get other values in chunks than as a whole",
                f"give {name} a value of the driving row, or declare: "
                'Chunks(…, functions={"nextval": "any numbers will do"})',
            )


def written(table: Table | Temporary, names: list[str], columns: Iterable[Column]) -> dict[str, frozenset[Tag]]:
    """What the written columns tell of the chunk, where the value arrives as it was."""
    kinds = {c.name: c.type for c in table.rel.columns} if isinstance(table, Temporary) else _types(table.columns)
    told = {}
    for name, column in zip(names, columns, strict=False):
        mine = kinds.get(name)
        if mine and column.type and mine.family == column.type.family and mine.modifier in (-1, column.type.modifier):
            told[name] = column.firm
    return told


def _types(columns: Mapping[str, TableColumn]) -> dict[str, Type | None]:
    return {name: column.type for name, column in columns.items()}


def names_of(table: Table | Temporary) -> list[str]:
    return [c.name for c in table.rel.columns] if isinstance(table, Temporary) else list(table.columns)


def put(context: Context, tree: Tree, temporary: Temporary, rel: Rel, names: list[str]) -> None:
    """Rows go into a temporary table: it now holds what is common to all that was put in."""
    told = written(temporary, names, rel.columns)
    old = temporary.rel
    if not temporary.empty and old.kind != rel.kind:
        context.refuse(
            tree,
            f"INSERT INTO {tree['relation']['relname']}",
            f"rows of {context.driving.title} and rows that come once per chunk would be mixed",
            "use two temporary tables",
        )
    columns = tuple(
        c._replace(tags=told.get(c.name, frozenset()) & (told.get(c.name, frozenset()) if temporary.empty else c.tags))
        for c in old.columns
    )
    temporary.rel = Rel(rel.kind, columns, old.open, single=temporary.unique)
    temporary.empty = False
