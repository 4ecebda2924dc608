"""The command, on the journal and the progress of real runs: the task writes its progress as a lane does."""

import json
import os
import pty
import select
import subprocess
import termios
from typing import Any

import pytest

from stepwell.progress import open_progress
from tests.cli.conftest import COMMAND
from tests.progress.samples import chunk, plan

CHUNKED = """
import pathlib, time
from stepwell import Pipeline
from stepwell.progress import ChunkState, Summary, open_progress
from stepwell.progress.writer import Writer

pipeline = Pipeline("nightly", params={"fail": 0})

@pipeline.task
def task_01(context):
    progress, begun = open_progress(), time.time()
    names = context.pipeline, context.run, context.task
    summary = Summary(*names, 4, 0, 0, 0, 400, begun, begun, 2, "running")
    progress.plan(summary)
    key = context.run, context.pipeline, context.task
    states = [ChunkState(*key, n, "done", 100, 5, 1, n % 2, None, time.time()) for n in range(4)]
    with Writer(progress, linger=0) as writer:
        writer.put(states[:3])
        pathlib.Path("begun").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        if context.params["fail"]:
            states[3] = states[3]._replace(state="failed", rows=0, error="DataError: broken\\nDETAIL: x")
        writer.put(states[3:])
    end = summary._replace(state="failed" if context.params["fail"] else "done", updated_at=time.time())
    progress.rebuild(end, states)
    progress.close()
    assert not context.params["fail"], "not all chunks are done"
"""


@pytest.fixture
def chunked(empty: Any) -> Any:
    empty.write("pipeline.py", CHUNKED)
    return empty


@pytest.fixture
def done(chunked: Any) -> Any:
    chunked.write("go", "")
    chunked.said("run", "--name", "good")
    return chunked


def test_functions_of_this_machine_write_into_the_home_folder(done: Any) -> None:
    assert (done.folder / ".stepwell" / "progress.db").exists()
    store = open_progress(f"sqlite:///{done.folder / '.stepwell' / 'progress.db'}")
    assert [(s.pipeline, s.run, s.task, s.done) for s in store.summaries()] == [("nightly", "good", "task_01", 4)]
    store.close()


def test_functions_write_where_the_environment_says(chunked: Any) -> None:
    chunked.write("go", "")
    elsewhere = f"sqlite:///{chunked.folder / 'elsewhere.db'}"
    chunked.said("run", "--name", "good", STEPWELL_PROGRESS=elsewhere)
    assert not (chunked.folder / ".stepwell" / "progress.db").exists()
    assert "100.0 %  4/4 chunks" in chunked.said("progress", STEPWELL_PROGRESS=elsewhere)
    assert "100.0 %  4/4 chunks" in chunked.said("progress", "goo", STEPWELL_PROGRESS=elsewhere)


def test_a_run_that_is_over_is_told_in_plain_text(done: Any) -> None:
    said = done.said("progress")
    head, empty, line, figures, *_ = said.splitlines()
    assert (head, empty) == ("nightly  good  succeeded", "")
    assert line == f"  task_01  ▕{'█' * 40}▏ 100.0 %  4/4 chunks"
    assert figures.strip().startswith("400 rows   ")
    assert "done in" in figures
    assert "\033" not in said


def test_as_json_it_has_all_figures(done: Any) -> None:
    told = done.json("progress", "good", "--json")
    (task,) = told.pop("tasks")
    assert told == {"run": "good", "pipeline": "nightly", "status": "SUCCEEDED"}
    assert {name: task[name] for name in ("task", "state", "chunks", "done", "failed", "rows", "rows_planned")} == {
        "task": "task_01", "state": "done", "chunks": 4, "done": 4, "failed": 0, "rows": 400, "rows_planned": 400,
    }  # fmt: skip
    assert task["lanes"][1] == {"lane": 1, "done": 2, "failed": 0, "rows": 200, "seconds": 0.01}
    assert task["slowest"][0]["chunk"] == 0
    assert task["started"].endswith("+00:00")


def test_a_bare_invocation_is_found_by_its_run(done: Any) -> None:
    done.said("invoke", "task_01")
    store = open_progress(f"sqlite:///{done.folder / '.stepwell' / 'progress.db'}")
    (run,) = (s.run for s in store.summaries() if s.run != "good")
    store.close()
    assert run.startswith("invoke-")
    assert done.said("progress", run).startswith(f"nightly  {run}\n")
    assert done.said("progress").startswith("nightly  good")


