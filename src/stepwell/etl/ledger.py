"""The chunks of one task of one run, in the target database: what is planned, taken, done, and what has failed.

A chunk's row is locked by whoever runs it, and turned to done in the transaction that holds its rows: both or neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stepwell.etl.connection import TaskConnection
from stepwell.etl.fence import Key, ended_by_task, limiting, limits, superseded
from stepwell.etl.plan import Chunk, Plan
from stepwell.etl.ranges import Range, join

_WATCH = "500ms"  # how soon PostgreSQL notices that the process of a lane is gone
_ABOUT = 1.25  # times the rows that a lot should have

_OF = "pipeline = $1 and run = $2 and task = $3"
_FIND = f"""
select number, execution, hash, narrowed, params, key, chunks, rows, lanes, deadline < clock_timestamp(),
  extract(epoch from planned_at)::float8, extract(epoch from opened_at)::float8, reconciled_at is not null,
  extract(epoch from clock_timestamp())::float8, lot
from stepwell.plan where {_OF}
"""
# A run that begun by invoking the action alone, and has not ended: the next bare invocation goes on with it.
_OPEN = """
select run from stepwell.plan where pipeline = $1 and task = $2 and "window" = $3 and run like 'invoke-%'
  and reconciled_at is null order by planned_at desc limit 1
"""
_RUNS = 'select run from stepwell.plan where pipeline = $1 and task = $2 and "window" = $3'
_DROP = f"with plan as (delete from stepwell.plan where {_OF}) delete from stepwell.chunk where {_OF}"
# Chunks of runs that ended long ago are of no use to anybody.
_SWEEP = """
delete from stepwell.chunk using stepwell.plan old
where old.pipeline = $1 and old.task = $2 and old.reconciled_at < clock_timestamp() - interval '90 days'
  and (chunk.pipeline, chunk.run, chunk.task) = (old.pipeline, old.run, old.task)
"""
_PLAN = """
insert into stepwell.plan (pipeline, run, task, "window", execution, number, hash, narrowed, params, key, chunks, rows,
  lanes, oversized, deadline, lot)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, clock_timestamp() + make_interval(secs => $15),
  (select lot from stepwell.plan where pipeline = $1 and task = $3 order by reconciled_at desc nulls last limit 1)
"""
_CHUNKS = """
insert into stepwell.chunk (pipeline, run, task, chunk, lo, hi, null_column, shape, rows)
select $1, $2, $3, c.* from jsonb_to_recordset($4) as c(chunk int, lo jsonb, hi jsonb, null_column int, shape text,
  rows bigint)
"""
# Going on: with a new attempt's number, with what is to be run now, and with another chance for what has failed.
_REOPEN = f"""
with plan as (
  update stepwell.plan set number = $4, hash = $5, narrowed = $6, params = $7, lanes = $8, reconciled_at = null,
    opened_at = clock_timestamp(), deadline = clock_timestamp() + make_interval(secs => $9)
  where {_OF}
)
update stepwell.chunk set state = 'planned', attempts = 0, error = null
where {_OF} and (state = 'failed' or state = 'planned' and error is not null)
"""
_PLAN_NOW = "plan.number, plan.deadline < clock_timestamp(), plan.lot"
_STATE = f"select {_PLAN_NOW} from stepwell.plan where {_OF}"
_FOUND = f"update stepwell.plan set lot = $5 where {_OF} and number = $4"
# A chunk with an error is tried again only by an invocation ($5) that has all of its time before it. Whoever takes
# much leaves some to the others: no more than an equal share ($7 lanes) of what is left.
_TAKE = f"""
with limits as materialized (select {limiting(9)})
select chunk, lo, hi, null_column, shape, chunk.rows, alone, attempts, {_PLAN_NOW}, txid_current()
from limits, stepwell.chunk join stepwell.plan using (pipeline, run, task)
where {_OF} and state = 'planned' and chunk >= $4 and chunk <= $8 and ($5 or error is null)
order by chunk
limit case when $6::int = 1 then 1 else least($6, greatest(1,
  (select count(*) from stepwell.chunk where {_OF} and state = 'planned') / $7::int)) end
