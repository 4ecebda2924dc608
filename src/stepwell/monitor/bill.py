"""What a run costs, or would have cost, on AWS: by its history, for a function of the usual size."""

from functools import cache

from stepwell.errors import StepwellError
from stepwell.insight.cost import amount, money, total, usage_of
from stepwell.insight.prices import Prices, prices
from stepwell.insight.story import Story
from stepwell.insight.usage import of_story

MEMORY = 1024  # MB of the function


def cost(told: Story, region: str) -> str:
    """`$0.00042`; empty where the region's prices are not known, or nothing has ended yet."""
    known = _prices(region)
    if known is None or told.ended is None:
        return ""
    return money(amount(total(usage_of(share, MEMORY) for share in of_story(told)), known))


@cache
def _prices(region: str) -> Prices | None:
    try:
        return prices(region)
    except StepwellError:
        return None
