import os
import subprocess
import sys

import pytest

from stepwell.cli.main import COMMANDS

STEPWELL = [sys.executable, "-m", "stepwell.cli.main"]

# Parse one command line, then say which modules that took.
PARSE = """
import sys
from stepwell.cli.main import run
try:
    run([sys.argv[1], "--help"])
except SystemExit as ended:
    assert ended.code == 0
print("modules:", *sys.modules)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_without_a_database_driver(name: str) -> None:
    """psycopg alone takes longer to import than everything else together."""
    done = subprocess.run([sys.executable, "-c", PARSE, name], capture_output=True, text=True)
    told, _, modules = done.stdout.partition("modules:")
    assert told.startswith(f"usage: stepwell {name}"), done.stderr
    assert "psycopg" not in modules.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_says_of_itself_is_as_wide_as_the_terminal(name: str) -> None:
    """All but the examples, and what argparse lays out by itself."""
    done = subprocess.run(
        [*STEPWELL, name, "--help"], capture_output=True, text=True, env=os.environ | {"COLUMNS": "60"}
    )
    text = done.stdout.partition("\n\n")[2].partition("\nexamples:")[0].partition("\npositional arguments:")[0]
    assert [line for line in text.splitlines() if len(line) > 60 and not line.startswith("  ")] == []
    assert text.strip()


def test_an_option_that_there_is_not_is_one_sentence_with_the_nearest_one() -> None:
    done = subprocess.run([*STEPWELL, "run", "--inptu={}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "error: unrecognized arguments: --inptu={} (did you mean --input?); `stepwell run --help` tells more\n"
    )
