"""The cases recorded from AWS that have passed once pass for ever: `passing.txt` may only grow.

`python tests/conformance/test_recorded.py` plays all cases against a server and adds the names of those that pass.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "conformance"
PASSING = Path(__file__).with_name("passing.txt")


def names() -> list[str]:
    return PASSING.read_text().splitlines() if PASSING.exists() else []


def replayed(url: str, files: list[Path], folder: Path) -> list[str]:
    """The names of the cases in these files that pass."""
    out = folder / "passed.json"
    command = [sys.executable, RECORDED / "replay.py", "--endpoint", url, "--json", out, "-n", "8", *files]
    # As boto3 was when they were recorded: its newer way of trying again puts words of its own into refusals.
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=os.environ | {"AWS_RETRY_MODE": "legacy"})
    return sorted(json.loads(out.read_text()))


def files_of(chosen: set[str]) -> list[Path]:
    return [file for file in sorted(RECORDED.glob("cases/*/*.json")) if json.loads(file.read_text())["name"] in chosen]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded cases are not beside this project")
def test_no_case_that_has_passed_is_lost(tmp_path: Path) -> None:
    from tests.api.served import Served

    kept = set(names())
    (tmp_path / "home").mkdir()
    server = Served(tmp_path / "home")
    try:
        passed = replayed(server.url, files_of(kept), tmp_path)
    finally:
        server.end()
    assert sorted(kept - set(passed)) == []


def test_the_list_is_sorted_and_names_each_case_once() -> None:
    assert names() == sorted(set(names()))


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.api.served import Served

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "home").mkdir()
        server = Served(Path(folder) / "home")
        try:
            passed = replayed(server.url, sorted(RECORDED.glob("cases/*/*.json")), Path(folder))
        finally:
            server.end()
    before = set(names())
    PASSING.write_text("".join(f"{name}\n" for name in sorted(before | set(passed))))
    print(f"{len(passed)} pass, {len(set(passed) - before)} new, lost: {sorted(before - set(passed))}")


if __name__ == "__main__":
    main()
