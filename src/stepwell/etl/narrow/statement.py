"""Which statements a chunk may run: a closed list, one function for each."""

from collections.abc import Callable

from stepwell.etl.narrow import temporary, writes
from stepwell.etl.narrow.context import Context
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.query import select
from stepwell.etl.narrow.target import NOTHING

# Settings that change how PostgreSQL works, never what it answers.
_SETTINGS = (
    "work_mem",
    "maintenance_work_mem",
    "temp_buffers",
    "hash_mem_multiplier",
    "enable_",
    "jit",
    "join_collapse_limit",
    "from_collapse_limit",
    "max_parallel_workers_per_gather",
    "random_page_cost",
    "effective_io_concurrency",
)
_WHY = {
    "DoStmt": ("DO", "what its code reads and writes cannot be proven"),
    "CallStmt": ("CALL", "what the procedure reads and writes cannot be proven"),
    "CopyStmt": ("COPY", "every chunk would copy all of it"),
    "TruncateStmt": ("TRUNCATE", "every chunk would empty the table again"),
    "LockStmt": ("LOCK", "chunks that run at the same time would wait for each other"),
    "TransactionStmt": ("transaction control", "a chunk's transaction ends together with its place in the ledger"),
    "ExplainStmt": ("EXPLAIN", "it tells nobody anything in a task"),
}


def examine(context: Context, tree: Tree) -> None:
    """Refuse whatever a statement does that would give other rows in chunks."""
    rule = _RULES.get(tree.kind)
    if rule is not None:
        return rule(context, tree)
    title, reason = _WHY.get(tree.kind, (_title(tree), "every chunk would do it again"))
    context.refuse(max(tree.at, 0), title, reason, "do it in an earlier task")
    return None


def _select(context: Context, tree: Tree) -> None:
    if tree["into_clause"]:
        into = tree["into_clause"]["rel"]
        context.refuse(into, "SELECT INTO", "it makes a table", "write CREATE TEMP TABLE … ON COMMIT DROP AS SELECT …")
        return
    select(context, tree, NOTHING)


def _create_as(context: Context, tree: Tree) -> None:
    if tree["objtype"] != "OBJECT_TABLE" or tree["query"].kind != "SelectStmt":
        context.refuse(max(tree.at, 0), "CREATE MATERIALIZED VIEW", "every chunk would create it", "create it before")
        return
    temporary.create_as(context, tree)


def _set(context: Context, tree: Tree) -> None:
    name = str(tree["name"] or "")
    if not (tree["is_local"] and name.startswith(_SETTINGS)):
        context.refuse(
            max(tree.at, 0),
            f"SET {name}",
            "it may change what the statements after it mean",
            "set it in the URL: ?options=…",
        )


def _title(tree: Tree) -> str:
    words = tree.kind.removesuffix("Stmt")
    return "".join(f" {char}" if char.isupper() and at else char for at, char in enumerate(words)).upper()


_RULES: dict[str, Callable[[Context, Tree], None]] = {
    "SelectStmt": _select,
    "InsertStmt": writes.insert,
    "UpdateStmt": writes.update,
    "DeleteStmt": writes.delete,
    "MergeStmt": writes.merge,
    "CreateTableAsStmt": _create_as,
    "CreateStmt": temporary.create,
    "DropStmt": temporary.drop,
    "IndexStmt": temporary.index,
    "VacuumStmt": temporary.analyze,
    "VariableSetStmt": _set,
}
