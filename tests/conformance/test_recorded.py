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


def served_and_replayed(files: list[Path], folder: Path) -> list[str]:
    """The same against a server whose other services are a fake AWS, in an environment of its own."""
    from tests.api.served import Served
    from tests.fake import ACCOUNT, fake_aws

    home = folder / "home"
    home.mkdir()
    with fake_aws() as fake:
        server = Served(home, ACCOUNT | {"AWS_ENDPOINT_URL": fake, "AWS_DEFAULT_REGION": "us-east-1"})
        try:
            return replayed(server.url, files, folder)
        finally:
            server.end()


def files_of(chosen: set[str]) -> list[Path]:
    return [file for file in sorted(RECORDED.glob("cases/*/*.json")) if json.loads(file.read_text())["name"] in chosen]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded cases are not beside this project")
def test_no_case_that_has_passed_is_lost(tmp_path: Path) -> None:
    kept = set(names())
    passed = served_and_replayed(files_of(kept), tmp_path)
    assert sorted(kept - set(passed)) == []


def test_the_list_is_sorted_and_names_each_case_once() -> None:
    assert names() == sorted(set(names()))


def main() -> None:
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        passed = served_and_replayed(sorted(RECORDED.glob("cases/*/*.json")), Path(folder))
    before = set(names())
    PASSING.write_text("".join(f"{name}\n" for name in sorted(before | set(passed))))
    print(f"{len(passed)} pass, {len(set(passed) - before)} new, lost: {sorted(before - set(passed))}")


if __name__ == "__main__":
    main()
