"""What the target's catalog says about a table: its columns, and why a new table may not silently take its place."""

from collections.abc import Mapping
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.sql import Identifier

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import TaskConnection
from stepwell.etl.sources import Column

# What a new table made LIKE the old one would lose, or what would hold on to the old one. One row for each reason.
_REASONS = """
with target as (select c.*, c.tableoid as class from pg_class c where c.oid = $1)
select 'it is partitioned' from target where relkind = 'p'
union all select 'it is a partition' from target where relispartition
union all select 'it inherits from another table'
  from target where not relispartition and exists (select from pg_inherits where inhrelid = oid)
union all select 'other tables inherit from it'
  from target where relkind = 'r' and exists (select from pg_inherits where inhparent = oid)
union all select 'it is temporary' from target where relpersistence = 't'
union all select 'it is a table of the type ' || reloftype::regtype::text from target where reloftype <> 0
union all select 'it belongs to the role ' || pg_get_userbyid(relowner) || ', not to ' || current_user
  from target where relowner <> (select oid from pg_roles where rolname = current_user)
union all select current_user || ' may not create tables in the schema ' || relnamespace::regnamespace::text
  from target where not has_schema_privilege(relnamespace, 'create')
union all select 'it has grants' from target where relacl is not null
  or exists (select from pg_attribute where attrelid = target.oid and attacl is not null)
union all select 'new tables get default privileges' from target where exists (
  select from pg_default_acl where defaclrole = relowner and defaclobjtype = 'r'
    and defaclnamespace in (0, relnamespace))
union all select 'it has row security' from target where relrowsecurity
  or exists (select from pg_policy where polrelid = target.oid)
union all select 'it has security labels' from target
  where exists (select from pg_seclabel where classoid = class and objoid = target.oid)
union all select 'it has a replica identity of its own' from target where relreplident <> 'd'
union all select 'publication ' || pubname || ' publishes it' from target
  join pg_namespace n on n.oid = relnamespace join pg_publication_tables on schemaname = nspname and tablename = relname
union all select 'trigger ' || tgname from pg_trigger where tgrelid = $1 and not tgisinternal
union all select 'rule ' || rulename from pg_rewrite where ev_class = $1
union all select 'foreign key ' || conname || ' to ' || confrelid::regclass::text
  from pg_constraint where contype = 'f' and conrelid = $1
union all select 'foreign key ' || conname || ' of ' || conrelid::regclass::text
  from pg_constraint where contype = 'f' and confrelid = $1 and conrelid <> $1
union all select distinct case relkind when 'm' then 'materialized view ' else 'view ' end || r.ev_class::regclass::text
  from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
  join pg_class v on v.oid = r.ev_class
  where d.refclassid = 'pg_class'::regclass and d.refobjid = $1 and r.ev_class <> $1
union all select 'column ' || attname || ' is an identity' from pg_attribute
  where attrelid = $1 and attidentity <> '' and not attisdropped
union all select 'it owns the sequence ' || d.objid::regclass::text
  from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = $1
    and d.deptype = 'a'
union all select 'statistics ' || stxname from pg_statistic_ext where stxrelid = $1
union all select 'column ' || attname || ' has settings' from pg_attribute
  where attrelid = $1 and not attisdropped and attnum > 0
    and (coalesce(attstattarget, -1) <> -1 or attoptions is not null)
union all select 'index ' || i.indexrelid::regclass::text || ' has settings'
  from pg_index i join pg_class c on c.oid = i.indexrelid
  left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
  where i.indrelid = $1 and (i.indisclustered or not i.indisvalid or c.reltablespace <> 0
    or k.oid is not null and c.reloptions is not null
    or coalesce(obj_description(c.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint')) is not null)
union all select pg_describe_object(classid, objid, objsubid) || ' depends on it' from pg_depend
  where refclassid = 'pg_class'::regclass and refobjid = $1 and deptype in ('n', 'e', 'x')
    and classid not in ('pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass,
      'pg_policy'::regclass, 'pg_attrdef'::regclass, 'pg_publication_rel'::regclass, 'pg_class'::regclass)
union all select pg_describe_object(classid, objid, objsubid) || ' uses its row type' from pg_depend, target
  where refclassid = 'pg_type'::regclass and deptype = 'n'
    and refobjid in (reltype, (select typarray from pg_type where pg_type.oid = reltype))
union all select 'it belongs to an extension' from pg_depend
  where classid = 'pg_class'::regclass and objid = $1 and deptype = 'e'
"""
_TARGET = """
select c.oid::int8, n.nspname, c.relname, c.relkind::text, array(
  select json_build_array(attname, case typtype when 'd' then typbasetype::int8 else atttypid::int8 end,
    format_type(atttypid, atttypmod), attnotnull and not atthasdef and attidentity = '' and attgenerated = '')
  from pg_attribute join pg_type t on t.oid = atttypid
  where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)
"""
_PLACE = """
select parts, array_length(parts, 1) < 3 and to_regnamespace(quote_ident(
  case array_length(parts, 1) when 1 then current_schema() else parts[1] end)) is not null, current_schema()
from parse_ident($1) as parts
"""
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}


