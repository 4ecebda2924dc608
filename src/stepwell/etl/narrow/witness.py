"""The planner's testimony: an empty chunk scans nothing, and a chunk is found by an index, about as large as it is."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.types.numeric import Int4, Int8

from stepwell.etl.narrow.acceptance import make_empty
from stepwell.etl.narrow.narrowed import Narrowed, NarrowedStatement
from stepwell.etl.ranges import Range, predicate
from stepwell.etl.script import bindable

_TRUST = 20  # how many times too low or too high an estimate may be
_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "Foreign Scan", "Sample Scan")
# The sides of a join that must have rows for it to have any.
_NEEDED = {
    "Inner": ("Outer", "Inner"),
    "Semi": ("Outer", "Inner"),
    "Right Semi": ("Outer", "Inner"),
    "Left": ("Outer",),
    "Anti": ("Outer",),
    "Right": ("Inner",),
    "Right Anti": ("Inner",),
    "Full": (),
}
# Without rows below they give none themselves.
_PASSING = {
    "ModifyTable",
    "Subquery Scan",
    "WindowAgg",
    "Sort",
    "Incremental Sort",
    "Aggregate",
    "Group",
    "Unique",
    "Limit",
    "Materialize",
    "Memoize",
    "Hash",
    "Result",
    "Append",
    "Merge Append",
    "SetOp",
    "Gather",
    "Gather Merge",
    "ProjectSet",
}
# A small table is read whole with good reason; whether an index could be used shows when nothing else may be.
_INDEXES_ONLY = "select set_config('enable_seqscan', 'off', true)"

Plan = dict[str, Any]


class Finding(NamedTuple):
    """`fatal`: the statement reads more than its chunk, and must not run in chunks. Else it will be slow; `unindexed`:
    because it finds its chunk by no index."""

    line: int
    text: str
    fatal: bool
    unindexed: bool = False


def witness(
    narrowed: Narrowed, connection: psycopg.Connection[Any], ranges: Sequence[Range], params: Mapping[str, Any]
) -> list[Finding]:
    """What PostgreSQL's plans say against the statements, for an empty range and for the first, middle and last.

    Nothing of a statement is run; temporary tables of the file are made, without rows, and rolled back.
    """
    chosen = dict.fromkeys(ranges[at] for at in (0, len(ranges) // 2, -1)) if ranges else {}
    found: list[Finding] = []
    with connection.transaction(force_rollback=True):
        counts = {range_: _rows(connection, narrowed, range_) for range_ in chosen}
        for statement in narrowed.statements:
            values = [_literal(bindable(params[name])) for name in statement.names]
            if statement.driving:
                found += _scans_of_nothing(connection, statement, values)
                for range_, rows in counts.items():
                    found += _scans_of_range(connection, narrowed, statement, values, range_, rows)
            if statement.makes:
                psycopg.RawCursor(connection).execute(make_empty(statement), values)
    return list(dict.fromkeys(found))


def _scans_of_nothing(
    connection: psycopg.Connection[Any], statement: NarrowedStatement, values: list[Any]
) -> Iterator[Finding]:
    plan = _explain(connection, statement.filled(["false"] * len(statement.aliases)), values)
    named = {node["Subplan Name"].removeprefix("CTE "): node for node in _below(plan) if "Subplan Name" in node}
    if _is_empty(plan, named):
        return
    scans = [node for node in _executed(plan, named) if node["Node Type"] in _SCANS]
    names = {node.get("Relation Name", "?") for node in scans if not str(node.get("Schema", "")).startswith("pg_temp")}
    for name in sorted(names):
        yield Finding(statement.line, f"an empty chunk would still read {name}", True)
    if not scans:
        yield Finding(statement.line, "an empty chunk would still give rows", True)


def _scans_of_range(
    connection: psycopg.Connection[Any],
    narrowed: Narrowed,
    statement: NarrowedStatement,
    values: list[Any],
    range_: Range,
    rows: int,
) -> Iterator[Finding]:
    text, bounds = statement.render(range_)
    plan = _explain(connection, text, [*values, *bounds], _INDEXES_ONLY)
    key = ", ".join(narrowed.key.columns)
    table = narrowed.table.rpartition(".")[2].strip('"')
    whole = {id(node) for node in _once(plan)}
    for node in (plan, *_below(plan)):
        if node["Node Type"] not in _SCANS or node.get("Relation Name") != table:
            continue
        if not _by_index(node):
            text = f"a chunk reads all of {narrowed.table}: create an index on ({key})"
            yield Finding(statement.line, text, False, unindexed=True)
        elif (
            id(node) in whole
            and "Filter" not in node
            and not rows / _TRUST <= node["Plan Rows"] <= max(rows, 1) * _TRUST
        ):
            text = f"PostgreSQL expects {node['Plan Rows']} rows of {narrowed.table} where there are {rows}: ANALYZE it"
            yield Finding(statement.line, text, False)


def _by_index(node: Plan) -> bool:
    parts = [node, *_below(node)]
    return any("Index Cond" in part for part in parts)


def _once(node: Plan) -> Iterator[Plan]:
    """The nodes that run once, and not for each row of another: their estimates are of the chunk as a whole."""
    yield node
    for child in node.get("Plans", ()):
        again = node["Node Type"] == "Nested Loop" and child["Parent Relationship"] == "Inner"
        if not again and child["Parent Relationship"] != "SubPlan":
            yield from _once(child)


def _below(node: Plan) -> Iterator[Plan]:
    for child in node.get("Plans", ()):
        yield child
        yield from _below(child)


def _is_empty(node: Plan, named: Mapping[str, Plan]) -> bool:
    """Whether a plan gives no rows, whatever the tables hold: a condition is false, and everything hangs on it."""
    if node.get("One-Time Filter") == "false":
        return True
    if node["Node Type"] == "CTE Scan":
        return node["CTE Name"] in named and _is_empty(named[node["CTE Name"]], named)
    if node["Node Type"] == "Aggregate" and "Group Key" not in node:
        return False
    empty = {child["Parent Relationship"]: _is_empty(child, named) for child in _inputs(node)}
    if "Join Type" in node:
        return any(empty[side] for side in _NEEDED[node["Join Type"]])
    if node["Node Type"] == "SetOp" and "Outer" in empty:
        return empty["Outer"] or (empty["Inner"] and "Intersect" in node["Command"])
    inputs = [_is_empty(child, named) for child in _inputs(node)]
    return bool(inputs) and node["Node Type"] in _PASSING and all(inputs)


def _inputs(node: Plan) -> list[Plan]:
    return [child for child in node.get("Plans", ()) if child["Parent Relationship"] not in ("InitPlan", "SubPlan")]


def _executed(plan: Plan, named: Mapping[str, Plan]) -> Iterator[Plan]:
    """The nodes of a plan that run: not those that give nothing, and subqueries only where they are read."""
    waiting, seen = [plan], set[str]()
    while waiting:
        node = waiting.pop()
        if _is_empty(node, named):
            continue
        if node["Node Type"] != "ModifyTable":
            yield node
        name = node.get("CTE Name", "")
        if name in named and name not in seen:
            seen.add(name)
            waiting.append(named[name])
        waiting += [child for child in node.get("Plans", ()) if child.get("Parent Relationship") != "InitPlan"]


def _explain(connection: psycopg.Connection[Any], text: str, values: list[Any], setting: str = "select") -> Plan:
    with connection.transaction(force_rollback=True):
        psycopg.RawCursor(connection).execute(setting)
        cursor = psycopg.RawCursor(connection).execute(f"explain (verbose, format json) {text}", values)
        row = cursor.fetchone()
    assert row is not None
    told = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    plan: Plan = told[0]["Plan"]
    return plan


def _rows(connection: psycopg.Connection[Any], narrowed: Narrowed, range_: Range) -> int:
    condition, values = predicate(range_, narrowed.key, "", 1)
    cursor = psycopg.RawCursor(connection).execute(f"select count(*) from {narrowed.table} where {condition}", values)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _literal(value: Any) -> Any:
    """A number as the task itself binds it."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return Int4(value) if -(2**31) <= value < 2**31 else Int8(value)
    return [_literal(item) for item in value] if isinstance(value, (list, tuple)) else value
