"""The example as its user meets it: it runs, breaks, is mended and goes on."""

import json
import re

from tests.e2e.conftest import Project, called
from tests.until import until


def resume_command(text: str) -> list[str]:
    """The command that the failure card prints."""
    return re.search(r"next\s+stepwell (resume \S+)", text).group(1).split()


def test_it_runs_and_an_independent_check_finds_the_same(visits: Project) -> None:
    out = visits("run").stdout
    assert "✓ task_01" in out
    assert "2,426 rows" in out
    verified = visits.python("data.py", "verify").stdout
    assert "99131978fd879146994239eb7d16bc0e" in verified
    assert "OK" in verified


def test_it_runs_again_and_nothing_changes(visits: Project) -> None:
    visits("run")
    visits("run")
    visits.python("data.py", "verify")


def test_a_broken_task_fails_in_its_own_state_and_is_resumed_by_the_printed_command(visits: Project) -> None:
    """task_01 is not run again; staging is as it was left."""
    file = visits.folder / "sql" / "task_02.sql"
    whole = file.read_text()
    file.write_text(whole.replace("MERGE INTO", "MERGE INTOO"))
    failed = visits("run", code=1)
    assert "syntax error" in failed.stdout
    assert "sql/task_02.sql:" in failed.stdout
    assert "ExecuteTask02Failed" in [e.get("stateEnteredEventDetails", {}).get("name") for e in visits.events()]
    assert visits.sql("select count(*) from staging.visits") == [(68_114,)]
    file.write_text(whole)
    visits(*resume_command(failed.stdout))
    assert called(visits.events()) == ["task_02"]
    visits.python("data.py", "verify")


def test_it_is_resumed_after_a_change_of_the_pipeline_too(visits: Project) -> None:
    file = visits.folder / "sql" / "task_02.sql"
    whole = file.read_text()
    file.write_text(whole + "\nselect 1/0;")
    failed = visits("run", code=1)
    assert "ExecuteTask02DataFailed" in [e.get("stateEnteredEventDetails", {}).get("name") for e in visits.events()]
    file.write_text(whole)
    pipeline = visits.folder / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace('sql("task_02", ', 'sql("task_02", timeout=600, file='))
    visits(*resume_command(failed.stdout))
    scheduled = [e for e in visits.events() if e["type"] == "LambdaFunctionScheduled"]
    assert [e["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] for e in scheduled] == [600]
    visits.python("data.py", "verify")


def test_a_third_task_is_one_line(visits: Project) -> None:
    """Neither handler nor state machine is touched; nothing else of the machine changes."""
    before = visits("compile").stdout
    with (visits.folder / "pipeline.py").open("a") as pipeline:
        pipeline.write('pipeline.sql("task_03", "sql/task_03.sql")\n')
    visits.write("sql/task_03.sql", "update care.conflicts set resolved_on = resolved_on where false;\n")
    after = visits("compile").stdout
    assert after.index('"ExecuteTask02"') < after.index('"ExecuteTask03"') < after.index('"PipelineSuccess"')
    kept = {line.strip(" ,") for line in after.splitlines()}
    gone = [line.strip() for line in before.splitlines() if line.strip(" ,") not in kept]
    assert all(line.startswith(('"TimeoutSeconds"', '"Cause"')) for line in gone), gone
    visits("run")
    assert called(visits.events()) == ["validate_config", "task_01", "task_02", "task_03"]


def test_a_second_run_is_refused_while_one_is_under_way(visits: Project) -> None:
    visits.write("sql/task_02.sql", "select pg_sleep(60);")
    first = visits.start("run", "--name", "first")
    try:
        until(lambda: first.poll() is not None or _has_begun(visits), "its first task has begun")
        refused = visits("run", code=2)
        assert "the run first is under way" in refused.stderr
        assert visits("run", "--name", "second", code=2).returncode == 2
    finally:
        visits("stop", "first")
        out, _ = first.communicate(timeout=60)
    assert "stepwell resume first" in out
    assert first.returncode == 1


def _has_begun(visits: Project) -> bool:
    done = visits("show", "first", "--json", code=None)
    events = json.loads(done.stdout)["events"] if done.returncode == 0 else []
    return any(event["type"] == "LambdaFunctionStarted" for event in events)


def test_a_reader_that_goes_away_does_not_end_the_run(visits: Project) -> None:
    """`stepwell run | head -1`"""
    visits.write("sql/task_02.sql", "select pg_sleep(0.5);\n" + (visits.folder / "sql/task_02.sql").read_text())
    run = visits.start("run", "--name", "piped")
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.wait(timeout=120) == 0
    visits.python("data.py", "verify")


def test_from_another_folder_the_printed_command_goes_there(visits: Project) -> None:
    visits.write("sql/task_02.sql", "selct 1;")
    outside = Project(visits.folder.parent, visits.database)
    failed = outside("run", "visits", code=1)
    assert re.search(r"next   cd visits && stepwell resume \S+", failed.stdout)
