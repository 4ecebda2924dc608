"""What the documentation says is so."""

import subprocess
import sys
from pathlib import Path

from stepwell.cli.main import COMMANDS

DOCS = Path(__file__).parents[1] / "docs"


def test_the_generated_pages_are_fresh_and_each_part_of_the_language_has_a_test() -> None:
    done = subprocess.run([sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_has_its_section() -> None:
    sections = [line for line in (DOCS / "cli.md").read_text().splitlines() if line.startswith("## ")]
    assert sections == [f"## stepwell {name}" for name in COMMANDS]