for update of chunk skip locked
"""
_LEFT = f"""
select count(*), count(*) filter (where error is null) from stepwell.chunk where {_OF} and state = 'planned'
"""
# Nobody takes the next attempt's number between this and the commit; lanes of one attempt do not disturb each other.
_NEWEST = 'select number from stepwell.attempt where pipeline = $1 and task = $3 and "window" = $4 for share'
_DONE = f"""
with newest as materialized ({_NEWEST}), now as materialized (select clock_timestamp() as moment),
flipped as (
  update stepwell.chunk as mine set state = 'done', attempts = attempts + 1, error = null, lane = $6,
    rows_done = lot.rows_done, ms = lot.ms, started_at = moment - make_interval(secs => $7), finished_at = moment
  from unnest($8::int[], $9::bigint[], $10::int[]) as lot(chunk, rows_done, ms), now
  where {_OF} and mine.chunk = any($8) and mine.chunk = lot.chunk and state = 'planned'
    and (select number from newest) = $5
  returning mine.chunk, attempts
)
select (select number from newest), txid_current(), extract(epoch from moment)::float8,
  array(select attempts from flipped order by chunk)
from now
"""
_MINE = f"""
mine as (
  select chunk from stepwell.chunk where {_OF} and state = 'planned' and chunk = any($6) for update skip locked
)
"""
_ALONE = f"""
with newest as materialized ({_NEWEST}), {_MINE}
update stepwell.chunk set alone = true
where {_OF} and chunk in (select chunk from mine) and (select number from newest) = $5
"""
_TRIED = f"""
with newest as materialized ({_NEWEST}), {_MINE}
update stepwell.chunk set alone = true, attempts = attempts + $7, error = $8, lane = $9,
  finished_at = clock_timestamp(), state = case when $10 then 'failed' else state end
where {_OF} and chunk in (select chunk from mine) and (select number from newest) = $5
returning attempts, extract(epoch from finished_at)::float8
"""
_FAILED = f"select count(*) from stepwell.chunk where {_OF} and state = 'failed'"
# What was done last in this run; if nothing was, in the task's last run before it.
_RATE = f"""
with latest as (
  select rows, ms from stepwell.chunk where {_OF} and state = 'done' order by finished_at desc limit 50
), before as (
  select run from stepwell.plan where pipeline = $1 and task = $3 and run <> $2 and reconciled_at is not null
    and not exists (select from latest) order by reconciled_at desc limit 1
)
select coalesce(sum(rows), 0)::int8, coalesce(sum(ms), 0)::int8 from (
  table latest
  union all select rows, ms from stepwell.chunk join before using (run)
  where pipeline = $1 and task = $3 and state = 'done') known
"""
_TOTALS = f"""
select count(*), count(*) filter (where state = 'done'), count(*) filter (where state = 'failed'),
  coalesce(sum(rows), 0)::int8, coalesce(sum(rows_done), 0)::int8, coalesce(sum(ms), 0)::int8,
  count(distinct (lane, started_at)) filter (where state = 'done'), count(distinct lane) filter (where state = 'done')
from stepwell.chunk where {_OF}
"""
_WRONG = f"""
select chunk, lo, hi, null_column, shape, rows, coalesce(error, 'it was not run') from stepwell.chunk
where {_OF} and state <> 'done' order by state, chunk limit 5
"""
_STATES = f"""
select chunk, state, coalesce(rows_done, 0), coalesce(ms, 0), attempts, lane, error,
  extract(epoch from finished_at)::float8
