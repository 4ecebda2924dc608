"""What every store of progress promises, for SQLite and for DynamoDB."""

import random
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from stepwell.errors import ProgressUnavailable
from stepwell.progress import Progress, open_progress
from tests.progress.samples import NOW, TASK, chunk, plan

ROOT = Path(__file__).parents[2]
UNUSABLE = ["sqlite:////dev/null/progress.db", "dynamodb://absent?endpoint=http://127.0.0.1:9&region=eu-central-1"]


def test_of_what_nobody_told_nothing_is_known(store: Progress) -> None:
    assert (store.summary(*TASK), store.summaries(), store.chunks(*TASK)) == (None, [], [])


def test_a_chunk_is_read_as_it_was_told(store: Progress) -> None:
    states = [
        chunk(0, rows=0, ms=0, lane=0),
        chunk(1, state="failed", error="DataError: «naïve» key\nDETAIL: twice", attempts=3),
        chunk(2, state="planned", rows=0, ms=0, attempts=0, at=None, lane=None),  # type: ignore[arg-type]
        chunk(3, at=NOW + 0.123, rows=2**40),
    ]
    assert store.record(states)
    assert store.chunks(*TASK) == states


def test_a_summary_counts_the_chunks_that_were_told(store: Progress) -> None:
    assert store.plan(plan())
    assert store.summary(*TASK) == plan()
    store.record([chunk(0), chunk(1, at=NOW + 7), chunk(2, state="failed", rows=5)])
    assert store.summary(*TASK) == plan(done=2, failed=1, rows=200, updated_at=NOW + 7)


def test_chunks_come_in_their_order(store: Progress) -> None:
    store.record([chunk(number) for number in random.Random(1).sample(range(1, 1200, 9), 130)])
    numbers = [state.chunk for state in store.chunks(*TASK)]
    assert (len(numbers), numbers) == (130, sorted(numbers))


def test_chunks_that_do_not_fit_into_one_answer_are_all_found(store: Progress) -> None:
    """DynamoDB answers with at most 1 MB at a time."""
    states = [chunk(number, state="failed", error=f"{number}" * 60_000) for number in range(10, 40)]
    store.record(states)
    assert store.chunks(*TASK) == states


def test_telling_the_same_twice_changes_nothing(store: Progress) -> None:
    store.plan(plan())
    for _ in range(3):
        store.record([chunk(0), chunk(1), chunk(0)])
    assert store.summary(*TASK) == plan(done=2, rows=200, updated_at=NOW + 1)


def test_an_older_state_never_replaces_a_newer_one(store: Progress) -> None:
    newest = chunk(4, attempts=2, at=NOW + 5)
    store.record([newest])
    store.record([chunk(4, attempts=1, at=NOW + 9, state="failed", error="late")])  # an earlier attempt, told later
    store.record([chunk(4, attempts=2, at=NOW + 4, state="failed", error="before")])
    store.record([newest._replace(rows=7)])
    assert store.chunks(*TASK) == [newest]


@pytest.mark.parametrize("seed", range(5))
def test_in_whatever_order_states_arrive_the_newest_stays(store: Progress, seed: int) -> None:
    dice = random.Random(seed)
    told = [
        chunk(number, attempts=attempt, at=NOW + dice.random().__round__(3), state=dice.choice(["done", "failed"]))
        for number in range(6)
        for attempt in (1, 2, 2, 3)
    ]
    newest = [max((s for s in told if s.chunk == n), key=lambda s: s.version) for n in range(6)]
    batches = [dice.choices(told, k=9) for _ in range(6)] + [dice.sample(told, k=len(told))]
    for batch in batches:
        store.record(batch)
    assert store.chunks(*TASK) == newest


LANE = """
import sys
from stepwell.progress import open_progress
from tests.progress.samples import chunk
url, lane, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = open_progress(url)
for first in range(0, size, 4):
    # its own chunks, the neighbour's as well, and an older state of them
    numbers = range(first, first + 4)
    assert store.record([chunk(n + 1000 * other, rows=n) for n in numbers for other in (lane, lane + 1)])
    assert store.record([chunk(n + 1000 * lane, attempts=0, state="failed") for n in numbers])
store.close()
"""


def test_five_lanes_write_at_once(store: Progress, url: str) -> None:
    """Five processes, each of which tells half of what its neighbour tells, into a store that is not there yet."""
    size = 40
    lanes = [subprocess.Popen([sys.executable, "-c", LANE, url, str(lane), str(size)], cwd=ROOT) for lane in range(5)]
    store.plan(plan(6 * size))
    assert [lane.wait(120) for lane in lanes] == [0] * 5
    summary = store.summary(*TASK)
    assert summary is not None
    assert (summary.done, summary.failed, summary.rows) == (6 * size, 0, 6 * sum(range(size)))


