"""GROUP BY, DISTINCT, windows and LIMIT: what must not look beyond a chunk, one function for each."""

from stepwell.etl.narrow.context import Context, strings
from stepwell.etl.narrow.expression import Calls, check_order, refuse_order
from stepwell.etl.narrow.level import Level
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.relation import Column, Node, Tag

_NEED_ORDER = {"row_number", "ntile", "lag", "lead", "first_value", "last_value", "nth_value"}
_CHOOSE = _NEED_ORDER - {"ntile"}
_NONDEFAULT, _RANGE = 0x1, 0x2  # FRAMEOPTION_ of PostgreSQL
_REASON = "it is computed over rows of several chunks"


def check_clauses(
    context: Context, tree: Tree, level: Level, calls: Calls, outputs: dict[str, Tree], columns: list[Column]
) -> None:
    """All clauses of a query."""
    windows = {window["name"]: window for window in tree.all("window_clause")}
    if level.kind == "driving":
        check_grouping(context, tree, level, calls, outputs)
        check_distinct(context, tree, level, outputs, columns)
        check_partitions(context, level, calls, windows)
        check_limit(context, tree)
    check_order(context, calls, level.scope, level.kind)
    _check_distinct_order(context, tree, level, outputs)
    _check_window_order(context, level, calls, windows)
    if tree["limit_count"] or tree["limit_offset"]:
        if not tree.all("sort_clause"):
            refuse_order(context, tree["limit_count"] or tree["limit_offset"], "LIMIT without ORDER BY", level.kind)
        else:
            _warn_of_ties(context, tree, level, tree.all("sort_clause"), "LIMIT", outputs)


def check_grouping(context: Context, tree: Tree, level: Level, calls: Calls, outputs: dict[str, Tree]) -> None:
    groups = tree.all("group_clause")
    if any(group.kind == "GroupingSet" for group in groups):
        group = next(group for group in groups if group.kind == "GroupingSet")
        context.refuse(group, "GROUPING SETS", _REASON, "write a GROUP BY with {key} for each, joined by UNION ALL")
    elif groups:
        tags = _tags(level, groups, outputs, tree, names_first=False)
        if not context.separators.covered(tags):
            context.refuse(groups[0], "GROUP BY", f"{_REASON}: it lacks a part of the key", "group by all of ({key})")
    elif calls.aggregates or tree["having_clause"]:
        at = calls.aggregates[0] if calls.aggregates else tree["having_clause"]
        context.refuse(at, "aggregate without GROUP BY", "each chunk would give a row of its own", "group by ({key})")


def check_distinct(context: Context, tree: Tree, level: Level, outputs: dict[str, Tree], columns: list[Column]) -> None:
    if tree["distinct_clause"] is None:
        return
    on = tree.all("distinct_clause")
    told = _tags(level, on, outputs, tree, names_first=True) if on else firm(columns)
    if not context.separators.covered(told):
        what = "DISTINCT ON" if on else "DISTINCT"
        at: Tree | int = on[0] if on else tree
        context.refuse(at, what, "equal rows of two chunks would both stay", f"have all of ({{key}}) in the {what}")


def check_partitions(context: Context, level: Level, calls: Calls, windows: dict[str, Tree]) -> None:
    for call in calls.windows:
        parts = [part for window in _chain(call["over"], windows) for part in window.all("partition_clause")]
        nodes = [node for part in parts if (node := level.scope.column(part))]
        if not context.separators.covered(tag for node in nodes for tag in level.told(node).firm):
            name = strings(call.all("funcname"))[-1]
            what = "window without PARTITION BY" if not parts else "PARTITION BY"
            context.refuse(
                call, what, f"{name}() is computed over rows of several chunks", "partition by all of ({key})"
            )


def check_limit(context: Context, tree: Tree) -> None:
    for name, what in (("limit_count", "LIMIT"), ("limit_offset", "OFFSET")):
        if tree[name] and not tree[name]["isnull"]:
            context.refuse(
                tree[name], what, "it counts rows, and each chunk would count its own", "number the rows within ({key})"
            )


