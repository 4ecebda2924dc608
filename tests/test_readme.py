"""The README keeps its word: its pipeline runs, its commands exist, its first screen shows both."""

import re
import shutil
from pathlib import Path

from stepwell.cli.main import COMMANDS
from tests.e2e.conftest import EXAMPLE, Project

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_pipeline_of_the_first_screen_runs(tmp_path: Path, database: str) -> None:
    block, in_chunks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    folder = tmp_path / "visits"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".stepwell", "__pycache__"))
    project = Project(folder, database)
    project.python("data.py", "generate")
    project.write("pipeline.py", block)
    out = project("run").stdout
    assert "2,426 rows" in out
    assert "✓ task_03" in out
    whole = re.search(r'pipeline\.sql\("task_02".*\n', block)
    assert whole is not None
    project.write(
        "pipeline.py", block.replace(whole[0], in_chunks).replace("import Pipeline", "import Chunks, Pipeline")
    )
    assert "✓ task_02 is chunk-safe" in project("prove", "task_02").stdout
    assert "✓ task_02" in project("run").stdout


def test_what_a_run_prints_of_its_tasks_is_what_is_shown(tmp_path: Path, database: str) -> None:
    folder = tmp_path / "visits"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".stepwell", "__pycache__"))
    project = Project(folder, database)
    project.python("data.py", "generate")
    shown, printed = (
        re.findall(r"^  ✓ (\S+) .*?ms +(.*)$", text, re.MULTILINE) for text in (README, project("run").stdout)
    )
    assert printed == shown


def test_the_first_code_is_within_fifteen_lines_and_both_commands_on_the_first_screen() -> None:
    lines = README.splitlines()
    assert lines.index("```python") < 15
    assert max(n for n, line in enumerate(lines) if line.startswith(("./dev run", "./dev test"))) < 40


def test_every_page_of_the_docs_is_found_from_here() -> None:
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"(docs/{page.name}" not in README] == []


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"(?:`|^|&& )stepwell (\w+)", README, re.MULTILINE))
    assert "resume" in named
    assert named <= set(COMMANDS)


def test_every_file_that_is_linked_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
