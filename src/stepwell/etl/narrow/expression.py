"""Which expressions are harmless: a closed list of constructs, their functions, and subqueries tied to their chunk."""

from collections.abc import Callable

from stepwell.etl.narrow.context import Context, strings
from stepwell.etl.narrow.functions import check_function, check_operator, check_type, warn_of_clock
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Kind
from stepwell.etl.narrow.scope import Scope

_SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
# Their answer depends on the order in which rows come.
_AGGREGATES = """
array_agg string_agg xmlagg any_value json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict
jsonb_agg_strict json_object_agg_strict jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique
json_object_agg_unique_strict jsonb_object_agg_unique_strict
"""
_CONSTRUCTS = """
A_Const ParamRef NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr A_ArrayExpr RowExpr A_Indirection
A_Indices A_Star List NamedArgExpr SetToDefault MultiAssignRef ResTarget SortBy CollateClause
Integer Float String Boolean BitString
JsonObjectConstructor JsonArrayConstructor JsonKeyValue JsonValueExpr JsonFormat JsonOutput JsonReturning
JsonIsPredicate JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonFuncExpr JsonBehavior JsonArgument
XmlExpr XmlSerialize
"""
_KINDS = """
OP OP_ANY OP_ALL DISTINCT NOT_DISTINCT NULLIF IN LIKE ILIKE SIMILAR
BETWEEN NOT_BETWEEN BETWEEN_SYM NOT_BETWEEN_SYM
"""
_FLOATS = ("700", "701")
_ORDERED_AGGREGATES = frozenset(_AGGREGATES.split())
_CONTAINERS = frozenset(_CONSTRUCTS.split())
_OPERATIONS = frozenset(f"AEXPR_{kind}" for kind in _KINDS.split())


class Calls:
    """The aggregates and window functions of one query, not of those inside it."""

    def __init__(self) -> None:
        self.aggregates: list[Tree] = []
        self.windows: list[Tree] = []


def check(context: Context, tree: Tree, scope: Scope, calls: Calls | None = None) -> None:
    """Refuse what is not on the list, anywhere in an expression."""
    if tree.kind in _CONTAINERS:
        _inside(context, tree, scope, calls)
    elif (rule := _RULES.get(tree.kind)) is not None:
        rule(context, tree, scope, calls)
    else:
        context.unknown(tree, "in an expression")


