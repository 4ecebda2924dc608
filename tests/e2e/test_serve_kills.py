"""SIGKILL of `serve` while executions map, fork, wait and call; the big one is `./dev bench kills`."""

from pathlib import Path

from benchmarks.kills import Trial


def test_a_killed_server_goes_on_where_it_was_and_does_nothing_twice_whose_result_is_on_disk(tmp_path: Path) -> None:
    outcome = Trial(tmp_path, executions=6, kills=4, seconds=2, seed=1).run()
    assert outcome.broken == []
    assert outcome.kills == 4
