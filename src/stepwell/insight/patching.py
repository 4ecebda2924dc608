"""The line that cuts a task into chunks, written into the user's own file: as a diff that `patch` applies."""

import ast
from collections.abc import Iterator
from difflib import unified_diff

_WIDTH = 120


class CannotPatch(Exception):
    """The file does not say it in a way that can be changed by a program; the message says why."""


def diff(source: str, file: str, task: str, chunks: str) -> str:
    """A unified diff of the file; `chunks` is like `Chunks("staging.visits", by=("visit_date",), rows=10_000)`."""
    changed = with_chunks(source, task, chunks)
    lines = unified_diff(source.splitlines(keepends=True), changed.splitlines(keepends=True), file, file)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def with_chunks(source: str, task: str, chunks: str) -> str:
    """The file with `chunks=` in the call that adds the task, and with its import. Raises CannotPatch."""
    tree = ast.parse(source)
    call = _call(tree, task)
    if any(keyword.arg == "chunks" for keyword in call.keywords):
        raise CannotPatch(f"task {task!r} has chunks= already")
    imported, name = _import(tree)
    edits = [_argument(source, call, f"chunks={name}{chunks.removeprefix('Chunks')}")]
    if imported is not None:
        edits.append(_names(source, imported))
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source


Edit = tuple[int, int, str]


def _call(tree: ast.Module, task: str) -> ast.Call:
    """`pipeline.sql("task_02", …)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sql":
            names = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
            if any(isinstance(name, ast.Constant) and name.value == task for name in names):
                return node
    raise CannotPatch(f"there is no call .sql({task!r}, …) in the file, with the task's name written out")


def _import(tree: ast.Module) -> tuple[ast.ImportFrom | None, str]:
    """The import that lacks Chunks, and how Chunks is called then."""
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "stepwell"]
    for node in froms:
        for alias in node.names:
            if alias.name == "Chunks":
                return None, alias.asname or "Chunks"
    if froms:
        return froms[0], "Chunks"
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name == "stepwell":
                    return None, f"{alias.asname or 'stepwell'}.Chunks"
    raise CannotPatch("the file imports nothing of stepwell: write `from stepwell import Chunks`")


def _names(source: str, node: ast.ImportFrom) -> Edit:
    """`from stepwell import Chunks, Pipeline, env`; a list that is broken over lines stays so."""
    start, end = _span(source, node)
    names = sorted([_shown(alias) for alias in node.names] + ["Chunks"])
    line = f"from stepwell import {', '.join(names)}"
    if "\n" in source[start:end] or len(line) > _WIDTH:
        line = "from stepwell import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    return start, end, line


def _shown(alias: ast.alias) -> str:
    return alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"


def _argument(source: str, call: ast.Call, argument: str) -> Edit:
    """Behind the last argument: in its line if there is room, else every argument in a line of its own."""
    start, end = _span(source, call)
    last = max(_span(source, each)[1] for each in _arguments(call))
    line = source.rfind("\n", 0, start) + 1
    indent = source[line:start][: len(source[line:start]) - len(source[line:start].lstrip())]
    if "\n" not in source[start:end]:
        if end - line + len(argument) + 2 <= _WIDTH:
            return last, last, f", {argument}"
        pieces = [source[slice(*_span(source, each))] for each in _arguments(call)]
        head = source[start : _span(source, call.func)[1]]
        body = "".join(f"{indent}    {piece},\n" for piece in [*pieces, argument])
        return start, end, f"{head}(\n{body}{indent})"
    begin = source.rfind("\n", 0, last) + 1
    own = source[begin:last][: len(source[begin:last]) - len(source[begin:last].lstrip())]
    if source[begin:last].strip().startswith(("(", ")")) or begin <= start:
        return last, last, f", {argument}"
    comma = source.find(",", last, end)
    behind = comma + 1 if comma >= 0 else last
    return last, behind, f",\n{own}{argument},"


def _arguments(call: ast.Call) -> list[ast.expr | ast.keyword]:
    return [*call.args, *call.keywords]


def _span(source: str, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
    """Where a node is, in characters: ast counts a line's bytes."""
    starts = list(_starts(source))
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (
        starts[node.lineno - 1] + _characters(source, starts[node.lineno - 1], node.col_offset),
        starts[node.end_lineno - 1] + _characters(source, starts[node.end_lineno - 1], node.end_col_offset),
    )


def _starts(source: str) -> Iterator[int]:
    at = 0
    for line in source.splitlines(keepends=True):
        yield at
        at += len(line)


def _characters(source: str, start: int, offset: int) -> int:
    return len(source[start:].encode()[:offset].decode())