from stepwell.chunk where {_OF} order by chunk
"""
_RECONCILED = f"update stepwell.plan set reconciled_at = clock_timestamp() where {_OF}"


class State(NamedTuple):
    """The attempt that the plan belongs to, whether its time is over, and how many rows make a good lot, if known.

    `transaction` is that in which a lot was taken.
    """

    number: int | None
    expired: bool
    lot: int | None
    transaction: int = 0


class Stored(NamedTuple):
    """A plan as it is in the ledger; moments are seconds since 1970, by the clock of the database."""

    number: int
    execution: str
    hash: str
    narrowed: Any
    params: dict[str, Any]
    key: dict[str, Any]
    chunks: int
    rows: int
    lanes: int
    expired: bool
    planned_at: float
    opened_at: float
    reconciled: bool
    now: float
    lot: int | None


class Draft(NamedTuple):
    """What is to be frozen: what the lanes run, for which key, with which parameters; `hash` is of all three."""

    hash: str
    narrowed: Any
    params: Mapping[str, Any]
    key: Mapping[str, Any]


class Lot(NamedTuple):
    """Neighbouring chunks that are run as one range, in one transaction."""

    chunks: tuple[Chunk, ...]
    alone: bool
    attempts: int

    @property
    def range(self) -> Range:
        return join(self.chunks[0].range, self.chunks[-1].range)

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def numbers(self) -> list[int]:
        return [chunk.number for chunk in self.chunks]


class Outcome(NamedTuple):
    """What a chunk has come to, and when (seconds since 1970, by the clock of the database), if anything was done."""

    chunk: int
    state: str
    rows: int
    ms: int
    attempts: int
    lane: int | None
    error: str | None
    moment: float | None


class Totals(NamedTuple):
    """What all chunks have come to. `rows` are those planned, `rows_done` those changed."""

    chunks: int
    done: int
    failed: int
    rows: int
    rows_done: int
    ms: int
    lots: int
    lanes: int


class Ledger(NamedTuple):
    """The part of the ledger that belongs to one task of one run. Who calls commits."""

    key: Key
    run: str

    def find(self, connection: TaskConnection) -> Stored | None:
        row = self._ask(connection, _FIND).fetchone()
        return None if row is None else Stored(*row)

    def store(
        self,
        connection: TaskConnection,
        number: int,
        execution: str,
        draft: Draft,
        plan: Plan,
        lanes: int,
        seconds: int,
    ) -> None:
        """Write the plan down, in place of one that is there."""
        self._ask(connection, _DROP)
        _ask(connection, _SWEEP, [self.key.pipeline, self.key.task])
        oversized = [_shown(chunk) for chunk in plan.chunks if chunk.number in set(plan.oversized)]
        head = [self.key.window, execution, number, draft.hash, Jsonb(draft.narrowed), Jsonb(dict(draft.params))]
        size = [Jsonb(dict(draft.key)), len(plan.chunks), plan.rows, lanes, Jsonb(oversized), seconds]
        self._ask(connection, _PLAN, *head, *size)
        self._ask(connection, _CHUNKS, Jsonb([_document(chunk) for chunk in plan.chunks]))

    def reopen(self, connection: TaskConnection, number: int, draft: Draft, lanes: int, seconds: int) -> None:
        """Go on with the plan that is there: what is done stays done."""
        frozen = [draft.hash, Jsonb(draft.narrowed), Jsonb(dict(draft.params))]
        self._ask(connection, _REOPEN, number, *frozen, lanes, seconds)

    def state(self, connection: TaskConnection) -> State:
        return State(*(self._ask(connection, _STATE).fetchone() or (None, False, None)))

    def found(self, connection: TaskConnection, number: int, rows: int) -> None:
        """So many rows make a good lot, all lanes are told."""
        self._ask(connection, _FOUND, number, rows)

    def rate(self, connection: TaskConnection) -> tuple[int, float]:
        """Rows, and the seconds that they took, of the chunks done last, in this run or else in the one before it."""
        rows, ms = self._ask(connection, _RATE).fetchone() or (0, 0)
        return rows, ms / 1000

    def take(
        self, connection: TaskConnection, at: int, fresh: bool, chunks: int, rows: int, lanes: int
    ) -> tuple[Lot, State] | None:
        """Lock what is to be run next, from the chunk `at` on or else from the first: a lot of at most so many chunks
        and about so many rows, but at least one chunk. None if nothing is free. The transaction gets its limits."""
        limit = limits(connection, _WATCH)
        for low, high in ((at, 2**31 - 1), (1, at - 1)):
            found = self._ask(connection, _TAKE, low, fresh, chunks, lanes, high, *limit).fetchall()
            if found:
                return _lot(found, rows), State(*found[0][8:])
        return None

    def left(self, connection: TaskConnection) -> tuple[int, int]:
        """How many chunks are not run yet, taken ones included; and how many of them have not been tried."""
        row = self._ask(connection, _LEFT).fetchone()
        assert row is not None
        return row[0], row[1]

    def done(
        self, connection: TaskConnection, number: int, lane: int, lot: Lot, rows: int, seconds: float, transaction: int
    ) -> list[Outcome]:
        """Turn the lot to done, last before the commit. Raises Superseded if a newer attempt has begun, and
        TransactionMisuse if this is not the transaction that it was begun in."""
        shares, times = _shared(rows, lot), _shared(round(seconds * 1000), lot)
        asked = [self.key.window, number, lane, seconds, lot.numbers, shares, times]
        newest, now, moment, attempts = self._ask(connection, _DONE, *asked).fetchone() or (None, 0, 0.0, [])
        if now != transaction:
            raise ended_by_task()
        if newest != number or len(attempts) != len(lot.chunks):
            raise superseded(self.key, number, newest)
        told = zip(lot.numbers, shares, times, attempts, strict=True)
        return [Outcome(chunk, "done", n, ms, tries, lane, None, moment) for chunk, n, ms, tries in told]

    def alone(self, connection: TaskConnection, number: int, lot: Lot) -> None:
        """These chunks are run one by one from now on."""
        self._ask(connection, _ALONE, self.key.window, number, lot.numbers)

    def tried(
        self, connection: TaskConnection, number: int, lane: int, lot: Lot, error: str, counts: bool, failed: bool
    ) -> Outcome | None:
        """A chunk that was run alone has not worked; None if it is not ours any more."""
        asked = [self.key.window, number, lot.numbers, int(counts), error, lane, failed]
        row = self._ask(connection, _TRIED, *asked).fetchone()
        state = "failed" if failed else "planned"
        return row and Outcome(lot.numbers[0], state, 0, 0, row[0], lane, error, row[1])

    def failed(self, connection: TaskConnection) -> int:
        row = self._ask(connection, _FAILED).fetchone()
        return row[0] if row else 0

    def totals(self, connection: TaskConnection) -> Totals:
        return Totals(*(self._ask(connection, _TOTALS).fetchone() or (0,) * 8))

    def wrong(self, connection: TaskConnection) -> list[str]:
        """Some of the chunks that are not done, and why."""
        rows = self._ask(connection, _WRONG).fetchall()
        return [f"{described(_chunk(row[:6]))}: {row[6]}" for row in rows]

    def outcomes(self, connection: TaskConnection) -> list[Outcome]:
        """What each chunk has come to so far."""
        return [Outcome(*row) for row in self._ask(connection, _STATES)]

    def reconciled(self, connection: TaskConnection) -> None:
        self._ask(connection, _RECONCILED)

    def _ask(self, connection: TaskConnection, query: str, *values: Any) -> psycopg.RawCursor[Any]:
        return _ask(connection, query, [self.key.pipeline, self.run, self.key.task, *values])


def open_run(connection: TaskConnection, key: Key) -> str | None:
    """The run of bare invocations that has not ended."""
    row = _ask(connection, _OPEN, list(key)).fetchone()
    return row[0] if row else None


def runs_of(connection: TaskConnection, key: Key) -> list[str]:
    """All runs that have a plan of the task."""
    return [run for (run,) in _ask(connection, _RUNS, list(key))]


def described(chunk: Chunk) -> str:
    """`chunk 7 (2026-03-01, P1 … 2026-03-02, P4; 9,998 rows)`."""
    range_ = chunk.range
    if range_.null is not None:
        keys = f"column {range_.null + 1} of the key is NULL"
    else:
        keys = " … ".join("open" if bound is None else ", ".join(map(str, bound)) for bound in (range_.lo, range_.hi))
    return f"chunk {chunk.number} ({keys}; {chunk.rows:,} rows)"


def _lot(found: Sequence[tuple[Any, ...]], rows: int) -> Lot:
    """The first chunk, with those of the chunks that follow that may be joined to it."""
    chunks = [_chunk(found[0][:6])]
    alone, attempts = found[0][6], found[0][7]
    size = chunks[0].rows
    for row in [] if alone or chunks[0].range.null is not None else found[1:]:
        chunk = _chunk(row[:6])
        size += chunk.rows
        if chunk.number != chunks[-1].number + 1 or chunk.range.null is not None or row[6] or size > _ABOUT * rows:
            break
        chunks.append(chunk)
    return Lot(tuple(chunks), alone, attempts)


def _shared(total: int, lot: Lot) -> list[int]:
    """A lot's number shared out among its chunks by their planned rows; the sum is the same to the last one."""
    weights = [chunk.rows + 1 for chunk in lot.chunks]
    whole, before, shares = sum(weights), 0, []
    for weight in weights:
        shares.append(total * (before + weight) // whole - total * before // whole)
        before += weight
    return shares


def _document(chunk: Chunk) -> dict[str, Any]:
    lo, hi, null, shape = chunk.range
    return {"chunk": chunk.number, "lo": lo, "hi": hi, "null_column": null, "shape": shape, "rows": chunk.rows}


def _shown(chunk: Chunk) -> dict[str, Any]:
    return {"chunk": chunk.number, "key": chunk.range.lo, "null_column": chunk.range.null, "rows": chunk.rows}


def _chunk(row: Sequence[Any]) -> Chunk:
    number, lo, hi, null, shape, rows = row
    return Chunk(number, Range(lo and tuple(lo), hi and tuple(hi), null, shape), rows)


def _ask(connection: TaskConnection, query: str, values: Sequence[Any]) -> psycopg.RawCursor[Any]:
    return psycopg.RawCursor(connection).execute(query, values)
