"""Worked examples, reckoned by hand: what AWS publishes, and what the example pipeline uses."""

from datetime import date
from decimal import Decimal as D
from pathlib import Path

import pytest

from stepwell.errors import ConfigurationError
from stepwell.insight.cost import amount, bill, memory_for, money, month_of, plain, total, usage_of, ways
from stepwell.insight.prices import Prices, prices, read_own
from stepwell.insight.usage import MACHINE, Call, Given, Share, in_lanes, of_definition
from stepwell.pipeline.compile import compile_machine
from stepwell.pipeline.find import find_pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "visits"
HERE = prices("us-east-1")


def transitions(number: int) -> D:
    return amount({"transition": D(number)}, HERE)


def test_three_transitions_and_twenty_transitions() -> None:
    assert transitions(3) == D("0.000075")
    assert transitions(20) == D("0.0005")


def test_thirty_runs_of_three_transitions_are_about_a_fifth_of_a_cent_a_month_and_free() -> None:
    month = {"transition": D(30 * 3)}
    assert amount(month, HERE) == D("0.00225")
    assert amount(month, HERE, free_tier=True) == 0


def test_the_examples_own_run_has_five_transitions() -> None:
    """Three tasks (validate_config, task_01, task_02), the Choice at which a run starts or resumes, and the Succeed at
    its end: AWS counts every state that is entered."""
    definition = compile_machine(find_pipeline(None, EXAMPLE), "arn:aws:lambda:us-east-1:123456789012:function:visits")
    shares = of_definition(definition, {})
    assert {share.task: share.transitions for share in shares} == {
        "validate_config": 1,
        "task_01": 1,
        "task_02": 1,
        MACHINE: 2,
    }
    assert amount(total(usage_of(share, 1024) for share in shares), HERE) == D("0.000125")


def published(gb_second: str) -> Prices:
    """With the price of a GB-second that the page had when it had this example."""
    return prices("us-east-1", own={"regions": {"us-east-1": {"gb_second_x86": gb_second}}})


def rounded(line: D) -> D:
    return line.quantize(D("0.01"))


@pytest.mark.parametrize(
    ("runs", "ms", "mb", "price", "compute", "requests", "sum_"),
    [
        (3_000_000, 1000, 512, "0.00001667", "18.34", "0.40", "18.74"),
        (30_000_000, 200, 128, "0.00001667", "5.83", "5.80", "11.63"),
        (3_000_000, 120, 1536, "0.0000166667", "2.33", "0.40", "2.73"),
    ],
)
def test_lambdas_published_examples_come_out_to_the_cent(
    runs: int, ms: int, mb: int, price: str, compute: str, requests: str, sum_: str
) -> None:
    """https://aws.amazon.com/lambda/pricing/, examples of several years."""
    one = usage_of(Share("f", 0, (Call(ms),)), mb)
    month = total([{"request": one["request"], "gb_second": one["gb_second"]}], runs)
    lines = {line.item: line.amount for line in bill(month, published(price), free_tier=True)}
    assert rounded(lines["gb_second"]) == D(compute)
    assert rounded(lines["request"]) == D(requests)
    assert rounded(sum(lines.values(), D(0))) == D(sum_)


def test_a_line_shows_its_multiplication() -> None:
    (line,) = bill({"transition": D(4100)}, HERE, free_tier=True)
    assert str(line) == "Step Functions: (4,100 - 4,000 free) transitions x $0.000025 = $0.0025"


def test_five_lanes_of_three_minutes_at_one_gigabyte() -> None:
    """900 GB-seconds: $0.015 on x86, $0.012 on arm64."""
    share = in_lanes("task_02", Given(900, 100_000, chunks=10, other=0), 5, 900)
    assert usage_of(share, 1024)["gb_second"] == 900
    assert amount({"gb_second": D(900)}, HERE) == D("0.01500003")
    assert amount({"gb_second": D(900)}, prices("us-east-1", "arm64")) == D("0.01200006")
    # The Parallel, the plan, the Map, the reconciliation; in each lane the call, the Choice after it, the end.
    assert share.transitions == 4 + 5 * 3
    assert len(share.calls) == 1 + 5 + 1


