"""A query's rows from its parts: WITH, UNION and its like, VALUES, and SELECT with its columns."""

from collections.abc import Mapping

from stepwell.etl.narrow.clauses import check_clauses, check_limit, firm
from stepwell.etl.narrow.context import Context, strings
from stepwell.etl.narrow.expression import Calls, check, refuse_order
from stepwell.etl.narrow.joins import from_clause
from stepwell.etl.narrow.level import Level
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Column, Kind, Rel
from stepwell.etl.narrow.scope import Scope
from stepwell.etl.narrow.single import single
from stepwell.etl.narrow.sources import FREE

# Of several values that all are of the chunk, these give one, or NULL.
_CHOOSING = {"min", "max", "lag", "lead", "first_value", "last_value", "nth_value"}
_COERCED = ("CoalesceExpr", "MinMaxExpr")


def select(context: Context, tree: Tree, around: Scope, exists: bool = False) -> Rel:
    """The rows of a query; `around` is what surrounds it. For EXISTS, a LIMIT of its own does nothing."""
    if tree.kind != "SelectStmt":
        context.refuse(
            tree,
            f"{tree.kind.removesuffix('Stmt').upper()} inside WITH",
            "it would write in every chunk, unproven",
            "make it a statement of its own",
        )
        return FREE
    scope = Scope(around.item, around.parent, with_clause(context, tree["with_clause"], around))
    for lock in tree.all("locking_clause"):
        context.refuse(
            lock if lock.at >= 0 else tree, "FOR UPDATE", "a chunk is a subquery, which cannot lock rows", "remove it"
        )
    if tree["op"] != "SETOP_NONE":
        return _combined(context, tree, scope)
    if tree["values_lists"]:
        return _values(context, tree, scope)
    return _plain(context, tree, scope, exists)


def with_clause(context: Context, tree: Tree | None, around: Scope) -> Mapping[str, Rel | None]:
    """The WITH names in sight: those of the queries around, and this one's."""
    if tree is None:
        return around.ctes
    ctes = dict(around.ctes)
    if tree["recursive"]:
        ctes |= dict.fromkeys((str(cte["ctename"]) for cte in tree.all("ctes")), None)
    for cte in tree.all("ctes"):
        name = str(cte["ctename"])
        if cte["search_clause"] or cte["cycle_clause"]:
            context.unknown(cte, "SEARCH or CYCLE")
        inside = Scope(around.item, around.parent, ctes)
        if tree["recursive"] and _names(cte["ctequery"], name):
            rel = _recursive(context, cte, name, inside)
        else:
            rel = select(context, cte["ctequery"], inside)
        ctes[name] = _renamed(rel, strings(cte.all("aliascolnames")))
    return ctes


def _recursive(context: Context, cte: Tree, name: str, scope: Scope) -> Rel:
    inside = Scope(scope.item, scope.parent, {**scope.ctes, name: FREE})
    rel = select(context, cte["ctequery"], inside)
    if rel.kind != "free":
        context.refuse(
            cte,
            "WITH RECURSIVE",
            f"it goes from row to row of {context.driving.title}, whichever chunk they are in",
            "run it in an earlier task, into a table",
        )
    return FREE


def _names(tree: Tree, name: str) -> bool:
    if tree.kind == "RangeVar" and tree["relname"] == name and not tree["schemaname"]:
        return True
    return any(_names(child, name) for child in tree.children())


def _renamed(rel: Rel, names: list[str]) -> Rel:
    if not names or rel.open:
        return rel if not names else FREE._replace(kind=rel.kind)
    columns = tuple(
        column._replace(name=names[at] if at < len(names) else column.name) for at, column in enumerate(rel.columns)
    )
    return rel._replace(columns=columns, single=())


def _plain(context: Context, tree: Tree, around: Scope, exists: bool) -> Rel:
    item = from_clause(context, tree.all("from_clause"), around)
    level = Level(context, item, around, tree["where_clause"])
    calls = Calls()
    for part in (
        *tree.all("target_list"),
        *tree.all("sort_clause"),
        *_own(tree, "having_clause", "limit_count", "limit_offset"),
    ):
        _check_column(context, part, level.scope, calls)
    for part in (*tree.all("group_clause"), *(tree["distinct_clause"] or [])):
        if part.kind != "GroupingSet":
            check(context, part, level.scope)
        elif level.kind == "free":
            _grouping_set(context, part, level.scope)
    for window in tree.all("window_clause"):
        for part in (*window.all("partition_clause"), *window.all("order_clause")):
            check(context, part, level.scope, calls)
    columns, open_ = outputs_of(level, tree.all("target_list"))
    named = {str(target["name"]): target["val"] for target in tree.all("target_list") if target["name"]}
    check_clauses(context, _unlimited(tree) if exists else tree, level, calls, named, columns)
    return Rel(level.kind, tuple(columns), open_, level.pins(), single(tree, level, calls))


def _own(tree: Tree, *names: str) -> list[Tree]:
    return [tree[name] for name in names if tree[name] is not None]


def _unlimited(tree: Tree) -> Tree:
    """Whether there is a row does not depend on a LIMIT of one or more."""
    count = tree["limit_count"]
    positive = count is not None and count.kind == "A_Const" and count["ival"] and count["ival"]["ival"]
    if not positive or tree["limit_offset"]:
        return tree
    return Tree(tree.kind, {name: value for name, value in tree.fields.items() if name != "limit_count"})


