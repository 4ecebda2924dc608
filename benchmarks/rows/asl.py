"""Rows of engines behind the Step Functions API: latency, transitions, many executions, Map, history."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.peers.definitions import chain, distributed_map, inline_map
from benchmarks.peers.floors import Static
from benchmarks.peers.servers import POLL, Engine, Served, not_durable
from benchmarks.rows.rows import Bench, over

CLIENTS = 8
MANY = 200
LONG = 4_999  # two events each, and the first and the last: 10,000
CHILDREN = 10_000


def startup(bench: Bench) -> None:
    """From the start of the process until an execution has been seen to succeed; then, what it holds when idle."""
    idle: dict[str, list[float]] = {engine.name: [] for engine in bench.engines}

    def once(engine: Engine) -> float:
        folder = bench.folder / "startup"
        shutil.rmtree(folder, ignore_errors=True)
        served = Served(engine, folder)
        begun = time.perf_counter()
        served.start()
        served.run(served.machine("m", chain(1)), poll=0.002)
        seconds = time.perf_counter() - begun
        time.sleep(0.5)
        idle[engine.name].append(served.memory())
        served.end(signal.SIGKILL)
        return seconds

    found = bench.turns("start to first SUCCEEDED", "s", {e.name: partial(once, e) for e in bench.engines})
    for name, values in idle.items():
        bench.note("memory when idle", name, "MB", values[1:])
    bench.at_most("start to first SUCCEEDED / ministack", over(found, "stepwell", "ministack"), 0.35)
    bench.at_most("memory when idle, MB", bench.rows[-len(idle)].median, 60)


def single(bench: Bench) -> None:
    """One execution of five Pass states, from its start until its end is seen."""

    def once(served: Served, machine: str) -> float:
        begun = time.perf_counter()
        for _ in range(10):
            served.run(machine, poll=0.0005)
        return (time.perf_counter() - begun) * 100

    found = bench.turns("one execution of 5 Pass", "ms", _each(bench, once, "five", chain(5)))
    bench.at_most("one execution of 5 Pass / moto", over(found, "stepwell", "moto"), 0.5)


def long_chain(bench: Bench) -> None:
    """One execution of 4,999 Pass states, as its caller sees it."""

    def once(served: Served, machine: str) -> float:
        begun = time.perf_counter()
        served.run(machine)
        return LONG / (time.perf_counter() - begun)

    found = bench.turns(f"chain of {LONG:,} Pass", "transitions/s", _each(bench, once, "long", chain(LONG)))
    bench.at_least(f"chain of {LONG:,} Pass / ministack", over(found, "stepwell", "ministack"), 1.5)


def durability(bench: Bench) -> None:
    """The same chain with synchronous=FULL and with OFF: what it costs that every event is on the disk."""

    def once(served: Served, machine: str) -> float:
        begun = time.perf_counter()
        served.run(machine, poll=0.002)
        return (time.perf_counter() - begun) * 1000

    two = {served.name: served for served in (bench.ours, bench.served(not_durable()))}
    contenders = {name: partial(once, served, served.machine("price", chain(LONG))) for name, served in two.items()}
    found = bench.turns(f"chain of {LONG:,} Pass, price of durability", "ms", contenders, 2 * bench.chosen.runs)
    bench.at_most("price of durability: FULL / OFF", over(found, *two), 1.2)


def many(bench: Bench) -> None:
    """200 executions of five states, started by eight clients at once, until ListExecutions has none that is running.

    Beside them what boto3 itself needs: the same calls to a server that answers with ready bytes. Then the same with
    a DescribeExecution of each, 200 calls of boto3 more than it takes to know; a row without a goal.
    """

    def once(seen: Callable[[Served, str, list[str]], None], served: Served, machine: str) -> float:
        begun = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            arns = list(pool.map(lambda _: served.started(machine), range(MANY)))
            seen(served, machine, arns)
        seconds = time.perf_counter() - begun
        served.ended(arns[-1])
        return MANY / seconds

    machines = {served: served.machine("some", chain(5)) for served in bench.all.values()}
    with Static([_answer(bench.ours, machines[bench.ours])]) as static:
        machines[Served(Engine("ready bytes", []), bench.folder, static.port)] = machines[bench.ours]
        for measure, seen in (("at once", _none_runs), ("at once, each described", _each_described)):
            contenders = {served.name: partial(once, seen, served, machine) for served, machine in machines.items()}
            found = bench.turns(f"{MANY} executions of 5 Pass {measure}", "executions/s", contenders)
            if seen is _none_runs:
                bench.at_least(f"{MANY} executions at once / ministack", over(found, "stepwell", "ministack"), 1.5)


def _none_runs(served: Served, machine: str, _: list[str]) -> None:
    while served.sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
        time.sleep(POLL)


def _each_described(served: Served, _: str, arns: list[str]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(served.ended, arns))


def _answer(served: Served, machine: str) -> bytes:
    """What answers each of the three calls: an execution that has ended, and a list without any."""
    described = served.sfn.describe_execution(executionArn=served.run(machine))
    return json.dumps(described | {"executions": []}, default=lambda moment: moment.timestamp()).encode()


def maps(bench: Bench) -> None:
    """An inline Map over items of one Pass state each."""
    rates = {}
    for size in (1_000, 5_000):

        def once(served: Served, machine: str, size: int = size) -> float:
            items = {"items": list(range(size))}
            begun = time.perf_counter()
            served.run(machine, items)
            return size / (time.perf_counter() - begun)

        contenders = _each(bench, once, f"map{size}", inline_map())
        rates[size] = bench.turns(f"inline Map of {size:,} items", "items/s", contenders)
    small, large = rates.values()
    bench.at_least("inline Map of 1,000 / ministack", over(small, "stepwell", "ministack"), 3)
    others = [rate for name, rate in large.items() if name != "stepwell"]
    if others:
        bench.at_least("inline Map of 5,000 / best other", large["stepwell"] / max(others), 10)
    bench.at_most("inline Map, wall of 5,000 / wall of 1,000", 5 * small["stepwell"] / large["stepwell"], 5.5)


def distributed(bench: Bench) -> None:
    """A distributed Map of 10,000 child executions of one Pass state; ours alone, the others keep no such children."""
    ours = bench.ours
    machine = ours.machine("children", distributed_map())

    def once() -> float:
        begun = time.perf_counter()
        ours.run(machine, {"items": list(range(CHILDREN))}, poll=0.05)
        return CHILDREN / (time.perf_counter() - begun)

    found = bench.turns(f"distributed Map of {CHILDREN:,} children", "children/s", {"stepwell": once}, 3)
    bench.note("… memory at most", "stepwell", "MB", [ours.memory(peak=True)])
    bench.at_least("distributed Map, children/s", found["stepwell"], 1_000)
    bench.at_most("distributed Map, memory at most, MB", ours.memory(peak=True), 300)


def history(bench: Bench) -> None:
    """The 10,000 events of the long chain in pages of 1,000, beside the same pages as ready bytes."""
    contenders: dict[str, Any] = {}
    for name, served in bench.all.items():
        arn = served.run(served.machine("history", chain(LONG)))
        contenders[name] = partial(_read_history, served.sfn, arn)
    pages = _pages(bench.ours, arn_of=contenders["stepwell"].args[1])
    with Static(pages) as static:
        contenders["static pages"] = partial(_read_history, static.client, contenders["stepwell"].args[1])
        found = bench.turns("history of 10,000 events", "s", contenders)
    bench.at_most("history of 10,000 events / static pages", over(found, "stepwell", "static pages"), 1.15)


def _read_history(client: Any, arn: str) -> float:
    begun = time.perf_counter()
    count, token = 0, {}
    while True:
        page = client.get_execution_history(executionArn=arn, maxResults=1000, **token)
        count += len(page["events"])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert count == 2 * LONG + 2, count
    return time.perf_counter() - begun


def _pages(served: Served, arn_of: str) -> list[bytes]:
    """Our own pages, as bytes; the token of the next one is its number."""
    pages, token = [], {}
    while True:
        page = served.sfn.get_execution_history(executionArn=arn_of, maxResults=1000, **token)
        following = page.get("nextToken")
        events = [event | {"timestamp": event["timestamp"].timestamp()} for event in page["events"]]
        pages.append(
            json.dumps({"events": events} | ({"nextToken": str(len(pages) + 1)} if following else {})).encode()
        )
        if not following:
            return pages
        token = {"nextToken": following}


def _each(bench: Bench, once: Any, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """The same work for every contender, its machine made beforehand."""
    return {each: partial(once, served, served.machine(name, definition)) for each, served in bench.all.items()}


ROWS = {
    "startup": startup,
    "single": single,
    "chain": long_chain,
    "many": many,
    "map": maps,
    "distributed": distributed,
    "history": history,
    "durability": durability,
}
