"""Makes tasks by chance out of fragments, some chunk-safe and some not; a seed makes the same ones again."""

import random
from typing import NamedTuple

# Columns by type; only equal types are compared, as people do.
_VISITS = {
    "int": ["visit_id", "carer_id", "minutes", "carer_seq", "parent_id"],
    "text": ["person", "kind", "visit_no", "note"],
    "date": ["visit_date"],
}
_OTHERS = {
    "carers": {"int": ["carer_id"], "text": ["name", "region"], "date": []},
    "persons": {"int": [], "text": ["person", "district"], "date": ["born"]},
    "results": {"int": ["visit_id", "minutes"], "text": ["visit_no", "person", "label"], "date": ["visit_date"]},
    "daily": {"int": [], "text": ["person", "label"], "date": ["visit_date"]},
    "holidays": {"int": [], "text": ["name"], "date": ["visit_date"]},
}
_WORK = {
    "int": ["visit_id", "minutes", "carer_id", "carer_seq"],
    "text": ["visit_no", "person"],
    "date": ["visit_date"],
}
_TIES = [
    ["visit_date", "person"],
    ["visit_date", "person"],
    ["visit_date", "person"],
    ["visit_id"],
    ["visit_id"],
    ["person"],
    ["visit_date"],
    ["carer_id", "carer_seq"],
    ["carer_id"],
    ["visit_no"],
]


class Source(NamedTuple):
    text: str
    alias: str
    columns: dict[str, list[str]]


