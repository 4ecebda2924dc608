"""What is refused, and how a refusal reads: the construct, its place, the reason, and the ways out."""

from typing import NamedTuple

from stepwell.errors import NotChunkSafe
from stepwell.etl.script import Statement


class Place(NamedTuple):
    """A line and a column (both from 1) of the task's file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Refusal(NamedTuple):
    """Why a construct would give other rows in chunks; `rewrite` is the first way out."""

    construct: str
    place: Place
    reason: str
    rewrite: str

    def __str__(self) -> str:
        return f"{self.place}: {self.construct}: {self.reason}"


def place_of(statement: Statement, at: int) -> Place:
    """The place in the file of a byte of the statement's text."""
    character = len(statement.text.encode()[: max(at, 0)].decode(errors="ignore"))
    line, column, _ = statement.locate(character)
    return Place(statement.file, line, column + 1)


def not_chunk_safe(table: str, key: tuple[str, ...], refusals: list[Refusal]) -> NotChunkSafe:
    """The error that tells every refusal, each with its ways out."""
    by = ", ".join(key)
    told = "\n".join(_told(refusal, by) for refusal in dict.fromkeys(refusals))
    return NotChunkSafe(
        f"cut into chunks of {table} by ({by}), this task could give other rows than as a whole:\n{told}"
    )


def _told(refusal: Refusal, by: str) -> str:
    return (
        f"{refusal}\n"
        f"  rewrite: {refusal.rewrite.replace('{key}', by)}\n"
        "  or move: put this statement into a task of its own, which runs whole\n"
        "  or place the range yourself: write /*chunk:v*/ true into the WHERE of the table's alias v; "
        "then `stepwell prove` must pass"
    )
