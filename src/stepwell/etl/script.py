"""Splits a SQL file into statements and turns its `:name` parameters into `$1`, `$2` … that are bound, never pasted."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from stepwell.errors import ConfigurationError

_ROUTINES = (["function"], ["procedure"])
_VERBS = ("select", "insert", "update", "delete", "merge")
_SPACE = frozenset(" \t\n\r\f\v")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$")


class Mark(NamedTuple):
    """A parameter: its place in the statement's text (`$1`) and in the file (`:name`), as character offsets."""

    name: str
    at: int
    end: int
    file_at: int
    file_end: int


class Statement:
    """One statement: `text` with placeholders, `names` of the parameters in the order of `$1`, `$2` …

    `offset` is where the text begins in the file (characters), `line` the line of its first word; `words` are the
    first words in lower case, up to four; `verb` is what it does behind its WITH.
    """

    __slots__ = ("file", "line", "marks", "names", "offset", "source", "text", "verb", "words")

    def __init__(self, file: str, source: str, start: int, end: int, found: list[tuple[int, int]]) -> None:
        self.file, self.source, self.offset = file, source, start
        self.line = 0
        self.words: tuple[str, ...] = ()
        self.verb = ""
        numbers: dict[str, int] = {}
        marks: list[Mark] = []
        pieces: list[str] = []
        size, done = 0, start
        for at, after in found:
            name = source[at + 1 : after]
            placeholder = f"${numbers.setdefault(name, len(numbers) + 1)}"
            size += at - done
            pieces += source[done:at], placeholder
            marks.append(Mark(name, size, size + len(placeholder), at, after))
            size, done = size + len(placeholder), after
        pieces.append(source[done:end])
        self.text = "".join(pieces)
        self.names = tuple(numbers)
        self.marks = tuple(marks)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def file_offset(self, position: int) -> int:
        """Where a character of the text is in the file."""
        shift = 0
        for mark in self.marks:
            if position < mark.at:
                break
            if position < mark.end:
                return mark.file_at
            shift = mark.file_end - self.offset - mark.end
        return self.offset + position + shift

    def locate(self, position: int) -> tuple[int, int, str]:
        """Line number, column (from 0) and the line itself of a character of the text."""
        return _locate(self.source, self.file_offset(position))

    def inline(self, literals: Mapping[str, str]) -> str:
        """The text with each parameter replaced by a finished literal, for commands that cannot bind (COPY)."""
        pieces: list[str] = []
        done = 0
        for mark in self.marks:
            # In brackets, so that `x -:n` with -5 does not become a comment.
            pieces += self.text[done : mark.at], "(", literals[mark.name], ")"
            done = mark.end
        return "".join([*pieces, self.text[done:]])


class Script:
    """The statements of one SQL file, in order."""

    __slots__ = ("file", "names", "statements")

    def __init__(self, file: str, statements: tuple[Statement, ...]) -> None:
        self.file = file
        self.statements = statements
        self.names = frozenset(name for statement in statements for name in statement.names)

    @classmethod
    def parse(cls, text: str, file: str) -> "Script":
        """Split the text; ConfigurationError with file and line for what can never be right."""
        return cls(file, tuple(_Scanner(text.removeprefix("\ufeff"), file).scan()))

    def check(self, known: Iterable[str]) -> None:
        """ConfigurationError naming, with file and line, every parameter that is not known."""
        known = set(known)
        unknown = [
            f"{self.file}:{_locate(statement.source, mark.file_at)[0]}: unknown parameter :{mark.name}"
            for statement in self.statements
            for mark in statement.marks
            if mark.name not in known
        ]
        if unknown:
            raise ConfigurationError("\n".join([*dict.fromkeys(unknown), _known(known)]))

    def bind(self, statement: Statement, params: Mapping[str, Any]) -> list[Any]:
        """The values of a statement's parameters, in the order of `$1`, `$2` …; an object is bound as JSON text."""
        self.check(params)
        return [bindable(params[name]) for name in statement.names]