def _check_column(context: Context, tree: Tree, scope: Scope, calls: Calls) -> None:
    if tree.kind == "A_Const" and not tree.fields:
        return None
    if tree.kind == "GroupingFunc":
        return context.unknown(tree, "in an expression")
    return check(context, tree, scope, calls)


def _grouping_set(context: Context, tree: Tree, scope: Scope) -> None:
    for part in tree.all("content"):
        if part.kind == "GroupingSet":
            _grouping_set(context, part, scope)
        else:
            check(context, part, scope)


def outputs_of(level: Level, targets: list[Tree]) -> tuple[list[Column], bool]:
    """The columns that a SELECT list gives, and whether there may be more."""
    columns: list[Column] = []
    open_ = False
    for target in targets:
        value = target["val"]
        if value.kind == "ColumnRef" and value.all("fields")[-1].kind == "A_Star":
            found, more = _star(level, strings(value.all("fields"))[:-1])
            columns += found
            open_ = open_ or more
        else:
            columns.append(_output(level, target))
    return columns, open_


def _star(level: Level, qualifier: list[str]) -> tuple[list[Column], bool]:
    item = level.item
    if not qualifier:
        refs, open_ = item.columns, item.open
    else:
        refs = item.names.get(qualifier[-1], [])
        source = item.source(qualifier[-1])
        open_ = qualifier[-1] not in item.names or (item.open if source is None else source.open)
    return [level.told(ref.node)._replace(name=ref.name) for ref in refs], open_


def _output(level: Level, target: Tree) -> Column:
    value: Tree = target["val"]
    node = level.scope.column(value)
    name = str(target["name"] or _default_name(value))
    if node is not None:
        return level.told(node)._replace(name=name)
    parts = _parts(value)
    known = [level.told(n) for part in parts if (n := level.scope.column(part))]
    if not known or len(known) < len(parts):
        return Column(name)
    tags = frozenset.intersection(*(column.tags for column in known))
    alone = frozenset(tag for tag in tags if level.context.separators.is_alone(tag))
    loose = value.kind == "FuncCall" or any(column.loose for column in known)
    types = {column.type for column in known}
    return Column(name, types.pop() if len(types) == 1 else None, alone, loose)


def _parts(tree: Tree) -> list[Tree]:
    """The columns of which an expression chooses one."""
    if tree.kind == "FuncCall" and strings(tree.all("funcname"))[-1] in _CHOOSING and len(tree.all("args")) < 3:
        return tree.all("args")[:1]
    return tree.all("args") if tree.kind in _COERCED else []


def _default_name(tree: Tree) -> str:
    if tree.kind == "ColumnRef":
        return strings(tree.all("fields"))[-1]
    if tree.kind == "FuncCall":
        return strings(tree.all("funcname"))[-1]
    return _default_name(tree["arg"]) if tree.kind == "TypeCast" else "?column?"


def _values(context: Context, tree: Tree, scope: Scope) -> Rel:
    for row in tree.all("values_lists"):
        for value in row.all("items"):
            check(context, value, scope)
    count = len(tree.all("values_lists")[0].all("items"))
    return Rel("free", tuple(Column(f"column{at + 1}") for at in range(count)))


def _combined(context: Context, tree: Tree, scope: Scope) -> Rel:
    arms = [select(context, tree[side], Scope(scope.item, scope.parent, scope.ctes)) for side in ("larg", "rarg")]
    kinds = {arm.kind for arm in arms}
    what = str(tree["op"]).removeprefix("SETOP_")
    for part in (*tree.all("sort_clause"), *_own(tree, "limit_count", "limit_offset")):
        # ORDER BY can name nothing but output columns here.
        if part.kind not in ("SortBy", "A_Const", "ParamRef"):
            context.unknown(part, what)
    open_ = any(arm.open for arm in arms) or len(arms[0].columns) != len(arms[1].columns)
    columns = () if open_ else tuple(_both(*pair) for pair in zip(arms[0].columns, arms[1].columns, strict=True))
    limit = tree["limit_count"] or tree["limit_offset"]
    if limit and not tree.all("sort_clause"):
        refuse_order(context, limit, "LIMIT without ORDER BY", "driving" if kinds - {"free"} else "free")
    if "driving" in kinds:
        check_limit(context, tree)
        _check_arms(context, tree, what, arms, columns)
        return Rel("driving", columns, open_)
    kind: Kind = "bound" if "bound" in kinds else "free"
    return Rel(kind, columns, open_)


def _both(one: Column, other: Column) -> Column:
    tags = frozenset(tag for tag in one.tags & other.tags if not tag.instance)
    return Column(one.name, one.type if one.type == other.type else None, tags, one.loose or other.loose)


def _check_arms(context: Context, tree: Tree, what: str, arms: list[Rel], columns: tuple[Column, ...]) -> None:
    """UNION ALL of driving rows is theirs; what compares rows must not find equal ones in two chunks."""
    both = arms[0].kind == arms[1].kind == "driving"
    if what == "UNION" and tree["all"]:
        if not both:
            arm = tree["rarg"] if arms[0].kind == "driving" else tree["larg"]
            context.refuse(
                arm,
                "UNION ALL",
                f"one arm does not read {context.driving.title}: its rows would come once per chunk",
                "insert the rows of that arm in a task of its own",
            )
        return
    left = arms[0].kind == "driving" and context.separators.covered(firm(list(arms[0].columns)))
    apart = (
        context.separators.covered(firm(list(columns))) if both else left and arms[1].kind == "free" and what != "UNION"
    )
    if not apart:
        context.refuse(tree["rarg"], what, "it compares rows of several chunks", "have all of ({key}) in both arms")
