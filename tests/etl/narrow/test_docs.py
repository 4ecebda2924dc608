"""What docs/narrowing.md says of its examples is so."""

import re
from pathlib import Path

import pytest

from stepwell.errors import NotChunkSafe
from stepwell.etl.script import Script
from tests.etl.narrow.world import World, difference

TEXT = (Path(__file__).parents[3] / "docs" / "narrowing.md").read_text()
EXAMPLES = re.findall(r"```sql\n-- (\w+)(?:: ([^\n]+))?\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("verdict", "construct", "text"), EXAMPLES)
def test_an_example_is_accepted_or_refused_as_it_says(world: World, verdict: str, construct: str, text: str) -> None:
    script = Script.parse(text, "sql/task_02.sql")
    if verdict == "refused":
        with pytest.raises(NotChunkSafe, match=f": {construct}: ") as caught:
            world.narrow(script, ("visit_date", "person"))
        assert caught.value.message.split("\n", 1)[1] in TEXT
        return
    narrowed = world.narrow(script, ("visit_date", "person"))
    assert narrowed.placed == (verdict == "placed")
    wrong = difference(world.whole(script), world.chunked(narrowed))
    assert bool(wrong) == narrowed.placed


def test_there_are_examples_of_all_kinds() -> None:
    assert {verdict for verdict, _, _ in EXAMPLES} == {"accepted", "refused", "placed"}
