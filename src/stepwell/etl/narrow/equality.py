"""What follows from equalities: which columns are equal, which chunk they tell, and which references share a chunk."""

from collections.abc import Mapping

from stepwell.etl.narrow.relation import Column, Node, Separators, Tag

OUTSIDE = -1  # stands for the driving rows of the queries around this one


class Facts:
    """`edges`: columns that are equal. `choices`: a column that is equal to one of several."""

    __slots__ = ("choices", "edges")

    def __init__(
        self, edges: list[tuple[Node, Node]] | None = None, choices: list[tuple[Node, list[Node]]] | None = None
    ) -> None:
        self.edges, self.choices = edges or [], choices or []

    def plus(self, *others: "Facts") -> "Facts":
        every = (self, *others)
        return Facts([edge for facts in every for edge in facts.edges], [c for facts in every for c in facts.choices])

    def options(self) -> dict[Node, list[Node]]:
        """For each column, what it may be equal to."""
        found: dict[Node, list[Node]] = {}
        for one, other in self.edges:
            found.setdefault(one, []).append(other)
            found.setdefault(other, []).append(one)
        for node, others in self.choices:
            found.setdefault(node, []).extend(others)
        return found


class Closure:
    """Groups of columns that are equal to each other, with the tags that this gives them."""

    def __init__(self, columns: Mapping[Node, Column], facts: Facts) -> None:
        self._columns, self._choices = columns, facts.choices
        self._parent: dict[Node, Node] = {}
        for one, other in facts.edges:
            self._parent[self._root(one)] = self._root(other)
        self.groups: dict[Node, list[Node]] = {}
        for node in list(self._parent):
            self.groups.setdefault(self._root(node), []).append(node)
        self._chosen = self._choose()

    def group(self, node: Node) -> list[Node]:
        return self.groups.get(self._root(node), [node]) if node in self._parent else [node]

    def tags(self, node: Node) -> frozenset[Tag]:
        """What the column tells in rows that survive: a column that is equal to another is not NULL."""
        group = self.group(node)
        own = (
            self._columns[node].firm if len(group) == 1 else frozenset(t for n in group for t in self._columns[n].tags)
        )
        return own | self._chosen.get(group[0], frozenset())

    def is_strict(self, node: Node) -> bool:
        group = self.group(node)
        return len(group) > 1 or group[0] in self._chosen

    def tied(self, separators: Separators, tell: Mapping[int, bool]) -> "Ties":
        """Which references share a chunk. `tell`: the driving ones here; others' columns are from the OUTSIDE."""
        ties = Ties()
        pairs: dict[tuple[int, int], list[tuple[Tag, Tag]]] = {}
        for group in self.groups.values():
            told = [(_owner(node, tell), tag) for node in group for tag in self._columns[node].tags]
            for one, tag in told:
                for other, second in told:
                    if one < other:
                        pairs.setdefault((one, other), []).append((tag, second))
        for (one, other), equal in pairs.items():
            if _counts(one, tell) and _counts(other, tell) and separators.tied(equal):
                ties.join(one, other)
        for _ in self._choices:
            self._tie_choices(separators, tell, ties)
        return ties

    def _tie_choices(self, separators: Separators, tell: Mapping[int, bool], ties: "Ties") -> None:
        for node, others in self._choices:
            owners = {_owner(other, tell) for other in others}
            mine = _owner(node, tell)
            alike = all(
                separators.tied((a, b) for a in self._columns[node].tags for b in self._columns[other].tags)
                for other in others
            )
            known = all(_counts(owner, tell) for owner in (mine, *owners))
            if known and alike and len({ties.root(owner) for owner in owners}) == 1:
                ties.join(mine, next(iter(owners)))

    def _choose(self) -> dict[Node, frozenset[Tag]]:
        """What a column tells because it is one of several that all tell it."""
        chosen: dict[Node, frozenset[Tag]] = {}
        for node, others in self._choices:
            told = [frozenset(tag for n in self.group(other) for tag in self._columns[n].tags) for other in others]
            key = self.group(node)[0]
            chosen[key] = chosen.get(key, frozenset()) | frozenset.intersection(*told)
        return chosen

    def _root(self, node: Node) -> Node:
        while (parent := self._parent.setdefault(node, node)) != node:
            node = parent
        return node


class Ties:
    """References that share a chunk."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        self._parent[self.root(one)] = self.root(other)

    def root(self, number: int) -> int:
        while (parent := self._parent.get(number, number)) != number:
            number = parent
        return number

    def together(self, one: int, other: int) -> bool:
        return self.root(one) == self.root(other)


def _owner(node: Node, tell: Mapping[int, bool]) -> int:
    return node.source if node.source in tell else OUTSIDE


def _counts(owner: int, tell: Mapping[int, bool]) -> bool:
    return owner == OUTSIDE or tell[owner]
