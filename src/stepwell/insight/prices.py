"""What AWS asks for what a run uses: a dated table by region, with its sources, that a file of the user's overrides."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from stepwell.errors import ConfigurationError

STALE = 180  # days after which prices may well have changed

# What is paid for: how it is called, and what one of it is. `gb_second` has a price for each processor.
ITEMS = {
    "transition": ("Step Functions", "transitions"),
    "request": ("Lambda requests", "requests"),
    "gb_second": ("Lambda compute", "GB-s"),
    "write": ("DynamoDB writes", "writes"),
    "read": ("DynamoDB reads", "reads"),
    "table_gb_month": ("DynamoDB storage", "GB-months"),
    "put": ("S3 writes", "PUTs"),
    "get": ("S3 reads", "GETs"),
    "object_gb_month": ("S3 storage", "GB-months"),
    "log_gb": ("CloudWatch Logs", "GB"),
    "log_gb_month": ("logs kept", "GB-months"),
    "schedule": ("EventBridge Scheduler", "starts"),
}
ARCHITECTURES = ("x86", "arm64")


class Prices(NamedTuple):
    """Of one region and processor: the price of one of each item, what is free of it each month, and how we know."""

    region: str
    arch: str
    of: date
    price: dict[str, Decimal]
    free: dict[str, Decimal]
    source: dict[str, str]

    def age(self, today: date) -> int:
        """In days."""
        return (today - self.of).days


def table(own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The table that comes with Stepwell; what `own` names, in the same form, takes its place."""
    shipped: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
    for region, prices in ((own or {}).get("regions") or {}).items():
        shipped["regions"][region] = shipped["regions"].get(region, {}) | prices
        shipped["sources"] |= {f"{region} {item}": "your own file" for item in prices}
    shipped["free"] |= (own or {}).get("free") or {}
    shipped["date"] = (own or {}).get("date") or shipped["date"]
    return shipped


def read_own(text: str, where: str) -> dict[str, Any]:
    """A price file of the user's: `{"date": "2027-01-31", "regions": {"eu-west-1": {"request": "0.0000002"}}}`."""
    try:
        own = json.loads(text)
        for prices in own.get("regions", {}).values():
            known = {item for item in prices if item in (*ITEMS, "gb_second_x86", "gb_second_arm64")}
            if unknown := sorted(set(prices) - known):
                raise ConfigurationError(f"{where}: unknown price {unknown[0]!r}; known: {', '.join(ITEMS)}")
            [Decimal(str(price)) for price in prices.values()]
        date.fromisoformat(own.get("date", "2000-01-01"))
    except (ValueError, TypeError, AttributeError, InvalidOperation) as error:
        raise ConfigurationError(
            f"{where} is no price table: {error}; write it like "
            '{"date": "2027-01-31", "regions": {"eu-west-1": {"transition": "0.000025"}}}'
        ) from None
    return dict(own)


def prices(region: str, arch: str = "x86", own: Mapping[str, Any] | None = None) -> Prices:
    """The prices of a region. What is not known of it is that of the base region, which its source then says."""
    known = table(own)
    if region not in known["regions"]:
        raise ConfigurationError(
            f"no prices are known of region {region!r}; known: {', '.join(sorted(known['regions']))}; "
            "give others with --prices FILE"
        )
    found, source = {}, {}
    for item in ITEMS:
        key = f"gb_second_{arch}" if item == "gb_second" else item
        found[item] = Decimal(str(known["regions"][region].get(key) or known["regions"][known["base"]][key]))
        source[item] = _source(known, region, key)
    free = {item: Decimal(str(quantity)) for item, quantity in known["free"].items()}
    return Prices(region, arch, date.fromisoformat(known["date"]), found, free, source)


def _source(known: Mapping[str, Any], region: str, key: str) -> str:
    own = known["sources"].get(f"{region} {key}")
    if own:
        return str(own)
    page: str = known["sources"][key]
    if key in known["unchecked"].get(region, ()):
        return f"{page} (from memory, not checked)"
    if key not in known["regions"][region] and key not in known["same_everywhere"]:
        return f"{page} (of {known['base']}: not known of {region})"
    return page
