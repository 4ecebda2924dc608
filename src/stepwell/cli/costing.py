"""What the cost of a run looks like: a table of its tasks, the bill of a month, and what would be cheaper."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from stepwell.cli.terminal import Terminal, count, duration, table
from stepwell.insight.cost import (
    Way,
    amount,
    bill,
    explained,
    memory_for,
    money,
    month_of,
    plain,
    total,
    usage_of,
    ways,
)
from stepwell.insight.prices import ITEMS, Prices
from stepwell.insight.usage import MACHINE, Given, Share

_LONG = 60  # seconds from which on it is worth knowing what other ways of doing a task would cost


class Costing(NamedTuple):
    """What is to be told: the shares of a run (`actual`: of one that has been), those that were expected `before` it.

    `tasks` says how each would be done in chunks: rows of a chunk, lanes, seconds of an invocation.
    """

    pipeline: str
    tasks: dict[str, tuple[int, int, int]]
    memory: int
    prices: Prices
    other: Prices
    runs: Decimal
    scheduled: bool
    shares: list[Share]
    given: dict[str, Given]
    names: list[str]
    actual: bool
    before: list[Share] | None

    def cost(self, shares: list[Share], prices: Prices | None = None, memory: int | None = None) -> Decimal:
        used = total(usage_of(share, memory or self.memory) for share in shares)
        return amount(used, prices or self.prices)

    def month(self, prices: Prices | None = None, free_tier: bool = False) -> Decimal:
        return amount(self.of_month, prices or self.prices, free_tier)

    @property
    def of_month(self) -> dict[str, Decimal]:
        run = total(usage_of(share, self.memory) for share in self.shares)
        return month_of(run, self.runs, self.scheduled)

    @property
    def used_mb(self) -> int | None:
        return max((share.mb for share in self.shares if share.mb), default=None)

    @property
    def known(self) -> dict[str, int]:
        """How many invocations are known, by how."""
        found: dict[str, int] = {}
        for share in self.shares:
            for call in share.calls:
                found[call.known] = found.get(call.known, 0) + 1
        return found

    def ways(self, task: str) -> list[Way]:
        """Whole against chunked, where the task works on rows."""
        given = self.given.get(task)
        if given is None or not given.rows or task not in self.tasks:
            return []
        rows, lanes, timeout = self.tasks[task]
        chunks = given.chunks or -(-given.rows // rows)
        return ways(task, given, chunks, lanes, timeout, self.memory, self.prices)


def show(terminal: Terminal, costing: Costing, explain: bool) -> None:
    for line in _lines(terminal, costing, explain):
        terminal.line(line)


def _lines(terminal: Terminal, costing: Costing, explain: bool) -> Iterator[str]:
    prices = costing.prices
    what = f"the run {costing.names[0]} costs" if costing.actual else "a run will cost"
    yield f"{terminal.bold(costing.pipeline)}: what {what} on AWS"
    yield terminal.dim(f"{prices.region}, {prices.arch}, {costing.memory:,} MB, prices of {prices.of}")
    yield terminal.dim(_known(costing))
    yield ""
    yield from _tasks(terminal, costing)
    yield ""
    yield from _month(terminal, costing)
    yield from _advice(terminal, costing)
    if explain:
        yield ""
        yield terminal.bold("a run")
        yield from (f"  {line}" for line in explained(costing.shares, costing.memory, prices))
        yield terminal.bold(f"a month of {costing.runs.normalize():,f} runs")
        yield from (f"  {line}" for line in bill(costing.of_month, prices, free_tier=True))
        yield terminal.bold("prices")
        used = {line.item for line in bill(costing.of_month, prices)}
        yield from (f"  {ITEMS[item][0]}: {prices.source[item]}" for item in ITEMS if item in used)


def _known(costing: Costing) -> str:
    if costing.actual:
        parts = ", ".join(f"{number} by {how}" for how, number in costing.known.items())
        return f"times of invocations: {parts}"
    missing = [share.task for share in costing.shares if not share.calls and share.task != MACHINE]
    if costing.names:
        runs = len(costing.names)
        told = "by the last run" if runs == 1 else f"by the median of the last {runs} runs"
    else:
        told = "there is no run to go by"
    return told + (f"; times not known: {', '.join(missing)} (--assume TASK=SECONDS)" if missing else "")


def _tasks(terminal: Terminal, costing: Costing) -> Iterator[str]:
    before = {share.task: share for share in costing.before or ()}
    last = "A MONTH" if costing.before is None else "EXPECTED"
    headers = ["TASK", "TRANSITIONS", "CALLS", "TIME", "GB-S", "A RUN", last]
    rows = [
        _row(costing, share.task, [share], [before[share.task]] if share.task in before else [])
        for share in costing.shares
    ]
    rows.append(_row(costing, "all", costing.shares, costing.before or []))
    head, *lines = table(headers, rows, right=range(1, len(headers)))
    yield terminal.bold(head)
    yield from lines[:-1]
    yield terminal.bold(lines[-1])
    retries = sum(share.retries for share in costing.shares)
    if retries:
        yield terminal.dim(f"of the transitions, {retries} {'is a retry' if retries == 1 else 'are retries'}")


def _row(costing: Costing, name: str, shares: list[Share], before: list[Share]) -> list[str]:
    cost = costing.cost(shares)
    gigabytes = total(usage_of(share, costing.memory) for share in shares).get("gb_second", Decimal(0))
    calls, ms = sum(len(share.calls) for share in shares), sum(share.ms for share in shares)
    return [
        name,
        count(sum(share.transitions for share in shares)),
        count(calls) if calls else "",
        duration(ms / 1000) if calls else "",
        f"{gigabytes:,.2f}" if calls else "",
        money(cost),
        money(cost * costing.runs if costing.before is None else costing.cost(before)),
    ]


def _month(terminal: Terminal, costing: Costing) -> Iterator[str]:
    prices, used = costing.prices, costing.of_month
    free = {line.item: line for line in bill(used, prices, free_tier=True)}
    rows = [
        [
            ITEMS[line.item][0],
            _quantity(line.quantity),
            ITEMS[line.item][1],
            money(line.amount),
            money(free[line.item].amount),
        ]
        for line in bill(used, prices)
    ]
    rows.append(["all", "", "", money(costing.month()), money(costing.month(free_tier=True))])
    runs = f"A MONTH OF {costing.runs.normalize():,f} RUNS"
    head, *lines = table((runs, "USES", "", "COSTS", "WITH FREE TIER"), rows, right=(1, 3, 4))
    yield terminal.bold(head)
    yield from lines[:-1]
    yield terminal.bold(lines[-1])


def _quantity(number: Decimal) -> str:
    if number == number.to_integral_value() or number >= 1000:
        return f"{number:,.0f}"
    return f"{number:,.2f}" if number >= 1 else plain(number.quantize(Decimal("0.0001")).normalize() or number)


def _advice(terminal: Terminal, costing: Costing) -> Iterator[str]:
    """What would cost less, and what the ways of doing a long task cost."""
    other = costing.cost(costing.shares, costing.other)
    yield ""
    yield f"on {costing.other.arch} a run costs {money(other)}, if it takes as long"
    used = costing.used_mb
    if used and (size := memory_for(used)) < costing.memory:
        less = costing.cost(costing.shares, memory=size)
        yield f"with {size:,} MB (it used {used:,}) a run costs {money(less)}, if the time is the database's"
    for share in costing.shares:
        found = costing.ways(share.task)
        if found and share.ms > _LONG * 1000:
            yield ""
            yield from _ways(terminal, share.task, found)


def _ways(terminal: Terminal, task: str, found: list[Way]) -> Iterator[str]:
    rows = [
        [
            way.name,
            count(way.share.transitions),
            count(len(way.share.calls)),
            duration(way.seconds),
            money(way.cost),
            way.refused,
        ]
        for way in found
    ]
    head, *lines = table((task.upper(), "TRANSITIONS", "CALLS", "TIME", "A RUN", ""), rows, right=(1, 2, 3, 4))
    yield terminal.bold(head)
    for way, line in zip(found, lines, strict=True):
        yield terminal.dim(line) if way.refused else line


def as_json(costing: Costing) -> dict[str, Any]:
    """The stable shape of `--json`; dollars are numbers."""
    prices = costing.prices
    before = {share.task: share for share in costing.before or ()}
    return {
        "pipeline": costing.pipeline,
        "kind": "actual" if costing.actual else "estimate",
        "runs_read": costing.names,
        "region": prices.region,
        "arch": prices.arch,
        "memory_mb": costing.memory,
        "prices_of": prices.of.isoformat(),
        "known_by": costing.known,
        "tasks": [_json_share(costing, share, before.get(share.task)) for share in costing.shares],
        "run": {
            "transitions": sum(share.transitions for share in costing.shares),
            "invocations": sum(len(share.calls) for share in costing.shares),
            "usd": float(costing.cost(costing.shares)),
            "usd_expected": float(costing.cost(costing.before)) if costing.before else None,
            f"usd_{costing.other.arch}": float(costing.cost(costing.shares, costing.other)),
        },
        "month": {
            "runs": float(costing.runs),
            "usd": float(costing.month()),
            "usd_with_free_tier": float(costing.month(free_tier=True)),
            "items": [
                {"item": line.item, "quantity": float(line.quantity), "usd": float(line.amount)}
                for line in bill(costing.of_month, prices)
            ],
        },
        "explained": explained(costing.shares, costing.memory, prices),
        "sources": {item: {"price": str(prices.price[item]), "source": prices.source[item]} for item in ITEMS},
    }


def _json_share(costing: Costing, share: Share, before: Share | None) -> dict[str, Any]:
    found = {
        "task": share.task,
        "transitions": share.transitions,
        "retries": share.retries,
        "invocations": len(share.calls),
        "ms": share.ms,
        "mb": share.mb,
        "rows": share.rows,
        "usd": float(costing.cost([share])),
        "usd_expected": float(costing.cost([before])) if before else None,
    }
    found["ways"] = [
        {
            "way": way.name,
            "transitions": way.share.transitions,
            "invocations": len(way.share.calls),
            "seconds": way.seconds,
            "usd": float(way.cost),
            "refused": way.refused or None,
        }
        for way in costing.ways(share.task)
    ]
    return found
