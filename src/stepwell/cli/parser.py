"""How a command reads its line and explains itself: text as wide as the terminal, a mistake in one sentence."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import NoReturn

from stepwell.errors import UsageError

_UNKNOWN = "unrecognized arguments: "


class Parser(ArgumentParser):
    """A command's parser. Its mistakes are errors as all others are."""

    def __init__(self, prog: str, text: str | None) -> None:
        super().__init__(prog, description=text, formatter_class=_Help)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}{self._nearest(message)}; `{self.prog} --help` tells more")

    def _nearest(self, message: str) -> str:
        from difflib import get_close_matches

        unknown = message.removeprefix(_UNKNOWN).split()[0].partition("=")[0] if message.startswith(_UNKNOWN) else ""
        near = get_close_matches(unknown, self._option_string_actions, n=1) if unknown.startswith("--") else []
        return f" (did you mean {near[0]}?)" if near else ""


class _Help(RawDescriptionHelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(_filled(paragraph, width) for paragraph in text.strip().split("\n\n"))


def _filled(paragraph: str, width: int) -> str:
    """What is laid out, such as examples, stays as it is."""
    from textwrap import fill

    return paragraph if "\n  " in f"\n{paragraph}" else fill(paragraph, width, break_on_hyphens=False)