def test_a_lane_is_invoked_as_often_as_its_work_needs() -> None:
    """2,000 s in two lanes of 600 s, of which 570 s are used: 1,000 s each, in two invocations."""
    share = in_lanes("task_02", Given(2000, 100_000, chunks=10), 2, 600)
    assert share.transitions == 4 + 2 * (2 * 2 + 1)
    assert [call.ms for call in share.calls[1:-1]] == [500_000] * 4


def test_of_the_ways_those_that_cannot_be_are_told_with_the_reason() -> None:
    whole, lanes, mapped = ways("task_02", Given(1400, 50_000_000), 5000, 5, 900, 1024, HERE)
    assert whole.refused == "over Lambda's 900 s"
    assert mapped.refused == "over 25,000 events"
    assert (lanes.name, lanes.refused) == ("5 lanes", "")
    assert mapped.share.transitions == 5004
    assert lanes.cost < mapped.cost


def test_a_month_has_the_package_in_s3_the_logs_that_are_kept_and_what_starts_the_runs() -> None:
    month = month_of({"transition": D(5), "log_gb": D("0.001")}, D(30), scheduled=True)
    assert month == {
        "transition": D(150),
        "log_gb": D("0.030"),
        "log_gb_month": D("0.030"),
        "object_gb_month": D(20) / 1024,
        "put": D(1),
        "schedule": D(30),
    }


def test_the_memory_that_is_enough_leaves_three_tenths_to_spare() -> None:
    assert [memory_for(mb) for mb in (40, 196, 197, 9000)] == [256, 256, 512, 10_240]


def test_dollars_are_shown_to_two_figures_and_cents() -> None:
    sums = ("0", "0.000075", "0.0005", "0.00225", "0.705", "18.7334", "1234.5")
    shown = ["$0", "$0.000075", "$0.0005", "$0.0022", "$0.70", "$18.73", "$1,234.50"]
    assert [money(D(sum_)) for sum_ in sums] == shown
    assert [plain(D(n)) for n in ("0.000025", "1100000.50", "0")] == ["0.000025", "1,100,000.5", "0"]


# Prices


def test_each_price_has_a_source_and_what_is_not_known_of_a_region_says_so() -> None:
    assert HERE.of == date(2026, 11, 23)
    frankfurt, paris = prices("eu-central-1"), prices("eu-west-3")
    assert frankfurt.source["log_gb"].endswith("(from memory, not checked)")
    assert paris.price["transition"] == D("0.0000297")
    assert paris.source["write"].endswith("(of us-east-1: not known of eu-west-3)")
    assert all(source.startswith("https://aws.amazon.com/") for source in paris.source.values())


def test_a_region_without_prices_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match=r"'mars-1'; known: ap-northeast-1, .*--prices FILE"):
        prices("mars-1")


def test_a_file_of_the_users_own_takes_the_place_of_what_it_names() -> None:
    own = read_own('{"date": "2027-01-31", "regions": {"mars-1": {"transition": "0.00003"}}}', "own.json")
    mine = prices("mars-1", own=own)
    assert (mine.of, mine.price["transition"], mine.price["request"]) == (
        date(2027, 1, 31),
        D("0.00003"),
        D("0.0000002"),
    )
    assert mine.source["transition"] == "your own file"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "own.json is no price table"),
        ('{"regions": {"mars-1": {"transitions": "1"}}}', "unknown price 'transitions'"),
        ('{"regions": {"mars-1": {"transition": "dear"}}}', "own.json is no price table"),
        ('{"date": "yesterday"}', "own.json is no price table"),
    ],
)
def test_a_price_file_that_is_wrong_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_own(text, "own.json")
