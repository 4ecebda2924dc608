"""What the proof knows of rows: which columns tell the chunk that a row belongs to."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Kind = Literal["free", "driving", "bound"]


class Type(NamedTuple):
    """A type whose built-in `=` is an equivalence; of one `family` are those that compare with each other so."""

    family: str
    modifier: int


class Tag(NamedTuple):
    """A part of a separator. Parts of one separator count together only if they come from one `instance`."""

    separator: int
    part: int
    instance: int


class Column(NamedTuple):
    """A column of rows. A tag says: the value is one that this driving column has in the row's own chunk.

    `loose`: it may be NULL instead, since an outer join filled it up. `type` is None if equality on it proves nothing.
    """

    name: str
    type: Type | None = None
    tags: frozenset[Tag] = frozenset()
    loose: bool = False

    @property
    def firm(self) -> frozenset[Tag]:
        """The tags that also hold for every row."""
        return frozenset() if self.loose else self.tags


class Pin(NamedTuple):
    """A column of an outer query that a subquery sets equal to a tagged one of its own."""

    node: "Node"
    tags: frozenset[Tag]


class Rel(NamedTuple):
    """Rows of a query. `free`: the same in every chunk. `driving`: those of all chunks are those of the whole.
    `bound`: they depend on the outer row, and only on driving rows of that row's own chunk.

    `open`: there may be more columns than are known. `pins` are of the subquery's outer columns.
    `single` are sets of columns that no two rows share.
    """

    kind: Kind
    columns: tuple[Column, ...]
    open: bool = False
    pins: tuple[Pin, ...] = ()
    single: tuple[frozenset[str], ...] = ()


class Node(NamedTuple):
    """A column of one reference in the statement."""

    source: int
    column: str


class Separators:
    """Sets of driving columns in which rows of different chunks always differ: the key, and what is unique."""

    def __init__(self, key: tuple[str, ...], unique: Iterable[tuple[str, ...]]) -> None:
        self.sets = [key, *(columns for columns in unique if set(columns) != set(key))]

    def tags(self, column: str, instance: int) -> frozenset[Tag]:
        """The tags of a column of the driving table; `instance` is the reference's own number."""
        return frozenset(
            Tag(number, columns.index(column), instance if number and len(columns) > 1 else 0)
            for number, columns in enumerate(self.sets)
            if column in columns
        )

    def covered(self, tags: Iterable[Tag]) -> bool:
        """Whether columns with these tags tell the chunk."""
        parts: dict[tuple[int, int], set[int]] = {}
        for tag in tags:
            parts.setdefault((tag.separator, tag.instance), set()).add(tag.part)
        return any(len(found) == len(self.sets[number]) for (number, _), found in parts.items())

    def tied(self, pairs: Iterable[tuple[Tag, Tag]]) -> bool:
        """Whether two rows, equal in these tags (the first one's, the other one's), are of one chunk."""
        parts: dict[tuple[int, int, int], set[int]] = {}
        for one, other in pairs:
            if (one.separator, one.part) == (other.separator, other.part):
                parts.setdefault((one.separator, one.instance, other.instance), set()).add(one.part)
        return any(len(found) == len(self.sets[number]) for (number, _, _), found in parts.items())

    def is_alone(self, tag: Tag) -> bool:
        """Whether the tag is a separator by itself, other than the key: then any row's value will do."""
        return tag.separator > 0 and len(self.sets[tag.separator]) == 1

    def agree(self, maps: Iterable[Mapping[str, frozenset[Tag]]]) -> bool:
        """Whether in all of these maps (column → its tags) the same columns tell the same chunk."""
        ways: list[tuple[int, set[tuple[int, str]]]] | None = None
        for columns in maps:
            own = _ways(columns)
            ways = own if ways is None else [(n, a & b) for n, a in ways for m, b in own if n == m]
        return any(len({part for part, _ in pairs}) == len(self.sets[number]) for number, pairs in ways or [])


def _ways(columns: Mapping[str, frozenset[Tag]]) -> list[tuple[int, set[tuple[int, str]]]]:
    """For each separator and instance, which column holds which part."""
    ways: dict[tuple[int, int], set[tuple[int, str]]] = {}
    for name, tags in columns.items():
        for tag in tags:
            ways.setdefault((tag.separator, tag.instance), set()).add((tag.part, name))
    return [(number, pairs) for (number, _), pairs in ways.items()]
