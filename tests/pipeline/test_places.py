"""Where in the user's code something is."""

import json
from pathlib import Path

import pytest

from stepwell.pipeline.places import of_error, shown


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
