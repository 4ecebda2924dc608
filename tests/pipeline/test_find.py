"""Which pipeline a command or a function means."""

import sys
from pathlib import Path

import pytest

from stepwell.errors import ConfigurationError
from stepwell.pipeline.find import find_pipeline

ONE = "from stepwell import Pipeline\npipeline = Pipeline({!r})\n"

pytestmark = pytest.mark.usefixtures("imports")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.py").write_text(ONE.format("here"))
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "pipeline.py").write_text(ONE.format("jobs"))
    (tmp_path / "jobs" / "nightly.py").write_text(ONE.format("nightly") + "other = Pipeline('other')\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "flow.py").write_text(ONE.format("packaged"))
    return tmp_path


@pytest.mark.parametrize(
    ("target", "name", "found"),
    [
        (None, "here", "pipeline:pipeline"),
        (".", "here", "pipeline:pipeline"),
        ("pipeline", "here", "pipeline:pipeline"),
        ("pipeline:pipeline", "here", "pipeline:pipeline"),
        ("jobs", "jobs", "pipeline:pipeline"),
        ("jobs/pipeline.py", "jobs", "pipeline:pipeline"),
        ("jobs/nightly.py:other", "other", "nightly:other"),
        ("package.flow", "packaged", "package.flow:pipeline"),
        ("package.flow:pipeline", "packaged", "package.flow:pipeline"),
    ],
)
def test_a_pipeline_is_named_by_module_file_or_folder(folder: Path, target: str, name: str, found: str) -> None:
    pipeline = find_pipeline(target, folder)
    assert (pipeline.name, pipeline.target) == (name, found)
    assert pipeline.root is not None
    assert sys.path[0] == pipeline.root


def test_a_module_of_the_same_name_in_another_folder_is_not_mixed_up(folder: Path) -> None:
    assert find_pipeline("jobs", folder).name == "jobs"
    assert find_pipeline(None, folder).name == "here"
    assert find_pipeline(None, folder) is find_pipeline(None, folder)


@pytest.mark.parametrize(
    ("files", "target", "message"),
    [
        ({}, None, r"there is no pipeline.py in .*; make a pipeline with `stepwell new NAME`, or name one as"),
        ({}, "nightly.py", "there is no nightly.py in "),
        ({}, "nix", "there is no module 'nix' in "),
        ({"data/rows.csv": "1"}, "data:pipeline", "there is no module 'data' in "),
        ({"pipeline.py": "x = 1"}, None, "pipeline.py in .* makes no Pipeline; write: pipeline = Pipeline"),
        (
            {"pipeline.py": "from stepwell import Pipeline\na = Pipeline('a')\nb = Pipeline('b')\nc = a"},
            None,
            "makes several pipelines; name one of pipeline:a, pipeline:b$",
        ),
        ({"pipeline.py": ONE.format("x")}, "pipeline:y", "has no pipeline called 'y'; its pipelines: pipeline$"),
        (
            {"pipeline.py": "\n1 / 0"},
            None,
            "^pipeline.py:2: importing the pipeline failed: ZeroDivisionError: division",
        ),
        ({"pipeline.py": "\n\ndef f(:"}, None, "^pipeline.py:3: importing the pipeline failed: SyntaxError: "),
        (
            {"pipeline.py": "import nix"},
            None,
            "^pipeline.py:1: importing .*: ModuleNotFoundError: No module named 'nix'",
        ),
        (
            {"pipeline.py": "import deep", "deep.py": "\n\nraise SystemExit(3)"},
            None,
            "^deep.py:3: importing .* SystemExit: 3",
        ),
        (
            {"pipeline.py": "from stepwell import Pipeline\np = Pipeline('x')\np.sql('a b', 'x.sql')"},
            None,
            "^pipeline.py:3: a task's name has letters, digits and _; 'a b' is not such a name$",
        ),
    ],
)
def test_what_cannot_be_found_is_told_with_place_and_remedy(
    tmp_path: Path, files: dict[str, str], target: str | None, message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=message) as raised:
        find_pipeline(target, tmp_path)
    assert raised.value.__cause__ is None


def test_an_import_that_fails_leaves_the_import_path_as_it_was(tmp_path: Path) -> None:
    before = list(sys.path)
    (tmp_path / "pipeline.py").write_text("1 / 0")
    with pytest.raises(ConfigurationError):
        find_pipeline(None, tmp_path)
    assert sys.path == before
    assert "pipeline" not in sys.modules
