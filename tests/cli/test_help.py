import subprocess
import sys

import pytest

from stepwell.cli.main import COMMANDS

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