def test_threads_share_a_store(store: Progress) -> None:
    def work(lane: int) -> None:
        for number in range(10):
            store.record([chunk(10 * lane + number)])

    threads = [Thread(target=work, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.chunk for state in store.chunks(*TASK)] == list(range(40))


def test_a_task_that_goes_on_keeps_its_chunks(store: Progress) -> None:
    store.plan(plan())
    store.record([chunk(0)])
    store.rebuild(plan(state="failed", updated_at=NOW + 3), [chunk(0), chunk(1, state="failed")])
    store.plan(plan(updated_at=NOW + 60))
    assert store.summary(*TASK) == plan(done=1, failed=1, rows=100, updated_at=NOW + 60)


def test_another_plan_removes_what_the_one_before_recorded(store: Progress) -> None:
    store.plan(plan())
    store.record([chunk(0, attempts=5), chunk(1)])
    newer = plan(7, started_at=NOW + 100, updated_at=NOW + 100)
    store.plan(newer)
    assert (store.summary(*TASK), store.chunks(*TASK)) == (newer, [])
    store.record([chunk(0, at=NOW + 101)])
    assert [state.attempts for state in store.chunks(*TASK)] == [1]


def test_chunks_that_were_faster_than_their_plan_stay(store: Progress) -> None:
    store.record([chunk(0, at=NOW + 101)])
    store.plan(plan(7, started_at=NOW + 100, updated_at=NOW + 100))
    assert [state.chunk for state in store.chunks(*TASK)] == [0]


def test_an_older_plan_and_older_news_of_the_same_change_nothing(store: Progress) -> None:
    ended = plan(state="done", updated_at=NOW + 50)
    store.rebuild(ended, [chunk(number) for number in range(10)])
    store.plan(plan(updated_at=NOW + 49))
    store.plan(plan(3, started_at=NOW - 100, updated_at=NOW + 90))
    assert store.summary(*TASK) == ended._replace(done=10, rows=1000)


def test_news_of_the_same_moment_is_taken(store: Progress) -> None:
    store.plan(plan(lanes=1))
    store.plan(plan(lanes=2))
    assert store.summary(*TASK) == plan(lanes=2)


def test_a_rebuild_makes_it_equal_to_the_ledger(store: Progress) -> None:
    """Whatever was lost, doubled, late or never true: also what carries a newer version."""
    store.plan(plan(60, started_at=NOW + 500))
    store.record([chunk(0, attempts=9, state="failed"), chunk(1), chunk(2), chunk(99)])
    ledger = [chunk(number, rows=number) for number in range(1, 61)] + [chunk(61, state="failed", error="no")]
    ended = plan(61, state="failed", updated_at=NOW + 9)
    assert store.rebuild(ended, ledger)
    assert store.chunks(*TASK) == ledger
    assert store.summary(*TASK) == ended._replace(done=60, failed=1, rows=sum(range(61)))


def test_a_lost_batch_is_missing_until_the_rebuild_and_shifts_nothing(store: Progress) -> None:
    store.plan(plan(4))
    store.record([chunk(0)])
    store.record([chunk(2, state="failed")])  # of chunk 1 nothing was heard
    store.record([chunk(2, attempts=2)])
    summary = store.summary(*TASK)
    assert summary is not None
    assert (summary.done, summary.failed, summary.rows) == (2, 0, 200)
    store.rebuild(plan(4, state="done"), [chunk(0), chunk(1), chunk(2, attempts=2), chunk(3)])
    summary = store.summary(*TASK)
    assert summary is not None
    assert (summary.done, summary.failed, summary.rows) == (4, 0, 400)


def test_summaries_are_found_by_pipeline_and_run_the_newest_first(store: Progress) -> None:
    told = [
        plan(pipeline=pipeline, run=run, task=task, started_at=NOW + offset, updated_at=NOW + offset)
        for offset, (pipeline, run, task) in enumerate(
            [("a", "1", "task_01"), ("a", "1", "task_02"), ("a", "2", "task_01"), ("b", "1", "task_01")]
        )
    ]
    for summary in told:
        store.plan(summary)
    assert store.summaries() == told[::-1]
    assert store.summaries("a") == [told[2], told[1], told[0]]
    assert store.summaries("a", "1") == [told[1], told[0]]
    assert store.summaries(run="1") == [told[3], told[1], told[0]]
    assert store.summaries("c") == []


@pytest.mark.parametrize("state", ["running", "done", "failed"])
def test_a_list_of_summaries_has_their_counts(store: Progress, state: str) -> None:
    store.rebuild(plan(state=state), [chunk(0, at=NOW), chunk(1, at=NOW), chunk(2, state="failed", at=NOW)])
    expected = [plan(state=state, done=2, failed=1, rows=200)]
    assert store.summaries() == store.summaries(TASK[0]) == store.summaries(TASK[0], TASK[1]) == expected


def test_tasks_whose_names_begin_alike_are_kept_apart(store: Progress) -> None:
    for task in ("task_1", "task_11"):
        store.plan(plan(task=task))
        store.record([chunk(0)._replace(task=task)])
    assert [state.task for state in store.chunks(TASK[0], TASK[1], "task_1")] == ["task_1"]
    summary = store.summary(TASK[0], TASK[1], "task_1")
    assert summary is not None
    assert summary.done == 1


@pytest.mark.parametrize("url", UNUSABLE, ids=["sqlite", "dynamodb"])
def test_what_writes_never_raises_and_says_why_it_did_not(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    broken = open_progress(url)
    written = broken.plan(plan()), broken.record([chunk(n) for n in range(20)]), broken.rebuild(plan(), [chunk(0)])
    assert written == (False, False, False)
    said = capfd.readouterr().err
    assert "progress was not written; the data is not affected" in said
    broken.close()


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "progress.db").write_text("this is no database, and long enough to be seen as none" * 10)
    for url in (f"sqlite:///{tmp_path / 'progress.db'}", UNUSABLE[1]):
        broken = open_progress(url)
        with pytest.raises(ProgressUnavailable, match=r"(progress\.db|absent) cannot be read"):
            broken.summary(*TASK)
        broken.close()
