"""Run SQL on the pipeline's database and print what it answers; what it changes is committed.

The database is the one that the pipeline in this folder names (or DATABASE_URL), else the project's embedded one,
which is started if need be. A statement `-` is read from stdin.

examples:
  stepwell sql "select * from care.conflicts limit 10"
  stepwell sql --csv "select * from care.conflicts" > conflicts.csv
  stepwell sql - < report.sql
"""

import sys
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stdout
from typing import Any

from stepwell.errors import SqlError, UsageError

SHOWN = 1_000  # rows of a table; who wants more wants --csv


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("statement", metavar="STATEMENT", help="the SQL, or - for stdin")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a JSON list of objects")
    shape.add_argument("--csv", action="store_true", help="print CSV with a header; NULL is empty")


def main(options: Namespace) -> int:
    text = sys.stdin.read() if options.statement == "-" else options.statement
    if not text.strip():
        raise UsageError('there is no statement; example: stepwell sql "select 1"')
    show = _show_json if options.json else _show_csv if options.csv else _show_table
    with redirect_stdout(sys.stderr):  # PostgreSQL's notices are no part of the answer
        answers = _answers(text)
    for names, rows, status in answers:
        show(names, rows, status)
    return 0


def _answers(text: str) -> list[tuple[list[str], list[tuple[Any, ...]], str]]:
    """For each statement: its columns and rows, and PostgreSQL's word for what it did."""
    import psycopg

    from stepwell.cli.database import address
    from stepwell.cli.local import home
    from stepwell.etl.connection import connect

    connection = connect(address(home()), "stepwell sql")
    connection.autocommit = True  # several statements are still one transaction, and VACUUM works
    try:
        cursor = connection.execute(text.encode(errors="surrogateescape"))
        answers = []
        while True:
            rows = cursor.fetchall() if cursor.description else []
            answers.append(([c.name for c in cursor.description or ()], rows, cursor.statusmessage or ""))
            if not cursor.nextset():
                return answers
    except psycopg.Error as error:
        raise SqlError(_told(error, text)) from None
    finally:
        connection.close()


def _told(error: Any, text: str) -> str:
    """PostgreSQL's words, with the line and a caret under the place that it points at."""
    diag = error.diag
    lines = [diag.message_primary or str(error).strip() or type(error).__name__]
    if diag.statement_position:
        lines += _pointed(text, int(diag.statement_position) - 1)
    more = {"DETAIL": diag.message_detail, "HINT": diag.message_hint}
    lines += [f"{name}: {said}" for name, said in more.items() if said]
    return "\n".join([*lines, f"SQLSTATE {error.sqlstate}"] if error.sqlstate else lines)


def _pointed(text: str, at: int) -> list[str]:
    before = text[:at]
    column = at - (before.rfind("\n") + 1)
    line = text[at - column :].partition("\n")[0]
    start = max(0, column - 60)
    shown = line[start : column + 60].replace("\t", " ")
    return [f"line {before.count(chr(10)) + 1}, column {column + 1}:", f"  {shown}", f"  {' ' * (column - start)}^"]


# The three shapes


def _show_table(names: list[str], rows: list[tuple[Any, ...]], status: str) -> None:
    from stepwell.cli.terminal import Terminal, count, table

    terminal = Terminal(sys.stdout)
    if not names:
        terminal.line(status)
        return
    right = [i for i in range(len(names)) if any(_is_number(row[i]) for row in rows[:SHOWN])]
    head, *lines = table(names, [[_cell(value) for value in row] for row in rows[:SHOWN]], right)
    terminal.line(terminal.bold(head))
    for line in lines:
        terminal.line(line)
    more = f" (the first {count(SHOWN)} are shown; --csv prints all)" if len(rows) > SHOWN else ""
    terminal.line(terminal.dim(f"{count(len(rows))} {'row' if len(rows) == 1 else 'rows'}{more}"))


def _is_number(value: Any) -> bool:
    from decimal import Decimal

    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    text = _text(value)
    return "NULL" if text is None else text.replace("\n", "⏎")


def _text(value: Any) -> str | None:
    """As psql would write it, more or less."""
    import json

    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"\\x{bytes(value).hex()}"
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _show_json(names: list[str], rows: list[tuple[Any, ...]], _: str) -> None:
    import json

    print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=_text, ensure_ascii=False))


def _show_csv(names: list[str], rows: list[tuple[Any, ...]], _: str) -> None:
    if names:
        for row in (names, *rows):
            print(",".join(map(_field, row)))


def _field(value: Any) -> str:
    """As PostgreSQL's COPY writes it: NULL is nothing, the empty text is `""`, which Python's csv cannot tell apart."""
    text = _text(value)
    if text is None:
        return ""
    quoted = not text or any(letter in text for letter in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text