def _known(known: set[str]) -> str:
    names = ", ".join(f":{name}" for name in sorted(known)) or "none"
    return (
        f"Known parameters: {names}. Add the missing one to Pipeline(params={{…}}) or correct its name; "
        "a colon that is no parameter, as in an array slice, is followed by a space: a[1: n]."
    )


def bindable(value: Any) -> Any:
    """A parameter as psycopg can bind it: objects as JSON text."""
    holds_objects = isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value)
    if isinstance(value, dict) or holds_objects:
        import json

        return json.dumps(value, ensure_ascii=False)
    return value


def _locate(source: str, offset: int) -> tuple[int, int, str]:
    start = source.rfind("\n", 0, offset) + 1
    end = source.find("\n", offset)
    return source.count("\n", 0, offset) + 1, offset - start, source[start : None if end < 0 else end].rstrip("\r")


def _is_name_start(char: str) -> bool:
    return char.isalpha() or char == "_"


def _is_word(char: str) -> bool:
    return char in _WORD or char >= "\x80"


class _Scanner:
    """Walks the text once, by PostgreSQL's lexical rules as psql applies them to find a statement's end."""

    __slots__ = (
        "at",
        "blocks",
        "depth",
        "file",
        "first",
        "found",
        "line",
        "seen",
        "size",
        "start",
        "statements",
        "text",
        "verb",
        "words",
    )

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file, self.size = text, file, len(text)
        self.at = self.start = 0
        self.line, self.seen = 1, 0
        self.statements: list[Statement] = []
        self._begin()

    def _begin(self) -> None:
        self.start, self.first = self.at, -1
        self.depth = self.blocks = 0
        self.words: list[str] = []
        self.verb = ""
        self.found: list[tuple[int, int]] = []

    def scan(self) -> list[Statement]:
        text, size = self.text, self.size
        while (at := self.at) < size:
            char = text[at]
            if char in _SPACE:
                self.at = at + 1
            elif (step := _STEPS.get(char)) is not None:
                step(self)
            elif _is_word(char):
                self._word()
            else:
                self._token(1)
        self._end()
        return self.statements

    def _peek(self, ahead: int = 1) -> str:
        at = self.at + ahead
        return self.text[at] if at < self.size else ""

    def _token(self, length: int) -> None:
        if self.first < 0:
            self.first = self.at
        self.at += length

    def _fail(self, at: int, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.file}:{_locate(self.text, at)[0]}: {what}")

    def _skip_to(self, end: str, what: str) -> None:
        start = self.at
        after = self.text.find(end, start + len(end))
        if after < 0:
            raise self._fail(start, f"this {what} is never closed with {end}")
        self._token(after + len(end) - start)

    def _end(self) -> None:
        if self.first >= 0:
            text = self.text[self.start : self.at]
            start = self.start + len(text) - len(text.lstrip())
            statement = Statement(self.file, self.text, start, self.start + len(text.rstrip()), self.found)
            self.line += self.text.count("\n", self.seen, self.first)
            self.seen = self.first
            statement.line = self.line
            statement.words, statement.verb = tuple(self.words), self.verb
            self.statements.append(statement)

    def _semicolon(self) -> None:
        if self.depth or self.blocks:
            self.at += 1
            return
        self._end()
        self.at += 1
        self._begin()

    def _word(self) -> None:
        text, size, start = self.text, self.size, self.at
        end = start + 1
        while end < size and (text[end] in _WORD or text[end] >= "\x80"):
            end += 1
        self._token(end - start)
        if self._peek(0) == "'" and text[start:end] in ("e", "E"):
            return self._escape_string()
        if len(self.words) < 4:
            self.words.append(text[start:end].lower())
        if not (self.depth or self.verb) and self.words[0] == "with" and text[start:end].lower() in _VERBS:
            self.verb = text[start:end].lower()
        if self.words[0] == "create" and self._is_routine():
            self._routine_word(text[start:end].lower())
        return None

    def _is_routine(self) -> bool:
        words = self.words
        if words[1:3] == ["or", "replace"]:
            words = words[2:]
        return words[1:2] in _ROUTINES and not self.depth

    def _routine_word(self, word: str) -> None:
        # The body of a function in standard SQL (BEGIN ATOMIC … END) holds semicolons; CASE ends with END, too.
        if word == "begin" or (word == "case" and self.blocks):
            self.blocks += 1
        elif word == "end" and self.blocks:
            self.blocks -= 1

    def _string(self) -> None:
        self._skip_to("'", "string")  # '' inside reads as two strings: the same end

    def _identifier(self) -> None:
        self._skip_to('"', "quoted identifier")

    def _escape_string(self) -> None:
        text, start = self.text, self.at
        at = start + 1
        while True:
            quote, backslash = text.find("'", at), text.find("\\", at)
            if quote < 0:
                raise self._fail(start, "this string is never closed with '")
            if 0 <= backslash < quote:
                at = backslash + 2
                continue
            self.at = at = quote + 1
            again = self._continuation(at)
            if again < 0:
                return
            at = again

    def _continuation(self, at: int) -> int:
        """Where an E'' string goes on: at once (''), or after white space with a line break; else -1."""
        text, size, lines = self.text, self.size, self.text[at : at + 1] == "'"
        while at < size and not text.startswith("'", at):
            if text.startswith("--", at):
                newline = text.find("\n", at)
                at = size if newline < 0 else newline
            elif text[at].isspace():
                lines = lines or text[at] in "\n\r"
                at += 1
            else:
                return -1
        return at + 1 if lines and at < size else -1

    def _dollar(self) -> None:
        text, end = self.text, self.at + 1
        while end < self.size and text[end] != "$" and _is_word(text[end]):
            end += 1
        tag = text[self.at + 1 : end]
        if text[end : end + 1] == "$" and not tag[:1].isdigit():
            self._skip_to(text[self.at : end + 1], "dollar quote")
        elif tag.isdigit():
            raise self._fail(self.at, f"${tag} is not a parameter here: write :name")
        else:
            self._token(1)

    def _colon(self) -> None:
        following = self._peek()
        if following in (":", "="):
            return self._token(2)
        if not (following and _is_name_start(following)):
            return self._token(1)
        end = self.at + 1
        while end < self.size and (self.text[end].isalnum() or self.text[end] == "_"):
            end += 1
        self.found.append((self.at, end))
        return self._token(end - self.at)

    def _minus(self) -> None:
        if self._peek() != "-":
            return self._token(1)
        newline = self.text.find("\n", self.at)
        self.at = self.size if newline < 0 else newline
        return None

    def _slash(self) -> None:
        if self._peek() != "*":
            return self._token(1)
        start, text, at, depth = self.at, self.text, self.at + 2, 1
        while depth:
            close, opening = text.find("*/", at), text.find("/*", at)
            if close < 0:
                raise self._fail(start, "this comment is never closed with */")
            nested = 0 <= opening < close
            depth += 1 if nested else -1
            at = (opening if nested else close) + 2
        self.at = at
        return None

    def _open(self) -> None:
        self.depth += 1
        self._token(1)

    def _close(self) -> None:
        self.depth = max(0, self.depth - 1)
        self._token(1)

    def _backslash(self) -> None:
        line = _locate(self.text, self.at)[2].strip()
        raise self._fail(self.at, f"{line!r} is a command of psql; a task's file holds SQL only")


_STEPS: dict[str, Callable[[_Scanner], None]] = {
    "'": _Scanner._string,
    '"': _Scanner._identifier,
    "$": _Scanner._dollar,
    ":": _Scanner._colon,
    "-": _Scanner._minus,
    "/": _Scanner._slash,
    "(": _Scanner._open,
    ")": _Scanner._close,
    ";": _Scanner._semicolon,
    "\\": _Scanner._backslash,
}
