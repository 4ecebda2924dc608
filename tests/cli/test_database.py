from pathlib import Path

import pytest

from stepwell import Pipeline, env, postgres
from stepwell.cli.database import address, environment
from stepwell.errors import UsageError


def with_database(**settings: object) -> Pipeline:
    pipeline = Pipeline("tables", **settings)  # type: ignore[arg-type]

    @pipeline.task
    def task_01(connection: object) -> None:
        pass

    return pipeline


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_pipeline_without_tables_starts_no_database(tmp_path: Path) -> None:
    assert environment(Pipeline("plain"), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_set_and_a_fixed_address_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARGET", "postgresql://somewhere")
    assert environment(with_database(database=env("TARGET")), tmp_path) == {}
    assert environment(with_database(database="postgresql://elsewhere"), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_else_the_embedded_database_is_started_under_the_settings_own_name(tmp_path: Path) -> None:
    home = tmp_path / ".stepwell"
    try:
        assert environment(with_database(database=env("TARGET")), home) == {"TARGET": postgres.url(home)}
        assert address(home) == postgres.url(home)
    finally:
        postgres.stop(home)


def test_a_person_asks_about_the_database_of_the_pipeline_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from stepwell import Pipeline, env\npipeline = Pipeline('tables', database=env('TARGET'))\n"
    (tmp_path / "pipeline.py").write_text(text)
    monkeypatch.setenv("TARGET", "postgresql://target")
    monkeypatch.setenv("DATABASE_URL", "postgresql://other")
    assert address(tmp_path / ".stepwell") == "postgresql://target"
    (tmp_path / "pipeline.py").unlink()
    assert address(tmp_path / ".stepwell") == "postgresql://other"


def test_where_no_database_can_be_meant_none_is_started(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which database is meant"):
        address(tmp_path / ".stepwell")
    assert list(tmp_path.iterdir()) == []