class Maker:
    """`task()` is the text of a task of one or two statements."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._aliases = 0
        self._work = False

    def task(self) -> str:
        statements = []
        if self.chance.random() < 0.2:
            columns = ["visit_id", "visit_no", "person", "visit_date", "carer_id", "carer_seq", "minutes"]
            statements.append(f"CREATE TEMP TABLE work ON COMMIT DROP AS\n{self.plain(columns)}")
            self._work = True
        statements += [self.statement() for _ in range(self.chance.choice([1, 1, 1, 2]))]
        return ";\n".join(statements) + ";\n"

    def statement(self) -> str:
        return self.chance.choice([self.insert, self.insert, self.insert, self.update, self.update_driving, self.delete,
                                   self.merge, self.insert_results])()  # fmt: skip

    def insert(self) -> str:
        return f"INSERT INTO log (visit_id, what, n)\n{self.query()}"

    def insert_results(self) -> str:
        query = self.plain(["visit_id", "visit_no", "person", "visit_date"])
        new = f"SELECT DISTINCT 100000 + q.visit_id, q.visit_no, q.person, q.visit_date FROM (\n{query}) q"
        ending = self.chance.choice(
            ["", " ON CONFLICT DO NOTHING", " ON CONFLICT (visit_id) DO UPDATE SET label = 'twice'"]
        )
        return f"INSERT INTO results (visit_id, visit_no, person, visit_date)\n{new}{ending}"

    def update(self) -> str:
        target, columns = self.chance.choice([("results", _OTHERS["results"]), ("daily", _OTHERS["daily"])])
        source = self.source()
        tie = self.ties(Source("", "t", columns), source)
        number = "total" if target == "results" else "visits"
        inner = self.condition([source, Source("", "t", columns)])
        if self.chance.random() < 0.3:
            found = f"EXISTS (SELECT 1 FROM {source.text} WHERE {tie} AND {inner})"
            return f"UPDATE {target} t SET {number} = t.{number} + 1 WHERE {found}"
        return f"UPDATE {target} t SET {number} = t.{number} + 1 FROM {source.text} WHERE {tie} AND {inner}"

    def update_driving(self) -> str:
        me = Source("", "me", _VISITS)
        changed = self.chance.choice(
            ["minutes = me.minutes + 1", "note = 'x'", "minutes = 7, note = me.kind", "person = 'p01'"]
        )
        return f"UPDATE src.visits me SET {changed} WHERE {self.condition([me])}"

    def delete(self) -> str:
        source = self.source()
        target = self.chance.choice(["results", "daily", "totals"])
        columns = _OTHERS.get(target, {"int": [], "text": ["person"], "date": []})
        tie = self.ties(Source("", "t", columns), source)
        if self.chance.random() < 0.5:
            negated = self.chance.choice(["", "", "NOT "])
            return f"DELETE FROM {target} t WHERE {negated}EXISTS (SELECT 1 FROM {source.text} WHERE {tie})"
        return f"DELETE FROM {target} t USING {source.text} WHERE {tie} AND {self.condition([source])}"

    def merge(self) -> str:
        query = self.plain(["visit_id", "visit_no", "person"])
        tie = self.chance.choice(["visit_id", "visit_id", "visit_no", "person"])
        insert = " WHEN NOT MATCHED THEN INSERT (visit_id, visit_no) VALUES (s.visit_id, s.visit_no)"
        return (
            f"MERGE INTO results r USING (\n{query}) s ON r.{tie} = s.{tie}"
            " WHEN MATCHED THEN UPDATE SET total = r.total + 1" + self.chance.choice(["", insert])
        )

    # Queries of three columns: a number, a text, a number

    def query(self) -> str:
        kind = self.chance.random()
        if kind < 0.15:
            operator = self.chance.choice(["UNION ALL", "UNION ALL", "UNION", "EXCEPT", "INTERSECT"])
            columns = ["visit_id", "kind", "minutes"]
            return f"{self.plain(columns)}\n{operator}\n{self.plain(columns)}"
        if kind < 0.25:
            return f"WITH c AS MATERIALIZED (\n{self.plain(None)})\nSELECT a.a, b.b, a.c FROM c a JOIN c b ON a.a = b.a"
        return self.plain(None)

    def plain(self, wanted: list[str] | None) -> str:
        """`wanted`: plain columns of a driving reference, else what comes."""
        sources = [self.driving(), *(self.source() for _ in range(self.chance.choice([0, 0, 1, 1, 2])))]
        if wanted is None:
            self.chance.shuffle(sources)
        where = f"\nWHERE {self.condition(sources)}"
        come_from = self.joined(sources)
        if wanted:
            driving = next(s for s in sources if "visit_no" in s.columns["text"])
            return f"SELECT {', '.join(f'{driving.alias}.{name}' for name in wanted)}\nFROM {come_from}{where}"
        return self.chance.choice([self.rows, self.rows, self.grouped, self.grouped, self.windowed, self.distinct])(
            sources, come_from + where
        )

    def rows(self, sources: list[Source], rest: str) -> str:
        first, second = self.column(sources, "int"), self.column(sources, "text")
        return f"SELECT {first} AS a, {second} AS b, {self.number(sources)} AS c\nFROM {rest}"

    def grouped(self, sources: list[Source], rest: str) -> str:
        by = self.some_key(sources)
        aggregate = self.chance.choice(
            ["count(*)", f"max({self.column(sources, 'int')})", f"sum({self.column(sources, 'int')})"]
        )
        if self.chance.random() < 0.1:
            return f"SELECT 1 AS a, 'all' AS b, {aggregate} AS c\nFROM {rest}"
        having = self.chance.choice(["", "", "\nHAVING count(*) > 1"])
        texts = " || ".join(f"coalesce({name}::text, '')" for name in by)
        most = f"max({self.column(sources, 'int')})"
        return f"SELECT {most} AS a, {texts} AS b, {aggregate} AS c\nFROM {rest}\nGROUP BY {', '.join(by)}{having}"

    def windowed(self, sources: list[Source], rest: str) -> str:
        by = self.some_key(sources)
        call = self.chance.choice(
            ["count(*)", f"max({self.column(sources, 'int')})", f"sum({self.column(sources, 'int')})"]
        )
        order = self.chance.choice(["", f" ORDER BY {self.column(sources, 'int')}"])
        partition = f"PARTITION BY {', '.join(by)}" if self.chance.random() < 0.9 else ""
        first, second = self.column(sources, "int"), self.column(sources, "text")
        return f"SELECT {first} AS a, {second} AS b, {call} OVER ({partition}{order}) AS c\nFROM {rest}"

    def distinct(self, sources: list[Source], rest: str) -> str:
        by = self.some_key(sources)
        texts = " || ".join(f"coalesce({name.partition('.')[2]}::text, '')" for name in by)
        names = ", ".join(by)
        if len({name.partition(".")[2] for name in by}) < len(by):
            return self.rows(sources, rest)
        return f"SELECT 1 AS a, {texts} AS b, 1 AS c FROM (SELECT DISTINCT {names}\nFROM {rest}) d"

    # Their parts

    def driving(self) -> Source:
        alias = self.alias("v")
        return Source(f"src.visits {alias}", alias, _VISITS)

    def source(self) -> Source:
        kind = self.chance.random()
        if kind < 0.3 and self._work:
            alias = self.alias("w")
            return Source(f"work {alias}", alias, _WORK)
        if kind < 0.4:
            return self.driving()
        alias = self.alias("q")
        if kind < 0.55:
            by = self.chance.choice(
                [
                    ["visit_date", "person"],
                    ["visit_date", "person"],
                    ["person"],
                    ["visit_id"],
                    ["carer_id", "carer_seq"],
                ]
            )
            columns = {"int": [n for n in by if n in _VISITS["int"]], "text": [n for n in by if n in _VISITS["text"]],
                       "date": [n for n in by if n == "visit_date"]}  # fmt: skip
            text = f"(SELECT {', '.join(by)}, count(*) AS n FROM src.visits GROUP BY {', '.join(by)}) {alias}"
            return Source(text, alias, columns)
        if kind < 0.65:
            inside = [self.driving(), self.driving()]
            text = (
                f"(SELECT {inside[0].alias}.*, {inside[1].alias}.visit_id AS other FROM {self.joined(inside)}) {alias}"
            )
            return Source(text, alias, {**_VISITS, "int": [*_VISITS["int"], "other"]})
        name = self.chance.choice(list(_OTHERS))
        return Source(f"{name} {alias}", alias, _OTHERS[name])

    def joined(self, sources: list[Source]) -> str:
        text = sources[0].text
        for at, source in enumerate(sources[1:], 1):
            if self.chance.random() < 0.2:
                text += self.lateral(sources[:at], source)
                continue
            kind = self.chance.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            text += f"\n{kind} {source.text} ON {self.ties(self.chance.choice(sources[:at]), source)}"
        return text

    def lateral(self, left: list[Source], source: Source) -> str:
        outer = self.chance.choice(left)
        name, inner = f"l{source.alias}", source.columns
        some = [name for kind in inner for name in inner[kind]]
        outside = f", {self.column([outer], 'int')} AS seen" if self.chance.random() < 0.3 else ""
        limit = (
            "" if "visit_id" not in some or self.chance.random() < 0.6 else f" ORDER BY {source.alias}.visit_id LIMIT 1"
        )
        listed = ", ".join(f"{source.alias}.{each}" for each in some)
        query = f"SELECT {listed}{outside} FROM {source.text} WHERE {self.ties(outer, source)}{limit}"
        on = self.chance.choice(["true", "true", self.ties(outer, Source("", name, inner))])
        again = self.chance.choice(["JOIN", "LEFT JOIN"])
        kept = f"(SELECT {name}.* FROM (SELECT 1) one)"  # the source's own alias, for the rest of the query
        return f"\n{again} LATERAL ({query}) {name} ON {on} CROSS JOIN LATERAL {kept} {source.alias}"

    def ties(self, one: Source, other: Source) -> str:
        """Equalities of columns that both have, or of any of one type; now and then a choice of two."""
        names = self.chance.choice(_TIES)
        kinds = [
            kind for kind in one.columns for name in names if name in one.columns[kind] and name in other.columns[kind]
        ]
        if len(kinds) == len(names):
            operator = self.chance.choice(["=", "=", "=", "=", "IS NOT DISTINCT FROM"])
            return " AND ".join(f"{one.alias}.{name} {operator} {other.alias}.{name}" for name in names)
        shared = [name for kind in one.columns for name in one.columns[kind] if name in other.columns[kind]]
        if shared and self.chance.random() < 0.8:
            name = self.chance.choice(shared)
            return f"{one.alias}.{name} = {other.alias}.{name}"
        kinds = [kind for kind in one.columns if one.columns[kind] and other.columns[kind]]
        if not kinds:
            return "true"
        kind = self.chance.choice(kinds)
        mine = f"{one.alias}.{self.chance.choice(one.columns[kind])}"
        theirs = [f"{other.alias}.{name}" for name in other.columns[kind]]
        if len(theirs) > 1 and self.chance.random() < 0.4:
            return f"{mine} IN ({', '.join(self.chance.sample(theirs, 2))})"
        return f"{mine} = {self.chance.choice(theirs)}"

    def condition(self, sources: list[Source]) -> str:
        kinds = [self.plain_condition, self.plain_condition, self.exists, self.within, self.tie]
        parts = [self.chance.choice(kinds)(sources) for _ in range(self.chance.choice([1, 1, 2]))]
        return " AND ".join(parts)

    def plain_condition(self, sources: list[Source]) -> str:
        name = self.column(sources, "int")
        return self.chance.choice([f"{name} > 20", f"{name} % 3 <> 0", f"({name} IS NULL OR {name} < 900)", "true"])

    def tie(self, sources: list[Source]) -> str:
        return self.ties(self.chance.choice(sources), self.chance.choice(sources))

    def exists(self, sources: list[Source]) -> str:
        inner = self.source()
        more = self.chance.choice(["", f" AND {self.plain_condition([inner])}"]) if inner.columns["int"] else ""
        outer = self.chance.choice(sources)
        negated = self.chance.choice(["", "", "NOT "])
        return f"{negated}EXISTS (SELECT 1 FROM {inner.text} WHERE {self.ties(outer, inner)}{more})"

    def within(self, sources: list[Source]) -> str:
        inner = self.source()
        outer = self.chance.choice(sources)
        shared = [name for kind in inner.columns for name in inner.columns[kind] if name in outer.columns[kind]]
        if not shared:
            return "true"
        name = self.chance.choice(shared)
        tie = self.chance.choice(["true", self.ties(outer, inner)])
        operator = self.chance.choice(["IN", "IN", "NOT IN"])
        return f"{outer.alias}.{name} {operator} (SELECT {inner.alias}.{name} FROM {inner.text} WHERE {tie})"

    def number(self, sources: list[Source]) -> str:
        if self.chance.random() < 0.3:
            inner = self.driving()
            outer = self.chance.choice(sources)
            call = self.chance.choice(["count(*)", f"max({inner.alias}.visit_id)"])
            return f"(SELECT {call} FROM {inner.text} WHERE {self.ties(outer, inner)})"
        return self.column(sources, "int")

    def some_key(self, sources: list[Source]) -> list[str]:
        source = self.chance.choice(sources)
        names = self.chance.choice(
            [["visit_date", "person"], ["visit_date", "person"], ["visit_id"], ["person"], ["carer_id", "carer_seq"]]
        )
        have = [f"{source.alias}.{name}" for kind in source.columns for name in names if name in source.columns[kind]]
        extra = self.column(sources, self.chance.choice(["int", "text"]))
        return list(dict.fromkeys([*have, *([extra] if not have or self.chance.random() < 0.4 else [])]))

    def column(self, sources: list[Source], kind: str) -> str:
        found = [f"{source.alias}.{name}" for source in sources for name in source.columns[kind]]
        return self.chance.choice(found) if found else {"int": "1", "text": "'t'"}[kind]

    def alias(self, letter: str) -> str:
        self._aliases += 1
        return f"{letter}{self._aliases}"