def firm(columns: list[Column]) -> frozenset[Tag]:
    """What rows of these columns tell of their chunk."""
    return frozenset(tag for column in columns for tag in column.firm)


def _tags(level: Level, parts: list[Tree], outputs: dict[str, Tree], tree: Tree, names_first: bool) -> frozenset[Tag]:
    nodes = [_meant(level, part, outputs, tree, names_first) for part in parts]
    return frozenset(tag for node in nodes if node for tag in level.told(node).firm)


def _meant(level: Level, part: Tree, outputs: dict[str, Tree], tree: Tree, names_first: bool) -> Node | None:
    """A number is an output column, and so can a name be."""
    if part.kind == "A_Const" and part["ival"]:
        at = int(part["ival"]["ival"] or 0)
        targets = tree.all("target_list")
        stars = any(target["val"] is not None and _is_star(target["val"]) for target in targets[:at])
        return level.scope.column(targets[at - 1]["val"]) if 0 < at <= len(targets) and not stars else None
    name = strings(part.all("fields"))[0] if part.kind == "ColumnRef" and len(part.all("fields")) == 1 else None
    # A function in FROM may have a column of this name, too, which would come first.
    here = level.item.open or any(ref.name == name for ref in level.item.columns)
    if name in outputs and (names_first or not here):
        return level.scope.column(outputs[name])
    return level.scope.column(part)


def _is_star(tree: Tree) -> bool:
    return tree.kind == "ColumnRef" and tree.all("fields")[-1].kind == "A_Star"


def _chain(over: Tree, windows: dict[str, Tree]) -> list[Tree]:
    """A window and those that it builds upon."""
    chain = [over]
    while (name := chain[-1]["refname"] or (chain[-1]["name"] if chain[-1] is over else None)) in windows:
        chain.append(windows[name])
    return chain


def _check_distinct_order(context: Context, tree: Tree, level: Level, outputs: dict[str, Tree]) -> None:
    on = tree["distinct_clause"]
    if not on:
        return
    if len(tree.all("sort_clause")) <= len(on):
        refuse_order(context, on[0], "DISTINCT ON without an ORDER BY that goes on behind it", level.kind)
    else:
        _warn_of_ties(context, on[0], level, tree.all("sort_clause"), "DISTINCT ON", outputs)


def _check_window_order(context: Context, level: Level, calls: Calls, windows: dict[str, Tree]) -> None:
    for call in calls.windows:
        chain = _chain(call["over"], windows)
        name = strings(call.all("funcname"))[-1]
        order = [part for window in chain for part in window.all("order_clause")]
        frame = int(chain[0]["frame_options"] or 0)
        by_rows = bool(frame & _NONDEFAULT) and not frame & _RANGE
        if not order and (name in _NEED_ORDER or by_rows or name.endswith("_agg")):
            refuse_order(context, call, f"{name}() OVER (…) without ORDER BY", level.kind)
        elif name in _CHOOSE or by_rows:
            _warn_of_ties(context, call, level, order, f"{name}()", {})


def _warn_of_ties(
    context: Context, at: Tree, level: Level, order: list[Tree], what: str, outputs: dict[str, Tree]
) -> None:
    if level.kind == "free":
        return
    nodes = [level.scope.column(sort["node"]) for sort in order]
    names = [strings(sort["node"].all("fields")) for sort in order if sort["node"].kind == "ColumnRef"]
    nodes += [level.scope.column(outputs[name[0]]) for name in names if len(name) == 1 and name[0] in outputs]
    told = [tag for node in nodes if node for tag in level.context.columns[node].tags]
    if not any(context.separators.is_alone(tag) for tag in told):
        context.warn(at, f"{what}: if the ORDER BY leaves ties, the whole and the chunks may choose different rows")
