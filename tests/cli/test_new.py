import subprocess
import sys
from typing import Any

from stepwell.cli.new import AWS_FILES, FILES, TEMPLATES


def test_a_new_pipeline_runs_at_once_and_its_own_tests_pass(empty: Any) -> None:
    said = empty.said("new", "visits")
    assert "cd visits\n  stepwell run\n" in said
    empty.folder = empty.folder / "visits"
    try:
        assert empty.run("check").stdout.startswith("pipeline visits: no mistakes\n")
        ran = empty.said("run")
        assert ran.splitlines()[0].endswith(" on the embedded PostgreSQL")
        assert "succeeded" in ran
        assert "weekend" in empty.said("sql", "select * from calendar.summary")
        tested = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
            cwd=empty.folder,
            env=empty.environment,
            capture_output=True,
            text=True,
        )
        assert tested.returncode == 0, tested.stdout
    finally:
        empty.run("db", "stop")


def test_every_template_is_used_and_filled_in(empty: Any) -> None:
    assert {file.name for file in TEMPLATES.iterdir()} == {*FILES, "aws"}
    aws = TEMPLATES / "aws"
    assert {str(file.relative_to(aws)) for file in aws.rglob("*") if file.is_file()} == set(AWS_FILES)
    empty.said("new", "some/where/my-pipeline")
    for target in [*FILES.values(), *(f"aws/{target}" for target in AWS_FILES.values())]:
        text = (empty.folder / "some/where/my-pipeline" / target).read_text()
        assert "{{" not in text
    assert 'Pipeline(\n    "my-pipeline"' in (empty.folder / "some/where/my-pipeline/pipeline.py").read_text()


def test_a_folder_that_is_not_empty_is_left_alone(empty: Any) -> None:
    empty.write("visits/notes.txt", "mine")
    done = empty.run("new", "visits")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the folder visits is not empty")
    assert [file.name for file in (empty.folder / "visits").iterdir()] == ["notes.txt"]


def test_a_name_that_no_pipeline_can_have_is_refused_before_anything_is_made(empty: Any) -> None:
    done = empty.run("new", "my visits!")
    assert done.returncode == 2
    assert "letters, digits" in done.stderr
    assert list(empty.folder.iterdir()) == []
