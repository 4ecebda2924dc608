"""What the catalog says about the tables, functions, operators and types that a task names; each asked once."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from stepwell.etl.narrow.relation import Type

# A name is resolved as the statement itself would resolve it, by search_path. What has inheritance is known by its
# topmost table, since rows of one can be seen through the other.
_RELATION = """
with recursive found as (select to_regclass($1)::oid as oid),
up as (
  select oid from found union
  select inhparent from up join pg_inherits on inhrelid = up.oid)
select n.nspname, c.relname, c.relkind::text, c.relpersistence::text, row_security_active(c.oid),
  exists (select from pg_rewrite where ev_class = c.oid and rulename <> '_RETURN'),
  c.relkind = 'r' and exists (select from pg_inherits where inhparent = c.oid), c.oid::int8,
  (select min(up.oid::int8) from up where not exists (select from pg_inherits where inhrelid = up.oid)),
  case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
  exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal and tgenabled <> 'D')
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = (select oid from found)
"""
_COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '',
  case when a.attidentity <> '' then 'nextval(''identity'')'
    when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) end,
  b.oid::int8, case when t.typtype = 'd' then t.typtypmod else a.atttypmod end,
  b.typtype = 'e' or b.typnamespace = 'pg_catalog'::regnamespace and b.typtype = 'b',
  coalesce(l.collisdeterministic, true)
from pg_attribute a join pg_type t on t.oid = a.atttypid
join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_collation l on l.oid = a.attcollation
where a.attrelid = $1::int8::oid and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
# `sure`: no two rows are equal in these columns, at any time, and none of them is NULL.
_UNIQUE = """
select i.relname, x.indimmediate and x.indisvalid and x.indpred is null and not x.indisexclusion
    and not exists (select from unnest(x.indclass::oid[]) as o(oid) join pg_opclass c using (oid)
      where not c.opcdefault or c.opcnamespace <> 'pg_catalog'::regnamespace)
    and not exists (select from pg_attribute a where a.attrelid = x.indrelid and a.attnum = any(k.columns)
      and (not a.attnotnull or exists (
        select from pg_constraint n where n.conrelid = a.attrelid and n.contype = 'n' and not n.convalidated
          and a.attnum = any(n.conkey)) or exists (
        select from pg_collation l where l.oid = a.attcollation and not l.collisdeterministic))) as sure,
  0 = any(k.columns) or x.indisexclusion or exists (select from unnest(x.indcollation::oid[]) as c(oid)
    join pg_collation using (oid) where not collisdeterministic) as odd,
  array(select a.attname::text from unnest(k.columns) as c(number)
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = c.number order by a.attnum),
  (select conname from pg_constraint where conindid = x.indexrelid and conrelid = x.indrelid limit 1)
from pg_index x join pg_class i on i.oid = x.indexrelid,
  lateral (select (x.indkey::int2[])[0: x.indnkeyatts - 1] as columns) as k
where x.indrelid = $1::int8::oid and (x.indisunique or x.indisexclusion) order by i.relname
"""
# The tables whose rows PostgreSQL changes by itself when rows of this one go, or change their keys.
_CASCADES = """
with recursive hit as (select $1::int8::oid as oid union
  select c.conrelid from hit join pg_constraint c on c.confrelid = hit.oid and c.contype = 'f'
    and (c.confdeltype in ('c', 'n', 'd') or c.confupdtype in ('c', 'n', 'd')))
select oid::int8, oid::regclass::text from hit where oid <> $1::int8::oid order by 2
"""
_FUNCTIONS = """
select p.pronamespace = 'pg_catalog'::regnamespace, p.provolatile::text, p.prokind::text,
  exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.proname = $2 and ($1::text is null and pg_function_is_visible(p.oid) or n.nspname = $1)
order by 1, 2, 3, 4
"""
_OPERATORS = """
select o.oprnamespace = 'pg_catalog'::regnamespace, p.provolatile::text, 'f',
  exists (select from pg_depend where classid = 'pg_operator'::regclass and objid = o.oid and deptype = 'e')
from pg_operator o join pg_proc p on p.oid = o.oprcode join pg_namespace n on n.oid = o.oprnamespace
where o.oprname = $2 and ($1::text is null and pg_operator_is_visible(o.oid) or n.nspname = $1)
order by 1, 2, 3, 4
"""
_TYPE = """
select b.oid::int8, b.typtype = 'e' or b.typnamespace = 'pg_catalog'::regnamespace and b.typtype = 'b',
  t.typnamespace = 'pg_catalog'::regnamespace or t.typtype in ('e', 'd', 'c')
    or exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e'),
  case when t.typtype = 'd' then t.typtypmod else -1 end
from pg_type t join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
where t.oid = to_regtype($1)
"""
# A cast that somebody made with a function of theirs may do anything, wherever a value changes its type.
_CASTS = """
select format_type(castsource, null) || ' to ' || format_type(casttarget, null)
from pg_cast c join pg_proc p on p.oid = c.castfunc
where p.pronamespace <> 'pg_catalog'::regnamespace and p.provolatile <> 'i' and not exists (
  select from pg_depend where classid = 'pg_cast'::regclass and objid = c.oid and deptype = 'e')
