"""Tasks made by chance of safe and unsafe fragments: what is accepted is right."""

from collections.abc import Callable

import psycopg
import pytest

from stepwell.errors import NotChunkSafe
from stepwell.etl.script import Script
from tests.etl.narrow.fragments import Maker
from tests.etl.narrow.world import World, difference

BLOCK = 50


@pytest.mark.parametrize("first", range(0, 400, BLOCK))
def test_a_task_made_by_chance_is_right_in_chunks_if_it_is_accepted(
    small_world: World, first: int, record_property: Callable[[str, object], None]
) -> None:
    accepted = 0
    for seed in range(first, first + BLOCK):
        text = Maker(seed).task()
        script = Script.parse(text, f"{seed}.sql")
        try:
            narrowed = small_world.narrow(script, ("visit_date", "person"))
            whole = small_world.whole(script)
        except NotChunkSafe:
            continue
        except (psycopg.errors.CardinalityViolation, psycopg.errors.UniqueViolation):
            continue  # the task itself is wrong on this data
        accepted += 1
        wrong = difference(whole, small_world.chunked(narrowed, seed))
        assert not wrong, text
    record_property("by chance", accepted)
    assert accepted >= BLOCK // 10


def test_a_seed_makes_the_same_task_again() -> None:
    assert Maker(7).task() == Maker(7).task() != Maker(8).task()
