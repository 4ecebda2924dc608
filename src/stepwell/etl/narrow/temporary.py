"""Temporary tables of the task's own file: made, filled, indexed and dropped within one lot's transaction."""

from stepwell.etl.narrow.catalog import Table
from stepwell.etl.narrow.context import Context, Temporary, strings
from stepwell.etl.narrow.functions import check_type, type_name
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.query import select
from stepwell.etl.narrow.relation import Column, Rel
from stepwell.etl.narrow.target import NOTHING

_STAYS = "it would still be there for the next chunk"


def create_as(context: Context, tree: Tree) -> None:
    into = tree["into"]
    rel = select(context, tree["query"], NOTHING)
    if _is_fit(context, tree, into["rel"], into["on_commit"] == "ONCOMMIT_DROP") and not tree["if_not_exists"]:
        names = strings(into.all("col_names"))
        columns = [c._replace(name=names[at] if at < len(names) else c.name) for at, c in enumerate(rel.columns)]
        named = rel._replace(columns=tuple(columns), single=() if names else rel.single)
        context.temporary[str(into["rel"]["relname"])] = Temporary(named, bool(into["skip_data"]))
    elif tree["if_not_exists"]:
        context.refuse(into["rel"], "IF NOT EXISTS", "an older table would stay in its place", "remove IF NOT EXISTS")


def create(context: Context, tree: Tree) -> None:
    """CREATE TABLE with its columns written out, or LIKE another table."""
    columns: list[Column] = []
    unique: list[frozenset[str]] = []
    for part in tree.all("table_elts"):
        if part.kind == "ColumnDef":
            columns.append(_column(context, part))
            kinds = {constraint["contype"] for constraint in part.all("constraints")}
            unique += [frozenset({str(part["colname"])})] if "CONSTR_PRIMARY" in kinds else []
        elif part.kind == "TableLikeClause":
            columns += _like(context, part)
        elif part.kind != "Constraint" or part["contype"] not in _KEYS:
            context.unknown(part, "in CREATE TABLE")
    for name in ("inh_relations", "partspec", "of_typename", "if_not_exists"):
        if tree[name]:
            context.refuse(tree["relation"], f"CREATE TABLE with {name}", "it is not understood", "write a plain table")
    if _is_fit(context, tree, tree["relation"], tree["oncommit"] == "ONCOMMIT_DROP"):
        rel = Rel("free", tuple(columns), single=tuple(unique))
        context.temporary[str(tree["relation"]["relname"])] = Temporary(rel, True, rel.single)


def drop(context: Context, tree: Tree) -> None:
    """DROP TABLE of the file's own: afterwards, or before for what an earlier lot has left."""
    for name in tree.all("objects"):
        parts = strings(name.all("items"))
        own = len(parts) == 1 and parts[0] in context.temporary
        if own and tree["remove_type"] == "OBJECT_TABLE":
            del context.temporary[parts[0]]
            context.dropped.add(parts[0])
        elif (
            len(parts) == 1
            and tree["missing_ok"]
            and tree["remove_type"] == "OBJECT_TABLE"
            and _is_absent(context, parts[0])
        ):
            context.dropped.add(parts[0])
        else:
            context.refuse(name, "DROP", "every chunk would drop it", "drop it in a task of its own")


def index(context: Context, tree: Tree) -> None:
    if not _is_own(context, tree["relation"]):
        context.refuse(tree["relation"], "CREATE INDEX", "every chunk would create it", "create it before the chunks")
    for element in tree.all("index_params"):
        if element["expr"]:
            context.unknown(element["expr"], "in CREATE INDEX")


def analyze(context: Context, tree: Tree) -> None:
    tables = [entry["relation"] for entry in tree.all("rels")]
    for table in tables:
        if not _is_own(context, table):
            context.refuse(table, "ANALYZE", "every chunk would do it again", "do it after the chunks")
    if not tables or tree["is_vacuumcmd"]:
        context.refuse(
            tree, "VACUUM or ANALYZE of everything", "every chunk would do it again", "do it after the chunks"
        )


def check_left_over(context: Context) -> None:
    """What is not dropped at the end of a lot is in the way of the next."""
    for name, refusal in context.staying.items():
        if name not in context.dropped:
            context.refusals.append(refusal)


_KEYS = {"CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_NOTNULL", "CONSTR_NULL"}


def _is_fit(context: Context, tree: Tree, relation: Tree, dropped: bool) -> bool:
    name = str(relation["relname"])
    if relation["relpersistence"] != "t":
        context.refuse(
            relation, f"CREATE TABLE {name}", "every chunk would create it", "create it before the chunks, or as TEMP"
        )
        return False
    if not dropped:
        context.staying[name] = context.refusal(
            relation, f"CREATE TEMP TABLE {name}", _STAYS, "add ON COMMIT DROP, or DROP TABLE at the end"
        )
    return True


def _is_absent(context: Context, name: str) -> bool:
    table = context.catalog.table(None, name)
    return table is None or table.temporary


def _is_own(context: Context, tree: Tree) -> bool:
    return not tree["schemaname"] and tree["relname"] in context.temporary


def _column(context: Context, tree: Tree) -> Column:
    check_type(context, tree["type_name"])
    modifiers = tree["type_name"].all("typmods")
    _, kind = context.catalog.type(type_name(tree["type_name"]))
    for constraint in tree.all("constraints"):
        if constraint["contype"] not in _KEYS:
            context.unknown(constraint, "in CREATE TABLE")
    known = None if modifiers or tree["type_name"].all("array_bounds") or tree["coll_clause"] else kind
    return Column(str(tree["colname"]), known)


def _like(context: Context, tree: Tree) -> list[Column]:
    relation = tree["relation"]
    table: Table | None = context.catalog.table(relation["schemaname"], relation["relname"])
    if table is None:
        context.refuse(relation, f"LIKE {relation['relname']}", "there is no such table", "correct the name")
        return []
    if tree["options"]:
        # Defaults and identities come along, which a later INSERT would use.
        for name, column in table.columns.items():
            if column.default:
                context.refuse(relation, f"LIKE … INCLUDING, default of {name}", "it is not proven", "use LIKE alone")
    return [Column(name, column.type) for name, column in table.columns.items()]
