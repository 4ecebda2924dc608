"""By which table and key a task could be cut into chunks: tried with the proof itself, keys with an index first."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from stepwell.errors import ConfigurationError, NotChunkSafe
from stepwell.etl.narrow.analysis import narrow
from stepwell.etl.narrow.parse import Node, Unparsable, parse
from stepwell.etl.script import Script

_TRIED = 4  # tables, the largest first
_ROWS = """
select c.oid::int8, case when c.reltuples < 0 then null else c.reltuples::int8 end
from pg_class c where c.oid = to_regclass($1) and c.relkind in ('r', 'p', 'm')
"""
# Whole b-trees, the unique ones first, then those with more columns; with each also what it begins with.
_KEYS = """
select array(select a.attname::text from unnest((x.indkey::int2[])[0: x.indnkeyatts - 1]) with ordinality as k(n, place)
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.n order by place)
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am m on m.oid = i.relam
where x.indrelid = $1::int8::oid and m.amname = 'btree' and x.indisvalid and x.indpred is null
  and 0 <> all((x.indkey::int2[])[0: x.indnkeyatts - 1])
order by x.indisprimary desc, x.indisunique desc, x.indnkeyatts desc, i.relname
"""
_COLUMNS = """
select array(select attname::text from pg_attribute where attrelid = $1::int8::oid and attnum > 0 and not attisdropped
  order by attnum)
"""


class Candidate(NamedTuple):
    """A table of so many rows and its key; `indexed`: an index begins with that key."""

    table: str
    by: tuple[str, ...]
    rows: int
    indexed: bool


class Relation(NamedTuple):
    name: str
    oid: int
    rows: int


def candidate(script: Script, connection: psycopg.Connection[Any]) -> Candidate:
    """The first that is proven safe. Raises NotChunkSafe with what speaks against the last that was tried."""
    refused: NotChunkSafe | None = None
    for relation in _relations(script, connection)[:_TRIED]:
        for by, indexed in _keys(connection, relation):
            try:
                narrow(script, relation.name, by, connection)
            except NotChunkSafe as error:
                refused = refused or error
            except ConfigurationError:
                continue  # a column that has no order
            else:
                return Candidate(relation.name, by, relation.rows, indexed)
    raise refused or NotChunkSafe("the task reads no table that could be cut into chunks")


def _keys(connection: psycopg.Connection[Any], relation: Relation) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Those of indexes, whole and then shortened; single columns last, which would need an index."""
    whole = [tuple(row[0]) for row in _ask(connection, _KEYS, [relation.oid])]
    shorter = [key[:length] for key in whole for length in range(len(key) - 1, 0, -1)]
    indexed = list(dict.fromkeys([*whole, *shorter]))
    yield from ((key, True) for key in indexed)
    for name in _ask(connection, _COLUMNS, [relation.oid])[0][0]:
        if (name,) not in indexed:
            yield (name,), False


def _relations(script: Script, connection: psycopg.Connection[Any]) -> list[Relation]:
    """The tables that the statements name, the largest first."""
    found = []
    for name in dict.fromkeys(name for statement in script.statements for name in _names(statement.text)):
        rows = _ask(connection, _ROWS, [name])
        if rows:
            oid, estimate = rows[0]
            found.append(Relation(name, oid, estimate or _ask(connection, f"select count(*) from {name}", [])[0][0]))
    return sorted(found, key=lambda relation: -relation.rows)


def _names(text: str) -> Iterator[str]:
    """As they are written, so that they can be written so again; names of WITH are no tables."""
    try:
        trees = parse(text)
    except Unparsable:
        return
    for tree in trees:
        nodes = list(_all(tree))
        own = {node["ctename"] for node in nodes if node.kind == "CommonTableExpr"}
        for node in nodes:
            if node.kind == "RangeVar" and not (node["schemaname"] is None and node["relname"] in own):
                yield ".".join(map(_quoted, filter(None, (node["schemaname"], node["relname"]))))


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from _all(child)


def _quoted(name: str) -> str:
    plain = name.replace("_", "a").isalnum() and name == name.lower() and name.isascii() and not name[0].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _ask(connection: psycopg.Connection[Any], query: str, values: Sequence[Any]) -> list[Any]:
    return psycopg.RawCursor(connection).execute(query, values).fetchall()
