"""Where in the user's code something is."""

import json
from pathlib import Path

import pytest

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import lease
from stepwell.pipeline.places import of_error, shown, without_ours


def test_a_file_inside_the_folder_is_told_relative_to_it() -> None:
    assert shown("/work/x/sql/a.sql", 3, "/work/x") == "sql/a.sql:3"
    assert shown("/work/xy/a.py", 3, "/work/x") == "/work/xy/a.py:3"


def test_an_error_is_placed_at_the_innermost_line_of_the_users_code() -> None:
    def broken() -> None:
        json.loads("{")

    line = broken.__code__.co_firstlineno + 1
    with pytest.raises(ValueError, match="Expecting property name") as raised:
        broken()
    assert of_error(raised.value, str(Path(__file__).parent)) == f"{Path(__file__).name}:{line}"


def test_code_installed_inside_the_folder_is_not_the_users(tmp_path: Path) -> None:
    installed = tmp_path / ".venv" / "site-packages" / "lib.py"
    namespace: dict[str, object] = {}
    exec(compile("def f(): 1 / 0", str(installed), "exec"), namespace)
    exec(compile("\ndef g(f): f()", str(tmp_path / "pipeline.py"), "exec"), namespace)
    with pytest.raises(ZeroDivisionError) as raised:
        namespace["g"](namespace["f"])  # type: ignore[operator]
    assert of_error(raised.value, str(tmp_path)) == "pipeline.py:2"


def test_a_traceback_without_a_line_of_the_users_is_none_at_all() -> None:
    """A context manager of ours that raises shows contextlib's frames."""
    with pytest.raises(ConfigurationError) as raised, lease("nonsense", "test"):
        pass
    trace = raised.value.__traceback__
    assert trace is not None
    assert without_ours(trace.tb_next) is None


def test_a_traceback_begins_at_the_users_first_line() -> None:
    def broken() -> None:
        json.loads("{")

    with pytest.raises(ValueError, match="Expecting property name") as raised:
        broken()
    trace = without_ours(raised.value.__traceback__)
    assert trace is not None
    assert trace.tb_frame.f_code.co_filename == __file__
