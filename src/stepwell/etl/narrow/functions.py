"""Which functions, operators and types are harmless: those that always answer the same, or are declared so."""

from stepwell.etl.narrow.catalog import Routine
from stepwell.etl.narrow.context import Context, strings
from stepwell.etl.narrow.parse import Node as Tree

# Stable, but they tell of the server, of the transaction, or of tables that they name by text.
_TELLTALES = ("pg_", "txid_", "inet_", "has_", "table_to_xml", "schema_to_xml", "database_to_xml", "lo_", "ts_stat")
_CLOCKS = {"now", "transaction_timestamp", "statement_timestamp"}


def check_function(context: Context, tree: Tree, names: list[str]) -> list[Routine]:
    """A function that always answers the same from the same arguments, or is declared to do no harm."""
    schema, name = (names[-2] if len(names) > 1 else None), names[-1]
    found = context.catalog.functions(schema, name)
    if name in context.declared or ".".join(names) in context.declared:
        return found
    if not found:
        context.refuse(tree, f"function {name}", "there is no such function", "correct the name")
    elif not all(_harmless(routine) for routine in found):
        _refuse_function(context, tree, name, found)
    elif all(routine.builtin for routine in found) and name.startswith(_TELLTALES) and name != "pg_typeof":
        context.refuse(
            tree, f"function {name}()", "it tells of the server, not of its arguments", "pass the value as a parameter"
        )
    if name in _CLOCKS:
        warn_of_clock(context, tree, f"{name}()")
    return found


def _harmless(routine: Routine) -> bool:
    return routine.volatility != "v" if routine.builtin else routine.extension and routine.volatility == "i"


def _refuse_function(context: Context, tree: Tree, name: str, found: list[Routine]) -> None:
    if all(routine.builtin for routine in found):
        reason = "it gives another value each time, so that chunks cannot give what the whole gives"
    else:
        reason = "nothing is known of what it reads or changes"
    declare = f'declare that it does no harm: Chunks(…, functions={{"{name}": "why"}})'
    context.refuse(tree, f"function {name}()", reason, declare)


def warn_of_clock(context: Context, tree: Tree, what: str) -> None:
    """It is not refused, since a task that runs again has another time, too."""
    context.warn(tree, f"{what} is the time of each chunk's own transaction; a parameter is the same for all")


def check_operator(context: Context, tree: Tree, names: list[str]) -> None:
    schema, name = (names[-2] if len(names) > 1 else None), names[-1]
    harmless = all(_harmless(routine) for routine in context.catalog.operators(schema, name))
    if not harmless and name not in context.declared:
        context.refuse(
            tree,
            f"operator {name}",
            "somebody defined it here: nothing is known of what it does",
            f'declare that it does no harm: Chunks(…, functions={{"{name}": "why"}})',
        )


def check_type(context: Context, tree: Tree) -> None:
    name = type_name(tree)
    tame, _ = context.catalog.type(name)
    if not tame:
        context.refuse(tree, f"type {name}", "nothing is known of what its input does", "use a built-in type")


def type_name(tree: Tree) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in strings(tree.all("names")))
