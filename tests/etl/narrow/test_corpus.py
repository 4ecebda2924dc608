"""Tasks as people write them: each is narrowed right, or refused with the construct that speaks against it."""

from collections.abc import Callable

import pytest

from stepwell.errors import NotChunkSafe
from stepwell.etl.narrow import Narrowed, witness
from stepwell.etl.script import Script
from tests.etl.narrow.world import PARAMS, Task, World, corpus, difference

TASKS = corpus()


def narrowed(world: World, task: Task) -> Narrowed | str:
    try:
        return world.narrow(task.script, task.by)
    except NotChunkSafe as error:
        return error.message


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_gives_in_chunks_what_it_gives_whole_or_is_refused(
    world: World, task: Task, record_property: Callable[[str, object], None]
) -> None:
    """Nine chunks and the NULLs', in an order of chance, each in a transaction of its own; all tables are compared."""
    verdict = "safe" if task.safe else "unsafe"
    found = narrowed(world, task)
    if isinstance(found, str):
        record_property("narrowing", f"{verdict} refused")
        assert task.safe or f": {task.refused}" in found
        return
    assert len(world.ranges(found.key)) >= 8
    wrong = difference(world.whole(task.script), world.chunked(found))
    record_property("narrowing", f"{verdict} accepted{' different' if wrong else ''}")
    assert not wrong
    assert task.safe


def test_the_corpus_is_large_enough() -> None:
    assert len(TASKS) >= 60
    assert len([task for task in TASKS if not task.safe]) >= 12
    assert all(task.safe or task.refused for task in TASKS)


def test_at_least_85_percent_of_the_safe_tasks_are_accepted(world: World) -> None:
    safe = [task for task in TASKS if task.safe]
    accepted = [task for task in safe if not isinstance(narrowed(world, task), str)]
    assert len(accepted) >= 0.85 * len(safe)


@pytest.mark.parametrize("task", [task for task in TASKS if task.safe], ids=lambda task: task.name)
def test_a_safe_task_changes_something(world: World, task: Task) -> None:
    """Else it would prove nothing that whole and chunks agree."""
    change = difference(world.whole(Script("nothing.sql", ())), world.whole(task.script))
    assert change


def test_the_planner_bears_witness_for_every_accepted_task(world: World) -> None:
    """An empty chunk reads nothing; and of a chunk, each scan of the driving table is by the index on its key."""
    found = [(task, narrowed(world, task)) for task in TASKS if task.by == ("visit_date", "person")]
    for task, each in found:
        if isinstance(each, Narrowed):
            ranges = world.ranges(each.key)
            told = [finding for finding in witness(each, world.connection, ranges, PARAMS) if finding.fatal]
            world.connection.rollback()
            assert not told, task.name