order by 1
"""
# With pg_catalog named behind another schema in search_path, a user's `=` could stand before the built-in one.
_PATH = "select current_setting('search_path')"
_INTEGERS = {20, 21, 23}
_TEXTS = {25, 1043}


class TableColumn(NamedTuple):
    """A column: `type` is None if its equality proves nothing, `default` an expression or None."""

    type: Type | None
    shown: str
    not_null: bool
    generated: bool
    default: str | None


class Index(NamedTuple):
    """A unique index. `sure`: rows always differ in it. `odd`: on expressions, or it excludes more than equals."""

    name: str
    sure: bool
    odd: bool
    columns: tuple[str, ...]
    constraint: str | None


class Table(NamedTuple):
    """A relation of the catalog. `root` is the same for all tables of one inheritance or partition tree."""

    schema: str
    name: str
    kind: str
    temporary: bool
    secured: bool
    rules: bool
    children: bool
    oid: int
    root: int
    view: str | None
    triggers: bool
    columns: dict[str, TableColumn]
    indexes: tuple[Index, ...]

    @property
    def title(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


class Routine(NamedTuple):
    """A function, or an operator's."""

    builtin: bool
    volatility: str
    kind: str
    extension: bool


class Catalog:
    """Answers by name; `facts` are all answers, by which a later run sees that the proof still holds."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._answers: dict[tuple[str, ...], Any] = {}
        self.facts: dict[str, Any] = {"casts": [row[0] for row in self._ask(_CASTS)]}
        self.facts["search_path"] = self._ask(_PATH)[0][0]

    @property
    def casts(self) -> list[str]:
        return list(self.facts["casts"])

    def table(self, schema: str | None, name: str) -> Table | None:
        """The relation of this name, as a statement would find it."""
        key = ("table", schema or "", name)
        if key not in self._answers:
            self._answers[key] = self._table(".".join(_quoted(part) for part in (schema, name) if part))
            self._note(key, self._answers[key])
        found: Table | None = self._answers[key]
        return found

    def functions(self, schema: str | None, name: str) -> list[Routine]:
        return self._routines("function", _FUNCTIONS, schema, name)

    def operators(self, schema: str | None, name: str) -> list[Routine]:
        return self._routines("operator", _OPERATORS, schema, name)

    def type(self, name: str, modifier: int = -1) -> tuple[bool, Type | None]:
        """Whether a type is one that does nothing unexpected, and how equality on it counts."""
        key = ("type", name)
        if key not in self._answers:
            self._answers[key] = (self._ask(_TYPE, name) or [(0, False, False, -1)])[0]
        oid, plain, tame, own = self._answers[key]
        return tame, _type(oid, modifier if own < 0 else own, plain)

    def cascades(self, table: Table) -> list[int]:
        """The tables (by oid) that PostgreSQL changes by itself when this one's rows go or change."""
        found = self._ask(_CASCADES, table.oid)
        self.facts[f"cascades {table.title}"] = [name for _, name in found]
        return [oid for oid, _ in found]

    def _routines(self, what: str, query: str, schema: str | None, name: str) -> list[Routine]:
        key = (what, schema or "", name)
        if key not in self._answers:
            self._answers[key] = [Routine(*row) for row in self._ask(query, schema, name)]
            self._note(key, self._answers[key])
        return list(self._answers[key])

    def _table(self, name: str) -> Table | None:
        rows = self._ask(_RELATION, name)
        if not rows:
            return None
        schema, table, kind, persistence, secured, rules, children, oid, root, view, triggers = rows[0]
        columns = {
            column: TableColumn(_type(base, modifier, plain and even), shown, not_null, generated, default)
            for column, shown, not_null, generated, default, base, modifier, plain, even in self._ask(_COLUMNS, oid)
        }
        indexes = tuple(
            Index(index, sure, odd, tuple(names), constraint)
            for index, sure, odd, names, constraint in self._ask(_UNIQUE, oid)
        )
        flags = (persistence == "t", secured, rules, children, oid, root, view, triggers)
        return Table(schema, table, kind, *flags, columns, indexes)

    def _note(self, key: tuple[str, ...], answer: Any) -> None:
        if isinstance(answer, Table):
            # The numbers change when a load swaps a new table in; what counts is how it is made.
            answer = answer._replace(oid=0, root=0)
        self.facts[" ".join(key)] = json.loads(json.dumps(answer))

    def _ask(self, query: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        return psycopg.RawCursor(self._connection).execute(query, values).fetchall()


def _type(oid: int, modifier: int, plain: bool) -> Type | None:
    if not plain:
        return None
    family = "integer" if oid in _INTEGERS else "text" if oid in _TEXTS else str(oid)
    return Type(family, modifier)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