def test_following_ends_with_the_run_and_a_pipe_gets_a_line_for_each_change(chunked: Any) -> None:
    running = chunked.started("run", "--name", "good")
    chunked.wait_for("begun")
    with subprocess.Popen(
        [*COMMAND, "progress", "--follow"],
        cwd=chunked.folder,
        env=chunked.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout
        for line in following.stdout:
            if "3/4 chunks" in line:
                break
        assert line.startswith("task_01  75.0 %   3/4 chunks   300 rows   ")
        chunked.write("go", "")
        rest = following.stdout.read()
    assert running.wait(60) == 0
    running.stdout.close()
    assert following.returncode == 0
    assert "nightly  good  succeeded" in rest
    assert "100.0 %  4/4 chunks" in rest


def test_following_a_run_that_fails_shows_what_failed_and_exits_with_1(chunked: Any) -> None:
    chunked.write("go", "")
    assert chunked.run("run", "--name", "bad", "--input", '{"fail": 1}').returncode == 1
    followed = chunked.run("progress", "--follow")
    assert followed.returncode == 1
    assert "nightly  bad  failed" in followed.stdout
    assert "3/4 chunks, 1 failed" in followed.stdout
    assert "failed: chunk 3, lane 1: DataError: broken\n" in followed.stdout


def test_following_as_json_prints_a_line_for_each_change(done: Any) -> None:
    (line,) = done.said("progress", "--follow", "--json").splitlines()
    assert json.loads(line)["tasks"][0]["done"] == 4


def test_a_run_whose_process_died_is_not_followed_for_ever(chunked: Any) -> None:
    running = chunked.started("run", "--name", "good")
    chunked.wait_for("begun")
    running.kill()
    running.wait()
    running.stdout.close()
    followed = chunked.run("progress", "--follow")
    assert followed.returncode == 1
    assert "nightly  good  interrupted" in followed.stdout
    assert "stepwell resume good" in followed.stdout


def on_terminal(project: Any, *arguments: str, **variables: str) -> str:
    """What the command writes to a terminal of 100 columns and 30 lines."""
    own, given = pty.openpty()
    termios.tcsetwinsize(given, (30, 100))
    environment = project.environment | {"TERM": "xterm"} | variables
    process = subprocess.Popen([*COMMAND, *arguments], cwd=project.folder, env=environment, stdout=given, stderr=given)
    os.close(given)
    written = b""
    while select.select([own], [], [], 60)[0]:
        try:
            part = os.read(own, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        written += part
        if b"3/4" in written:
            project.write("go", "")
    os.close(own)
    assert process.wait(60) == 0, written
    return written.decode()


def test_a_terminal_gets_one_picture_that_is_drawn_anew(chunked: Any) -> None:
    running = chunked.started("run", "--name", "good")
    chunked.wait_for("begun")
    written = on_terminal(chunked, "progress", "--follow")
    assert running.wait(60) == 0
    running.stdout.close()
    assert written.startswith("\033[?25l")  # the cursor goes, and comes back in the end
    assert written.endswith("\033[?25h")
    first, *others = written.split("A\033[?7")[0], *written.split("A\033[?7")[1:]
    assert "3/4 chunks" in written
    assert "task_01" in first
    assert "4/4 chunks" in others[-1]
    assert "\033[32m" in others[-1]  # green


def test_no_color_is_obeyed_on_a_terminal_too(done: Any) -> None:
    written = on_terminal(done, "progress", NO_COLOR="1")
    assert "4/4 chunks" in written
    assert "\033[3" not in written
    assert "\033[1m" not in written
    assert "\033[32m" in on_terminal(done, "progress")


def test_a_run_without_chunks_says_so(ran: Any) -> None:
    assert ran.said("progress", "good").splitlines() == ["coffee  good  succeeded", "", "no task of it works in chunks"]
    assert ran.run("progress", "--follow", "bad").returncode == 1


def test_without_runs_nothing_is_made_and_it_says_what_to_do(empty: Any) -> None:
    done = empty.run("progress")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there are no runs here yet" in done.stderr
    assert list(empty.folder.iterdir()) == []


def test_a_name_that_can_mean_several_runs_is_refused_with_them(empty: Any) -> None:
    url = f"sqlite:///{empty.folder / 'progress.db'}"
    store = open_progress(url)
    for run in ("2026-a", "2026-b"):
        store.plan(plan(run=run))
        store.record([chunk(0)._replace(run=run)])
    store.close()
    done = empty.run("progress", "2026", STEPWELL_PROGRESS=url)
    assert done.returncode == 2
    assert "2026-a (nightly), 2026-b (nightly)" in done.stderr
    assert "no progress of a run 'x' here" in empty.run("progress", "x", STEPWELL_PROGRESS=url).stderr
