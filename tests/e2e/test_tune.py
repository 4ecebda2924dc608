"""`stepwell tune` measures on the user's own data, keeps nothing, and recommends what is enough."""

from stepwell.pipeline.tuning import Speed, smallest
from tests.e2e.conftest import Project
from tests.e2e.test_prove import chunked


def test_sizes_and_lanes_are_measured_and_nothing_is_kept(visits: Project) -> None:
    visits("run")
    visits.sql("truncate care.conflicts")
    chunked(visits)
    found = visits.json("tune", "task_02", "--seconds", "30")
    sizes = [each["of"] for each in found["sizes"]]
    assert sizes[:4] == [500, 1_000, 2_000, 5_000]
    assert found["best_rows"] in sizes
    assert [each["of"] for each in found["lanes"]][:2] == [1, 2]
    assert all(each["speed"] > 0 for each in found["sizes"] + found["lanes"])
    assert found["memory_mb"] >= found["mb"] > 0
    told = visits("tune", "task_02", "--seconds", "30").stdout
    assert 'chunks=Chunks("staging.visits", by=("visit_date", "person"), rows=' in told
    assert visits.sql("select count(*) from care.conflicts") == [(0,)]
    assert visits.sql("select count(*) from stepwell.plan") == [(0,)]


def test_a_task_that_is_not_in_chunks_is_told_how_to_be(visits: Project) -> None:
    assert "stepwell forecast --diff task_02" in visits("tune", "task_02", code=2).stderr


def test_the_smallest_that_is_nearly_as_fast_is_enough() -> None:
    speeds = [Speed(500, 1, 1, 90), Speed(1000, 1, 1, 96), Speed(2000, 1, 1, 100), Speed(5000, 1, 1, 80)]
    assert smallest(speeds, 0.95) == 1000
    assert smallest(speeds, 0.90) == 500
