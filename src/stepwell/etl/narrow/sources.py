"""The references of FROM: tables, views, WITH names, temporary tables, subqueries and functions, as rows."""

from stepwell.etl.narrow.catalog import Table
from stepwell.etl.narrow.context import Context, Hole, Source, strings
from stepwell.etl.narrow.expression import check
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.parse import parse
from stepwell.etl.narrow.relation import Column, Kind, Rel
from stepwell.etl.narrow.scope import Item, Scope

FREE = Rel("free", (), open=True)
_SYSTEM = ("pg_catalog", "information_schema", "pg_toast")


def item_of(context: Context, tree: Tree, left: Scope, around: Scope) -> Item:
    """One entry of FROM. `left` is in sight of LATERAL ones, `around` of the others."""
    if tree.kind == "RangeVar":
        return _renamed(tree, Item.of(reference(context, tree, around)))
    if tree.kind == "RangeSubselect":
        return _renamed(tree, Item.of(_subquery(context, tree, left if tree["lateral"] else around)))
    if tree.kind == "RangeFunction":
        return Item.of(_functions(context, tree, left))
    if tree.kind == "RangeTableSample":
        context.refuse(tree, "TABLESAMPLE", "every chunk would take a sample of its own", "sample in an earlier task")
    else:
        context.unknown(tree, "in FROM")
    return Item.of(context.add("?", FREE, tree.at))


def reference(context: Context, tree: Tree, scope: Scope) -> Source:
    """A name in FROM: WITH names come first, then the file's temporary tables, then the catalog."""
    name, schema = tree["relname"], tree["schemaname"]
    alias = tree["alias"]["aliasname"] if tree["alias"] else name
    if not schema and name in scope.ctes:
        rel = scope.ctes[name]
        if rel is None:
            context.refuse(tree, f"WITH {name}", "it is used before it is complete", "order the WITH queries by use")
        return context.add(alias, rel or FREE, tree.at)
    if not schema and name in context.temporary and context.view_at is None:
        return context.add(alias, context.temporary[name].rel, tree.at)
    table = context.catalog.table(schema, name)
    if table is None:
        context.refuse(tree, f"table {name}", "there is no such table, view or WITH name", "correct the name")
        return context.add(alias, FREE, tree.at)
    source = _table(context, tree, table, alias)
    source.schema = "" if tree["alias"] else table.schema
    return source


def rows_of(context: Context, table: Table, kind: Kind, instance: int) -> Rel:
    """A table's rows, whole (free) or a chunk's (driving)."""
    single = tuple(frozenset(index.columns) for index in table.indexes if index.sure)
    return Rel(
        kind,
        tuple(
            Column(name, column.type, context.separators.tags(name, instance) if kind == "driving" else frozenset())
            for name, column in table.columns.items()
        ),
        single=single,
    )


def is_driving(context: Context, table: Table) -> bool:
    return table.oid == context.driving.oid


def _table(context: Context, tree: Tree, table: Table, alias: str) -> Source:
    if is_driving(context, table):
        _check_driving(context, tree)
        if context.view_at is None:
            context.holes.append(Hole(tree.at, False, "" if tree["alias"] else _quoted(alias)))
        return context.add(alias, rows_of(context, table, "driving", context.number()), tree.at)
    if table.view is not None:
        return context.add(alias, _view(context, tree, table), tree.at)
    _check_free(context, tree, table)
    source = context.add(alias, rows_of(context, table, "free", 0), tree.at)
    source.table = table
    return source


def _check_driving(context: Context, tree: Tree) -> None:
    name = context.driving.title
    if not tree["inh"]:
        context.refuse(tree, f"ONLY {name}", "ONLY has no meaning once a chunk takes the table's place", "remove ONLY")
    if context.view_at is not None:
        context.refuse(
            tree, f"view over {name}", "a chunk cannot reach inside a view", f"name {name} itself in place of the view"
        )


def _check_free(context: Context, tree: Tree, table: Table) -> None:
    what = f"table {table.title}"
    if table.root == context.driving.root:
        context.refuse(
            tree, what, f"it shares rows with {context.driving.title} by inheritance or partitioning", "name that table"
        )
    elif table.schema in _SYSTEM:
        context.refuse(tree, what, "the system's tables may change between chunks", "pass the value as a parameter")
    elif table.kind not in ("r", "p", "m", "f"):
        context.refuse(tree, what, "its rows are not those of a table", "pass the value as a parameter")
    elif table.secured:
        context.refuse(tree, what, "row security decides which rows are seen, by rules of its own", "run as the owner")
    if table.kind == "f":
        context.warn(tree, f"{table.title} is a foreign table: nothing is known of what changes there between chunks")


def _view(context: Context, tree: Tree, table: Table) -> Rel:
    """A view is the query that it is."""
    outermost = context.view_at is None
    if outermost:
        context.view_at = tree.at
    if table.schema in _SYSTEM:
        _check_free(context, tree, table)
        rel = FREE
    else:
        rel = context.select(context, parse(table.view or "")[0], Scope(Item(), None, {}))
    if outermost:
        context.view_at = None
    names = list(table.columns)
    known = not rel.open and len(names) == len(rel.columns)
    columns = tuple(
        column._replace(name=name) for name, column in zip(names, rel.columns if known else (), strict=False)
    )
    return rel._replace(columns=columns or tuple(Column(name) for name in names), open=False, single=())


def _subquery(context: Context, tree: Tree, scope: Scope) -> Source:
    rel = context.select(context, tree["subquery"], scope)
    return context.add(tree["alias"]["aliasname"] if tree["alias"] else f"?{context.number()}", rel, tree.at)


def _functions(context: Context, tree: Tree, scope: Scope) -> Source:
    for entry in tree.all("functions"):
        for part in entry.all("items"):
            if part.kind == "FuncCall":
                check(context, part, scope)
            elif part.kind != "List" or part.all("items"):
                context.unknown(part, "in FROM")
    alias = tree["alias"]["aliasname"] if tree["alias"] else _name_of(tree)
    return context.add(alias, FREE, tree.at)


def _name_of(tree: Tree) -> str:
    call = next((p for e in tree.all("functions") for p in e.all("items") if p.kind == "FuncCall"), None)
    return strings(call["funcname"])[-1] if call else "?"


def _renamed(tree: Tree, item: Item) -> Item:
    """`AS alias (a, b)` names the first columns anew."""
    names = strings(tree["alias"]["colnames"]) if tree["alias"] else []
    return rename(item, item.sources[0].alias, names) if names else item


def rename(item: Item, alias: str, names: list[str]) -> Item:
    """The columns under one qualifier, the first of them under new names."""
    if item.open and names:
        item.columns = []
    item.columns = [
        ref._replace(name=names[at] if at < len(names) else ref.name) for at, ref in enumerate(item.columns)
    ]
    item.names = {alias: item.columns}
    return item


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
