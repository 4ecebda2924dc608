#!/usr/bin/env python3
"""Write docs/cli.md from the commands themselves, docs/language.md from the marks of the tests, docs/limits.md from
the table of limits, and aws/ from what `stepwell new` makes: `python docs/generate.py`; with --check, only say which is
stale.
"""

import sys
from argparse import SUPPRESS, Action, ArgumentParser
from importlib import import_module
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import language
import limits

from stepwell.cli.main import COMMANDS
from stepwell.cli.new import write_aws

DOCS = Path(__file__).parent
AWS = DOCS.parent / "aws"
EXAMPLE = DOCS.parent / "examples" / "visits"
HEAD = """\
# The command line

<!-- Made by docs/generate.py from the commands' own help. Do not edit. -->

`stepwell COMMAND --help` prints the same. Commands that read runs look into `.stepwell/` of the current folder, or into
the folder that `STEPWELL_HOME` names. Colours obey `NO_COLOR` and `FORCE_COLOR`.

Exit codes: 0 it succeeded; 1 the run, or what was asked for, failed; 2 it was used wrongly, or a setting is wrong;
130 Ctrl-C.
"""


def page() -> str:
    overview = [f"| [`stepwell {name}`](#stepwell-{name}) | {text} |" for name, text in COMMANDS.items()]
    parts = [HEAD, "\n".join(["| | |", "|---|---|", *overview]) + "\n", *map(section, COMMANDS)]
    return "\n".join(parts)


def section(name: str) -> str:
    """One command. argparse's own layout is not used, since it differs between versions of Python."""
    module = import_module(f"stepwell.cli.{name}")
    parser = ArgumentParser(f"stepwell {name}")
    module.arguments(parser)
    actions = [action for action in parser._actions if action.help != SUPPRESS and action.dest != "help"]
    usage = " ".join([f"stepwell {name}", *map(brief, actions)])
    lines = [f"## stepwell {name}", "", "```", usage, "```", "", *described(module.__doc__ or "")]
    if actions:
        lines += ["", "| | |", "|---|---|", *(f"| {title(action)} | {told(action)} |" for action in actions)]
    return "\n".join(lines) + "\n"


def described(text: str) -> list[str]:
    """The docstring; what is indented, such as examples, becomes a block of code."""
    blocks = []
    for indented, group in groupby(text.strip().splitlines(), lambda line: line.startswith("  ")):
        lines = list(group)
        if indented:
            blocks.append("\n".join(["```", *(line[2:] for line in lines), "```"]))
        else:
            blocks.append("\n".join("Examples:" if line == "examples:" else line for line in lines).strip("\n"))
    return ["\n\n".join(block for block in blocks if block)]


def brief(action: Action) -> str:
    if not action.option_strings:
        return value(action) if action.nargs is None else f"[{value(action)}{' …' if action.nargs == '...' else ''}]"
    text = " ".join(filter(None, (action.option_strings[0], value(action))))
    return text if action.required else f"[{text}]"


def title(action: Action) -> str:
    options = [" ".join(filter(None, (option, value(action)))) for option in action.option_strings]
    return cell(", ".join(f"`{option}`" for option in options) or f"`{value(action)}`")


def told(action: Action) -> str:
    text = action.help or ""
    if action.choices and action.option_strings and action.metavar is not None:
        text += f": {', '.join(map(str, action.choices))}"
    return cell(text.replace("%%", "%"))


def cell(text: str) -> str:
    """Text of a table: a bar would end the cell."""
    return text.replace("|", "\\|")


def value(action: Action) -> str:
    """What stands for the option's value; nothing for a flag."""
    if action.nargs == 0:
        return ""
    if action.choices and action.option_strings and action.metavar is None:
        return f"{{{','.join(map(str, action.choices))}}}"
    metavar = action.metavar if isinstance(action.metavar, str) else None
    return metavar or (action.dest.upper() if action.option_strings else action.dest)


def aws_files(folder: Path) -> dict[Path, bytes]:
    """What stands in a folder aws/."""
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def stale_in_aws() -> list[Path]:
    """The files of aws/ that are not what `stepwell new` would make for the example."""
    with TemporaryDirectory() as folder:
        write_aws(Path(folder), "visits", EXAMPLE)
        made = aws_files(Path(folder))
    there = aws_files(AWS)
    return sorted(AWS / name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main() -> int:
    checked = "--check" in sys.argv[1:]
    files = []
    for name, text in (("cli.md", page()), ("language.md", language.page()), ("limits.md", limits.page())):
        target = DOCS / name
        if not checked:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            files.append(target)
    if not checked:
        write_aws(AWS, "visits", EXAMPLE)
    files += stale_in_aws()
    wrong = [f"{file} is stale: run `python docs/generate.py`" for file in files] + language.mistakes()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
