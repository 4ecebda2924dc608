"""Puts the range where the driving table is read, at places the parser tells, and proves that nothing else changed."""

import re
from collections.abc import Iterable
from typing import Any

from stepwell.etl.narrow.context import Hole
from stepwell.etl.narrow.parse import Node as Tree
from stepwell.etl.narrow.parse import Token, Unparsable, parse, tokens

_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_MARK = 60000  # a parameter that no task has
_PLACE = re.compile(r'/\*\s*chunk:\s*([A-Za-z_][\w$]*|"[^"]+")\s*\*/')
Pieces = tuple[tuple[str, ...], tuple[str, ...]]


class _Edit:
    """What takes the place between `start` and `end`: text, with a condition on `alias` amid it if there is one."""

    def __init__(self, start: int, end: int, before: str, alias: str | None = None, after: str = "") -> None:
        self.start, self.end, self.before, self.alias, self.after = start, end, before, alias, after


def splice(text: str, holes: Iterable[Hole]) -> Pieces:
    """The text cut at its holes, and the alias for the condition in each."""
    words = [token for token in tokens(text) if token.name not in _COMMENTS]
    raw = text.encode()
    edits: list[_Edit] = []
    for hole in {hole.at: hole for hole in holes}.values():
        edits += _target(words, hole) if hole.target else [_read(raw, words, hole)]
    return _cut(raw, edits)


def places(text: str) -> Pieces | None:
    """The same for a text that says itself where the range belongs; None if it does not."""
    raw, words = text.encode(), tokens(text)
    edits = []
    for at, token in enumerate(words):
        found = _PLACE.fullmatch(raw[token.start : token.end].decode()) if token.name == "C_COMMENT" else None
        if found and at + 1 < len(words) and words[at + 1].name == "TRUE_P":
            name = found[1].strip('"') if found[1].startswith('"') else found[1].lower()
            edits.append(_Edit(token.start, words[at + 1].end, "", '"' + name + '"'))
    return _cut(raw, edits) if edits else None


def is_same(text: str, pieces: Pieces) -> bool:
    """Whether the spliced text, without what was put in, is the text's own parse tree."""
    marked = f"(${_MARK})".join(pieces[0])
    try:
        return [_plain(tree) for tree in parse(text)] == [_plain(tree) for tree in parse(marked)]
    except Unparsable:
        return False


def _read(raw: bytes, words: list[Token], hole: Hole) -> _Edit:
    at = next(i for i, word in enumerate(words) if word.start == hole.at)
    while at + 1 < len(words) and words[at + 1].name == "ASCII_46":
        at += 2
    end = words[at].end
    name = raw[hole.at : end].decode()
    if at + 1 < len(words) and words[at + 1].name == "ASCII_42":
        end = words[at + 1].end  # `visits *` says what is so anyway: with the tables that inherit
    return _Edit(hole.at, end, f"(SELECT * FROM {name} WHERE ", "", f") AS {hole.alias}" if hole.alias else ")")


def _target(words: list[Token], hole: Hole) -> list[_Edit]:
    """WHERE (range) AND (what was there), or a new WHERE: at the statement's own level, before RETURNING."""
    level = list(_outermost(words))
    where = next((word for word in level if word.name == "WHERE"), None)
    returning = next((i for i, word in enumerate(words) if word.name == "RETURNING" and word in level), len(words))
    end = words[returning - 1].end
    if where is None:
        return [_Edit(end, end, " WHERE ", hole.alias)]
    return [_Edit(where.end, where.end, " ", hole.alias, " AND ("), _Edit(end, end, ")")]


def _outermost(words: list[Token]) -> Iterable[Token]:
    depth = 0
    for word in words:
        depth -= word.name in ("ASCII_41", "ASCII_93")
        if depth == 0:
            yield word
        depth += word.name in ("ASCII_40", "ASCII_91")


def _cut(raw: bytes, edits: list[_Edit]) -> Pieces:
    texts, aliases, piece, done = [], [], "", 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        piece += raw[done : edit.start].decode() + edit.before
        if edit.alias is not None:
            texts.append(piece)
            aliases.append(edit.alias)
            piece = edit.after
        done = edit.end
    return (*texts, piece + raw[done:].decode()), tuple(aliases)


def _plain(tree: Any) -> Any:
    """The tree's shape, without the ranges."""
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if not isinstance(tree, Tree):
        return tree
    if tree.kind == "RangeSubselect" and (table := _narrowed(tree)) is not None:
        alias = tree["alias"]
        return _plain(Tree("RangeVar", {**table.fields, **({"alias": alias} if alias else {})}))
    fields = {name: _plain(value) for name, value in tree.fields.items()}
    if tree.kind == "RangeVar" and _is_own_name(tree):
        fields.pop("alias")
    if "where_clause" in fields and tree.kind in ("UpdateStmt", "DeleteStmt"):
        rest = _without_mark(tree["where_clause"])
        fields.pop("where_clause")
        fields |= {"where_clause": _plain(rest)} if rest is not None else {}
    return tree.kind, {name: value for name, value in fields.items() if name not in _WHERE_IT_IS}


_WHERE_IT_IS = {"location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"}


def _narrowed(tree: Tree) -> Tree | None:
    """The table of `(SELECT * FROM table WHERE $60000)`."""
    query: Tree = tree["subquery"]
    if query.kind != "SelectStmt" or not _is_mark(query["where_clause"]) or len(query.all("from_clause")) != 1:
        return None
    expected = {"target_list", "from_clause", "where_clause", "limit_option", "op"}
    table = query.all("from_clause")[0]
    return table if set(query.fields) == expected and table.kind == "RangeVar" and not tree["lateral"] else None


def _is_own_name(tree: Tree) -> bool:
    alias = tree["alias"]
    return bool(alias) and alias["aliasname"] == tree["relname"] and not alias["colnames"]


def _without_mark(where: Tree) -> Tree | None:
    if _is_mark(where):
        return None
    if where.kind == "BoolExpr" and where["boolop"] == "AND_EXPR" and _is_mark(where.all("args")[0]):
        arms: list[Tree] = where.all("args")
        return arms[1] if len(arms) == 2 else None
    return where


def _is_mark(tree: Tree | None) -> bool:
    return tree is not None and tree.kind == "ParamRef" and tree["number"] == _MARK