def _inside(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    for child in tree.children():
        check(context, child, scope, calls)


def _column(context: Context, tree: Tree, scope: Scope, _calls: Calls | None) -> None:
    names = strings(tree.all("fields"))
    if names[-1] in _SYSTEM_COLUMNS:
        context.refuse(tree, names[-1], "a system column tells where a row is, not which", "use a column of the table")
    if len(names) > 2 and (found := scope.find(names)).depth >= 0 and found.node and _is_spliced(context, scope, names):
        context.refuse(
            tree,
            ".".join(names),
            "a column with its schema's name cannot follow the table into a chunk",
            f"write {'.'.join(names[-2:])}",
        )


def _is_spliced(context: Context, scope: Scope, names: list[str]) -> bool:
    at: Scope | None = scope
    while at is not None:
        source = at.item.source(names[-2])
        if source is not None and source.schema == names[-3]:
            return source.kind == "driving" and any(hole.at == source.at and not hole.target for hole in context.holes)
        at = at.parent
    return False


def _operation(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    if tree["kind"] not in _OPERATIONS:
        context.unknown(tree, str(tree["kind"]))
    if tree["kind"] in ("AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_OP_ALL"):
        check_operator(context, tree, strings(tree.all("name")))
    for side in (tree["lexpr"], tree["rexpr"]):
        if side is not None:
            check(context, side, scope, calls)


def _cast(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    check_type(context, tree["type_name"])
    check(context, tree["arg"], scope, calls)


def _value(context: Context, tree: Tree, _scope: Scope, _calls: Calls | None) -> None:
    what = str(tree["op"]).removeprefix("SVFOP_").removesuffix("_N").lower()
    if "time" in what or "date" in what:
        warn_of_clock(context, tree, what)


def _call(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    names = strings(tree.all("funcname"))
    found = check_function(context, tree, names)
    over = tree["over"]
    if over is not None:
        if calls is None:
            context.unknown(tree, "a window function outside of a query's columns")
        else:
            calls.windows.append(tree)
        _window(context, over, scope, calls)
    elif any(routine.kind == "a" for routine in found):
        _aggregate(context, tree, scope, calls)
    for part in (*tree.all("args"), *tree.all("agg_order"), *([tree["agg_filter"]] if tree["agg_filter"] else [])):
        check(context, part, scope, calls)


def _aggregate(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    depths = {scope.find(strings(column.all("fields"))).depth for column in columns_in(tree)}
    if depths and 0 not in depths:
        context.refuse(
            tree,
            f"aggregate {strings(tree.all('funcname'))[-1]}()",
            "all its columns are of an outer query, so that it counts that query's rows",
            "aggregate in the query that the columns are of",
        )
    elif calls is None:
        context.unknown(tree, "an aggregate outside of a query's columns")
    else:
        calls.aggregates.append(tree)


def columns_in(tree: Tree) -> list[Tree]:
    """The columns that an expression names, not those inside its subqueries."""
    if tree.kind == "ColumnRef":
        return [tree]
    return [found for child in tree.children() if child.kind != "SelectStmt" for found in columns_in(child)]


def _window(context: Context, over: Tree, scope: Scope, calls: Calls | None) -> None:
    bounds = [over[name] for name in ("start_offset", "end_offset") if over[name]]
    for part in (*over.all("partition_clause"), *over.all("order_clause"), *bounds):
        check(context, part, scope, calls)


def _logic(context: Context, tree: Tree, scope: Scope, calls: Calls | None) -> None:
    for arm in tree.all("args"):
        if tree["boolop"] == "NOT_EXPR" and arm.kind == "SubLink":
            _subquery(context, arm, scope, calls, "NOT ")
        else:
            check(context, arm, scope, calls)


def _subquery(context: Context, tree: Tree, scope: Scope, calls: Calls | None, negated: str = "") -> None:
    kind = str(tree["sub_link_type"]).removesuffix("_SUBLINK")
    if tree["testexpr"]:
        check(context, tree["testexpr"], scope, calls)
    if tree["oper_name"]:
        check_operator(context, tree, strings(tree.all("oper_name")))
    rel = context.select(context, tree["subselect"], scope, exists=kind == "EXISTS")
    if rel.kind == "driving":
        context.refuse(
            tree,
            negated + _TITLES.get(kind, "scalar subquery"),
            f"it reads {context.driving.title} and is not tied to the chunk of the row outside, which would see only "
            "a part of it",
            "tie it to the outer row by all of ({key})",
        )
    elif rel.kind == "bound" and kind == "ARRAY" and not tree["subselect"].all("sort_clause"):
        refuse_order(context, tree, "ARRAY(SELECT …) without ORDER BY")


def refuse_order(context: Context, tree: Tree, construct: str, kind: Kind = "driving") -> None:
    """Rows that are the same in every chunk mostly come in the same order, too: there a warning will do."""
    reason = "its result depends on the order in which rows come, which another plan changes"
    if kind == "free":
        context.warn(tree, f"{construct}: {reason}")
    else:
        context.refuse(tree, construct, reason, "add an ORDER BY that decides")


def check_order(context: Context, calls: Calls, scope: Scope, kind: Kind) -> None:
    """What depends on the order of rows must say which."""
    for tree in calls.aggregates:
        name = strings(tree.all("funcname"))[-1]
        if name in _ORDERED_AGGREGATES and not tree.all("agg_order") and name != "any_value":
            refuse_order(context, tree, f"{name}() without ORDER BY", kind)
        elif name == "any_value":
            refuse_order(context, tree, "any_value()", kind)
        nodes = [scope.column(part) for part in tree.all("args")]
        types = [context.columns[node].type for node in nodes if node]
        if kind != "free" and any(kind_ and kind_.family in _FLOATS for kind_ in types):
            context.warn(tree, f"{name}() of floating-point numbers: the last digits depend on the order of rows")


_TITLES = {"EXISTS": "EXISTS", "ANY": "IN (subquery)", "ALL": "ALL (subquery)", "ARRAY": "ARRAY(subquery)"}
_RULES: dict[str, Callable[[Context, Tree, Scope, Calls | None], None]] = {
    "ColumnRef": _column,
    "A_Expr": _operation,
    "TypeCast": _cast,
    "SQLValueFunction": _value,
    "FuncCall": _call,
    "BoolExpr": _logic,
    "SubLink": _subquery,
}