class Target(NamedTuple):
    """A table that is there, with its columns in order."""

    oid: int
    schema: str
    name: str
    columns: dict[str, Column]

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.schema, self.name)

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"


def find_table(connection: TaskConnection, into: str) -> Target | tuple[str, str]:
    """The table that `into` ("schema.table", or "table" by search_path) names, or schema and name for a new one.

    Raises ConfigurationError if it is no name, no table, or if its schema is missing.
    """
    schema, name = _name(connection, into)
    row = _ask(connection, _TARGET, [into])
    if row is None:
        return schema, name
    if row[3] not in ("r", "p"):
        raise ConfigurationError(f"into={into!r} must be a table, but it is {_KINDS.get(row[3], 'something else')}")
    return Target(row[0], row[1], row[2], {name: Column(*facts) for name, *facts in row[4]})


def reasons_against_swap(connection: TaskConnection, target: Target) -> list[str]:
    """Why another table may not take this one's place, in words; empty if it may."""
    cursor = psycopg.RawCursor(connection).execute(_REASONS, [target.oid])
    return list(dict.fromkeys(row[0] for row in cursor))


def plain_types(connection: TaskConnection, columns: Mapping[str, Column]) -> dict[str, LiteralString]:
    """The columns' types without length or precision, to cast to: a cast to varchar(9) cuts, an assignment refuses."""
    query = "select case oid when 0 then name else format_type(oid, -1) end from unnest($1::oid[], $2::text[]) "
    asked = [[column.oid for column in columns.values()], [column.type for column in columns.values()]]
    rows = psycopg.RawCursor(connection).execute(query + "with ordinality as t(oid, name, n) order by n", asked)
    return {name: kind for name, (kind,) in zip(columns, rows, strict=True)}


def _name(connection: TaskConnection, into: str) -> tuple[str, str]:
    try:
        with connection.transaction():
            row = _ask(connection, _PLACE, [into])
    except psycopg.errors.InvalidParameterValue as error:
        raise ConfigurationError(f"into={into!r} is not the name of a table: {error.diag.message_primary}") from None
    assert row is not None
    parts, there, current = row
    if len(parts) > 2:
        raise ConfigurationError(f"into={into!r} must be table or schema.table")
    if not there:
        schema = parts[0] if len(parts) == 2 else "public"
        raise ConfigurationError(
            f"into={into!r}: the schema {schema} does not exist. Create it: CREATE SCHEMA {_quoted(schema)};"
        )
    return (parts[0] if len(parts) == 2 else current), parts[-1]


def _quoted(name: str) -> str:
    return Identifier(name).as_string()


def _ask(connection: TaskConnection, query: str, values: list[Any]) -> tuple[Any, ...] | None:
    return psycopg.RawCursor(connection).execute(query, values).fetchone()
