"""What a run costs: what it uses times the price, the free tier of a month, and the same done in other ways."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from stepwell.insight.prices import ITEMS, Prices
from stepwell.insight.usage import Given, Share, in_invocations, in_lanes, whole

GB = Decimal(1024)  # MB
LOGGED = 600  # bytes that an invocation writes into CloudWatch Logs: START, END, REPORT and a line or two
BUNDLE = 20  # MB of the function's package in S3
LONGEST = 900  # seconds of one invocation
_SPARE = Decimal("1.3")  # times the memory that was used
_SIZES = (256, 512, 768, 1024, 1536, 1769, 2048, 3008, 4096, 6144, 8192, 10_240)

Usage = dict[str, Decimal]


class Line(NamedTuple):
    """One multiplication: so many of an item (after what is free) at its price."""

    item: str
    quantity: Decimal
    free: Decimal
    price: Decimal
    amount: Decimal

    def __str__(self) -> str:
        name, unit = ITEMS[self.item]
        used = f"({plain(self.quantity)} - {plain(self.free)} free)" if self.free else plain(self.quantity)
        return f"{name}: {used} {unit} x ${plain(self.price)} = ${plain(self.amount)}"


def usage_of(share: Share, memory: int) -> Usage:
    """What a share uses, for a function of so many megabytes."""
    used = {
        "transition": Decimal(share.transitions),
        "request": Decimal(len(share.calls)),
        "gb_second": Decimal(share.ms) * memory / (1000 * GB),
        "write": Decimal(share.writes),
        "log_gb": Decimal(len(share.calls) * LOGGED) / 1_000_000_000,
    }
    return {item: quantity for item, quantity in used.items() if quantity}


def total(usages: Iterable[Usage], times: Decimal | int = 1) -> Usage:
    found: Usage = {}
    for usage in usages:
        for item, quantity in usage.items():
            found[item] = found.get(item, Decimal(0)) + quantity * times
    return found


def month_of(run: Usage, runs: Decimal, scheduled: bool) -> Usage:
    """Of so many runs, with the function's package in S3 and what starts them."""
    fixed: Usage = {"object_gb_month": Decimal(BUNDLE) / GB, "put": Decimal(1)}
    logs = run.get("log_gb", Decimal(0)) * runs
    return total([total([run], runs), fixed, {"schedule": runs} if scheduled else {}, {"log_gb_month": logs}])


def bill(usage: Usage, prices: Prices, free_tier: bool = False) -> list[Line]:
    """A line for each item. The free tier is that of a whole account: of a month, never of a run."""
    lines = []
    for item in ITEMS:
        quantity = usage.get(item, Decimal(0))
        if quantity:
            free = min(quantity, prices.free.get(item, Decimal(0))) if free_tier else Decimal(0)
            lines.append(Line(item, quantity, free, prices.price[item], (quantity - free) * prices.price[item]))
    return lines


def amount(usage: Usage, prices: Prices, free_tier: bool = False) -> Decimal:
    return sum((line.amount for line in bill(usage, prices, free_tier)), Decimal(0))


class Way(NamedTuple):
    """A way of doing a task: what it uses, what that costs, how long it takes, and why it cannot be done, if so."""

    name: str
    share: Share
    cost: Decimal
    seconds: float
    refused: str


def ways(task: str, given: Given, chunks: int, lanes: int, timeout: int, memory: int, prices: Prices) -> list[Way]:
    """Whole, in lanes, and with one invocation for each chunk."""
    alone, shared = whole(task, given), in_lanes(task, given._replace(chunks=chunks), lanes, timeout)
    mapped = in_invocations(task, given, chunks)
    lanes = min(lanes, chunks)
    too_long = f"over Lambda's {LONGEST} s" if given.seconds > LONGEST * 0.95 else ""
    too_many = "over 25,000 events" if chunks * 7 > 25_000 else ""
    return [
        _way("whole", alone, given.seconds, too_long, memory, prices),
        _way(f"{lanes} lane{'' if lanes == 1 else 's'}", shared, shared.ms / 1000 / lanes, "", memory, prices),
        _way("a call a chunk", mapped, mapped.ms / 1000 / lanes, too_many, memory, prices),
    ]


def _way(name: str, share: Share, seconds: float, refused: str, memory: int, prices: Prices) -> Way:
    return Way(name, share, amount(usage_of(share, memory), prices), seconds, refused)


def memory_for(used: int) -> int:
    """The smallest size that leaves three tenths to spare; below 256 MB a Python function has too little of a processor
    to start in good time."""
    return next((size for size in _SIZES if size >= used * _SPARE), _SIZES[-1])


def explained(shares: Iterable[Share], memory: int, prices: Prices) -> list[str]:
    """Every multiplication of a run, line by line."""
    lines = []
    for share in shares:
        retried = f" ({share.retries} of them retries)" if share.retries else ""
        told = f"{_so_many(share.transitions, 'transition')}{retried}, {_so_many(len(share.calls), 'invocation')}"
        lines.append(f"{share.task}: {told}")
        if share.calls:
            gigabytes = plain(Decimal(share.ms) * memory / (1000 * GB))
            lines.append(f"  {share.ms:,} ms x {memory:,} MB / 1,024 MB / 1,000 ms = {gigabytes} GB-s")
        lines += [f"  {line}" for line in bill(usage_of(share, memory), prices)]
    return lines


def _so_many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def plain(number: Decimal) -> str:
    """Without exponent and without zeros at the end: 0.000025, 1,100,000."""
    text = f"{number:,.10f}".rstrip("0").rstrip(".")
    return text if text not in ("0", "-0") or not number else f"{number:.2e}"


def money(sum_: Decimal) -> str:
    """Dollars to two figures, cents from a dollar on: $0.000075, $18.73."""
    if not sum_:
        return "$0"
    places = min(10, max(2, 1 - sum_.adjusted()))
    text = f"${sum_:,.{places}f}"
    return text if places == 2 else text.rstrip("0")


def by_task(shares: Iterable[Share], memory: int, prices: Prices) -> Mapping[str, Decimal]:
    """What each task costs in one run: for whoever shows a run."""
    return {share.task: amount(usage_of(share, memory), prices) for share in shares}
