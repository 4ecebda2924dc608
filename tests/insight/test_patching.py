import subprocess
from pathlib import Path

import pytest

from stepwell.insight.patching import CannotPatch, diff, with_chunks

CHUNKS = 'Chunks("visits", by="id")'
SHORT = """from stepwell import Pipeline, env

pipeline = Pipeline("p")
pipeline.sql("a", "sql/a.sql")
pipeline.sql("task_02", "sql/task_02.sql")  # merges
"""


def test_the_argument_goes_behind_the_last_one_and_the_import_stays_in_order() -> None:
    changed = with_chunks(SHORT, "task_02", CHUNKS)
    assert 'pipeline.sql("task_02", "sql/task_02.sql", chunks=Chunks("visits", by="id"))  # merges\n' in changed
    assert changed.startswith("from stepwell import Chunks, Pipeline, env\n")
    assert 'pipeline.sql("a", "sql/a.sql")\n' in changed


def test_a_line_that_would_be_too_long_is_broken_argument_by_argument() -> None:
    long = 'Chunks("staging.visits", by=("visit_date", "person"), rows=10_000, parallel=5)'
    changed = with_chunks(SHORT, "task_02", long)
    assert changed.endswith(f'pipeline.sql(\n    "task_02",\n    "sql/task_02.sql",\n    chunks={long},\n)  # merges\n')


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            'pipeline.sql(\n    "task_02",\n    "ä.sql",\n    timeout=600,\n)\n',
            'pipeline.sql(\n    "task_02",\n    "ä.sql",\n    timeout=600,\n    chunks=Chunks("visits", by="id"),\n)\n',
        ),
        (
            'pipeline.sql(\n    "task_02", "ä.sql", timeout=600\n)\n',
            'pipeline.sql(\n    "task_02", "ä.sql", timeout=600,\n    chunks=Chunks("visits", by="id"),\n)\n',
        ),
        (
            'pipeline.sql("task_02",\n             "a.sql")\n',
            'pipeline.sql("task_02",\n             "a.sql",\n             chunks=Chunks("visits", by="id"),)\n',
        ),
        (
            'if True:\n    pipeline.sql(name="task_02", file="a.sql")\n',
            'if True:\n    pipeline.sql(name="task_02", file="a.sql", chunks=Chunks("visits", by="id"))\n',
        ),
    ],
)
def test_a_call_keeps_the_form_that_it_has(call: str, told: str) -> None:
    head = "from stepwell import Chunks, Pipeline\npipeline = Pipeline('é')\n"
    assert with_chunks(head + call, "task_02", CHUNKS) == head + told
    compile(head + told, "pipeline.py", "exec")


def test_however_stepwell_is_imported_chunks_can_be_named() -> None:
    call = '\np.sql("task_02", "a.sql")\n'
    assert "chunks=stepwell.Chunks(" in with_chunks(f"import stepwell{call}", "task_02", CHUNKS)
    assert "chunks=C(" in with_chunks(f"from stepwell import Chunks as C{call}", "task_02", CHUNKS)
    broken = with_chunks(f"from stepwell import (\n    Pipeline,\n    env,\n){call}", "task_02", CHUNKS)
    assert broken.startswith("from stepwell import (\n    Chunks,\n    Pipeline,\n    env,\n)\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (SHORT.replace('"task_02",', "NAME,"), "there is no call .sql('task_02', …)"),
        (SHORT.replace('02.sql")', '02.sql", chunks=None)'), "has chunks= already"),
        ('p.sql("task_02", "a.sql")', "the file imports nothing of stepwell"),
    ],
)
def test_what_cannot_be_changed_by_a_program_is_said(source: str, told: str) -> None:
    with pytest.raises(CannotPatch) as raised:
        with_chunks(source, "task_02", CHUNKS)
    assert told in str(raised.value)


@pytest.mark.parametrize("ending", ["\n", ""])
def test_patch_makes_of_the_file_what_was_meant(tmp_path: Path, ending: str) -> None:
    source = SHORT.rstrip("\n") + ending
    (tmp_path / "pipeline.py").write_text(source)
    patch = diff(source, "pipeline.py", "task_02", CHUNKS)
    subprocess.run(["patch", "-p0"], cwd=tmp_path, input=patch, text=True, check=True, capture_output=True)
    assert (tmp_path / "pipeline.py").read_text() == with_chunks(source, "task_02", CHUNKS)
