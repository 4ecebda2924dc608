"""Proves that a task's file gives the same rows in chunks as whole, and freezes the statements that chunks run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from stepwell.errors import ConfigurationError
from stepwell.etl.narrow.acceptance import MAKES, refused_by_postgres
from stepwell.etl.narrow.catalog import Catalog, Table
from stepwell.etl.narrow.context import Context, Touch
from stepwell.etl.narrow.narrowed import Narrowed, NarrowedStatement
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.parse import Unparsable, parse, version
from stepwell.etl.narrow.query import select
from stepwell.etl.narrow.refusal import Refusal, not_chunk_safe, place_of
from stepwell.etl.narrow.relation import Separators
from stepwell.etl.narrow.splice import Pieces, is_same, places, splice
from stepwell.etl.narrow.statement import examine
from stepwell.etl.narrow.temporary import check_left_over
from stepwell.etl.ranges import Key
from stepwell.etl.script import Script, Statement

_NAME = "select parse_ident($1)"


def narrow(
    script: Script,
    driving: str,
    by: Sequence[str],
    connection: psycopg.Connection[Any],
    functions: Mapping[str, str] | None = None,
) -> Narrowed:
    """The task's statements, to be run on one range of `by` of the table `driving` at a time.

    `functions` are the names of functions (or operators) that do no harm, with the reason. Raises NotChunkSafe with
    all that speaks against it, and ConfigurationError if table or columns are not there.
    """
    catalog = Catalog(connection)
    table = _driving(catalog, connection, driving)
    key = _key(table, driving, by)
    placed = [places(statement.text) for statement in script.statements]
    unparsable: list[Refusal] = []
    trees = [_parsed(unparsable, statement) for statement in script.statements]
    context = _context(catalog, table, key, trees, functions or {})
    context.refusals += unparsable
    pieces = [
        _examined(context, statement, tree, given)
        for statement, tree, given in zip(script.statements, trees, placed, strict=True)
    ]
    if any(placed):
        pieces = [given or ((statement.text,), ()) for given, statement in zip(placed, script.statements, strict=True)]
    statements = tuple(
        NarrowedStatement(texts, aliases, statement.names, statement.line, key, statement.words[:1] in MAKES)
        for (texts, aliases), statement in zip(pieces, script.statements, strict=True)
    )
    _conclude(context, script, statements)
    if any(placed):
        context.warnings += [str(refusal) for refusal in context.refusals]
        context.refusals.clear()
    if not context.refusals:
        context.refusals += refused_by_postgres(connection, script, statements)
    if context.refusals:
        raise not_chunk_safe(driving, key.columns, context.refusals)
    digest = _hash(script, catalog, key, functions or {})
    return Narrowed(driving, key, statements, digest, tuple(context.warnings), any(placed))


def _driving(catalog: Catalog, connection: psycopg.Connection[Any], driving: str) -> Table:
    try:
        with connection.transaction():
            found = psycopg.RawCursor(connection).execute(_NAME, [driving]).fetchone()
    except psycopg.errors.InvalidParameterValue as error:
        raise ConfigurationError(f"Chunks({driving!r}): {error.diag.message_primary}") from None
    *schema, name = found[0] if found else [driving]
    table = catalog.table(schema[-1] if schema else None, name)
    if table is None:
        raise ConfigurationError(
            f"Chunks({driving!r}): there is no such table in the database {connection.info.dbname}"
        )
    if table.kind not in ("r", "p", "m") or table.temporary or table.children:
        raise ConfigurationError(
            f"Chunks({driving!r}): only a table that others do not inherit from can be cut into chunks"
        )
    if table.secured:
        raise ConfigurationError(f"Chunks({driving!r}): row security hides rows of it from this user")
    return table


def _key(table: Table, driving: str, by: Sequence[str]) -> Key:
    for name in by:
        if name not in table.columns:
            raise ConfigurationError(
                f"Chunks({driving!r}): there is no column {name!r}; it has: {', '.join(table.columns)}"
            )
        if table.columns[name].type is None:
            raise ConfigurationError(
                f"Chunks({driving!r}): {name} is of the type {table.columns[name].shown}, on whose equality "
                "(or its collation's) nothing can be built"
            )
    if not by:
        raise ConfigurationError(f"Chunks({driving!r}): by= names no column")
    columns = [table.columns[name] for name in by]
    return Key(tuple(by), tuple(c.shown for c in columns), tuple(not c.not_null for c in columns))


def _context(
    catalog: Catalog, table: Table, key: Key, trees: list[Tree | None], declared: Mapping[str, str]
) -> Context:
    """Unique columns that the task itself changes tell nothing."""
    changed = {
        str(part["name"])
        for tree in trees
        if tree is not None and tree.kind == "UpdateStmt" and _names(catalog, tree["relation"], table)
        for part in tree.all("target_list")
    }
    generated = {name for name, column in table.columns.items() if column.generated} if changed else set()
    unsure = changed | generated
    unique = [index.columns for index in table.indexes if index.sure and not unsure & set(index.columns)]
    context = Context(catalog, table, Separators(key.columns, unique), declared)
    context.select = select
    return context


def _names(catalog: Catalog, relation: Tree, table: Table) -> bool:
    found = catalog.table(relation["schemaname"], relation["relname"])
    return found is not None and found.oid == table.oid


def _parsed(refusals: list[Refusal], statement: Statement) -> Tree | None:
    """The tree of one statement; None if PostgreSQL's grammar of the parser's version does not know it."""
    try:
        trees = parse(statement.text)
    except Unparsable as error:
        place = place_of(statement, len(statement.text[: error.at].encode()))
        refusals.append(Refusal("syntax", place, f"PostgreSQL's parser says: {error}", "correct it"))
        return None
    if len(trees) != 1:
        refusals.append(Refusal("statement", place_of(statement, 0), "its end is not clear", "write it more plainly"))
        return None
    return trees[0]


def _examined(context: Context, statement: Statement, tree: Tree | None, given: Pieces | None) -> Pieces:
    if tree is None:
        return (statement.text,), ()
    context.begin(statement)
    examine(context, tree)
    if given is not None:
        return given
    pieces = splice(statement.text, context.holes)
    if not is_same(statement.text, pieces):
        context.refuse(0, "statement", "with the range in it, it could mean something else", "write it more plainly")
    return pieces


def _conclude(context: Context, script: Script, statements: Sequence[NarrowedStatement]) -> None:
    """What only all statements together can show."""
    check_left_over(context)
    for root in dict.fromkeys(touch.root for touch in context.touches):
        _check_touches(context, [touch for touch in context.touches if touch.root == root])
    if script.statements and not any(statement.driving for statement in statements):
        place = place_of(script.statements[0], 0)
        reason = f"it does not read {context.driving.title} at all, and every chunk would do the same"
        context.refusals.append(Refusal("the task", place, reason, "run it whole"))
    path = str(context.catalog.facts["search_path"])
    names = [name.strip() for name in path.split(",")]
    if script.statements and "pg_catalog" in names[1:]:
        place = place_of(script.statements[0], 0)
        reason = "operators of other schemas come before the built-in ones"
        context.refusals.append(Refusal(f"search_path {path}", place, reason, "remove pg_catalog from it"))
    for cast in context.catalog.casts if script.statements else ():
        if cast not in context.declared:
            reason = "somebody made it with a function that may read or change anything"
            rewrite = f'declare that it does no harm: Chunks(…, functions={{"{cast}": "why"}})'
            context.refusals.append(Refusal(f"cast {cast}", place_of(script.statements[0], 0), reason, rewrite))


def _check_touches(context: Context, touches: list[Touch]) -> None:
    """A table that is written and seen again: each time by the same columns, so that chunks never meet in it."""
    if len(touches) < 2 or not (any(touch.writes for touch in touches) and any(touch.sees for touch in touches)):
        return
    if context.separators.agree(touch.columns for touch in touches):
        return
    alone = [touch for touch in touches if not context.separators.agree([touch.columns])]
    context.refusals.append((alone or touches)[-1].refusal)


def _hash(script: Script, catalog: Catalog, key: Key, declared: Mapping[str, str]) -> str:
    source = script.statements[0].source if script.statements else ""
    told = [source, version(), key, catalog.facts, sorted(declared)]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=list).encode()).hexdigest()
