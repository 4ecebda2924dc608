from typing import Any


def heads(text: str) -> list[str]:
    return [", ".join(line.split(", ")[:2]) for line in text.splitlines() if line.startswith("── ")]


def test_what_the_tasks_have_printed_stands_below_their_attempts(ran: Any) -> None:
    said = ran.said("logs", "good")
    assert heads(said) == [
        "── validate_config, attempt 1",
        "── task_01, attempt 1",
        "── task_02, attempt 1",
    ]
    assert said.splitlines()[2] == "grinding for 2"
    assert " MB" in said
    assert "RequestId" not in said


def test_each_attempt_has_its_own_part_of_a_warm_process_log(ran: Any) -> None:
    said = ran.said("logs", "--task", "task_02")
    assert heads(said) == ["── task_02, attempt 1", "── task_02, attempt 2"]
    assert said.count("brewing") == 2
    assert said.count("[ERROR] Empty: no more beans") == 2


def test_one_attempt_of_one_task_can_be_picked_by_task_or_state(ran: Any) -> None:
    first = ran.said("logs", "bad", "--task", "ExecuteTask02", "--attempt", "2")
    assert heads(first) == ["── task_02, attempt 2"]
    assert first.splitlines()[0].endswith(", Empty")


def test_a_task_that_was_not_called_is_refused_by_naming_those_that_were(ran: Any) -> None:
    done = ran.run("logs", "--task", "task_03")
    assert done.returncode == 2
    assert done.stderr == (
        "error: the run has no log of task task_03; it has called: validate_config, task_01, task_02\n"
    )


def test_following_a_run_ends_with_the_run(project: Any) -> None:
    project.write(
        "pipeline.py",
        "import pathlib, time\n"
        "from stepwell import Pipeline\n"
        "pipeline = Pipeline('slow')\n"
        "@pipeline.task\n"
        "def task_01():\n"
        "    print('one', flush=True)\n"
        "    pathlib.Path('begun').touch()\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "    print('two', end='')\n",
    )
    process = project.started("run")
    project.wait_for("begun")
    follower = project.started("logs", "--follow")
    assert follower.stdout is not None
    while follower.stdout.readline() != "one\n":
        continue
    project.write("go", "")
    assert follower.communicate()[0] == "two\n"
    process.communicate()
    assert (follower.returncode, process.returncode) == (0, 0)
