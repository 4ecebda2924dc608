"""Turns PostgreSQL's errors into ours, by SQLSTATE, with file, line, PostgreSQL's own words and what to do next."""

from types import TracebackType

import psycopg

from stepwell.errors import (
    ConfigurationError,
    ConnectionLost,
    DatabaseUnavailable,
    DataError,
    DeadlineExceeded,
    DeadlockDetected,
    LockNotAvailable,
    SerializationFailure,
    SqlError,
    StepwellError,
    TransactionMisuse,
)
from stepwell.etl.redact import redacted
from stepwell.etl.script import Statement

_BY_STATE: dict[str, type[StepwellError]] = {
    "25006": ConfigurationError,  # read-only transaction: a replica
    "25P03": DeadlineExceeded,  # idle_in_transaction_session_timeout
    "25P04": DeadlineExceeded,  # transaction_timeout
    "2D000": TransactionMisuse,  # COMMIT inside DO or CALL
    "40001": SerializationFailure,
    "40003": ConnectionLost,
    "40P01": DeadlockDetected,
    "42501": ConfigurationError,  # insufficient privilege
    "53300": DatabaseUnavailable,
    "55P03": LockNotAvailable,
    "57014": DeadlineExceeded,  # statement_timeout
    "57P01": ConnectionLost,
    "57P02": ConnectionLost,
    "57P03": ConnectionLost,
    "57P05": ConnectionLost,
    "P0001": DataError,  # RAISE EXCEPTION
    "P0004": DataError,  # ASSERT
}
_BY_CLASS: dict[str, type[StepwellError]] = {
    "08": ConnectionLost,
    "22": DataError,
    "23": DataError,
    "28": ConfigurationError,
    "44": DataError,  # WITH CHECK OPTION
}
_BY_DRIVER: tuple[tuple[type[psycopg.Error], type[StepwellError]], ...] = (
    (psycopg.DataError, DataError),
    (psycopg.OperationalError, ConnectionLost),
    (psycopg.InterfaceError, ConnectionLost),
)
_NEXT_BY_STATE = {
    "25001": "Run it in a Python task with @pipeline.task(transaction=False).",
    "25006": "The database is read-only (a replica?): point the URL at the primary.",
    "25P02": "A statement of this task failed before, and the failure was caught; what may fail belongs into "
    "`with connection.transaction():`, which rolls back to where it began.",
    "42501": "Grant it, or use a user that may, then resume the run.",
    "42P18": "Say which type it has, as in :name::date.",
    "53100": "Make room on the database's disk, then resume the run.",
}
_NEXT: dict[type[StepwellError], str] = {
    ConnectionLost: "The transaction was rolled back; running the task again is safe.",
    DataError: "Correct the data or the statement, then resume the run.",
    DeadlineExceeded: "Nothing was committed. Give the task a longer timeout=, or less to do.",
    DeadlockDetected: "Nothing was committed; running the task again is safe.",
    LockNotAvailable: "Another session holds the lock (see pg_locks); running the task again is safe.",
    SerializationFailure: "Nothing was committed; running the task again is safe.",
    SqlError: "Correct the statement, then resume the run.",
    TransactionMisuse: "Stepwell commits the task's transaction: remove COMMIT and ROLLBACK.",
}


def explain(
    error: BaseException, place: str | None = None, statement: Statement | None = None, shift: int = 0
) -> StepwellError:
    """Our error for one of psycopg's; an error of our own is answered as it is.

    `place` ("file:line") is used if there is no `statement`; with neither, the line of the user's Python code that
    called. `shift` is how much was sent in front of the statement's text.
    """
    if isinstance(error, StepwellError):
        return error
    kind = _kind(error)
    return kind("\n".join(_lines(error, kind, place, statement, shift)))


def _kind(error: BaseException) -> type[StepwellError]:
    state = getattr(error, "sqlstate", None)
    if state == "57014" and "user request" in str(error):
        return SqlError  # pg_cancel_backend: somebody wanted it to end, so it is not tried again
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], SqlError)
    return next((ours for theirs, ours in _BY_DRIVER if isinstance(error, theirs)), SqlError)


def _lines(
    error: BaseException, kind: type[StepwellError], place: str | None, statement: Statement | None, shift: int
) -> list[str]:
    where, excerpt = _where(error, statement, shift)
    where = where or place or _user_place(error.__traceback__)
    lines = [f"{where}: {_primary(error, statement)}" if where else _primary(error, statement), *excerpt]
    if isinstance(error, psycopg.Error):
        lines += _details(error.diag)
        if error.sqlstate:
            lines.append(_code(error))
    following = _NEXT_BY_STATE.get(getattr(error, "sqlstate", None) or "") or _NEXT.get(kind)
    return [*lines, following] if following else lines


def _primary(error: BaseException, statement: Statement | None) -> str:
    text = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    text = text or str(error).strip() or type(error).__name__
    names = enumerate(statement.names, 1) if statement else ()
    for number, name in reversed(list(names)):
        text = text.replace(f"parameter ${number}", f"parameter :{name}")
    return text


def _where(error: BaseException, statement: Statement | None, shift: int) -> tuple[str | None, list[str]]:
    """`file:line`, and the line with a caret under the place that PostgreSQL points at."""
    if statement is None:
        return None, []
    position = error.diag.statement_position if isinstance(error, psycopg.Error) else None
    at = int(position) - 1 - shift if position else -1
    if not 0 <= at < len(statement.text):
        return statement.place, []
    line, column, text = statement.locate(at)
    if redacted(text) != text:
        return f"{statement.file}:{line}", []  # a part of the line might begin in the middle of a password
    start = max(0, column - 60)
    shown = text[start : column + 60]
    return f"{statement.file}:{line}", [f"  {shown}", "  " + _blank(shown[: column - start]) + "^"]


def _blank(text: str) -> str:
    return "".join("\t" if char == "\t" else " " for char in text)


def _details(diag: psycopg.errors.Diagnostic) -> list[str]:
    parts = {"DETAIL": diag.message_detail, "HINT": diag.message_hint, "CONTEXT": diag.context}
    return [f"{name}: {text}" for name, text in parts.items() if text]


def _code(error: psycopg.Error) -> str:
    diag = error.diag
    parts = {
        "table": ".".join(filter(None, (diag.schema_name, diag.table_name))),
        "column": diag.column_name,
        "type": diag.datatype_name,
        "constraint": diag.constraint_name,
    }
    facts = [f"SQLSTATE {error.sqlstate} {type(error).__name__}"]
    return ", ".join(facts + [f"{name} {value}" for name, value in parts.items() if value])


def _user_place(trace: TracebackType | None) -> str | None:
    """The innermost line of code that is neither psycopg's nor Stepwell's."""
    place = None
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in ("psycopg", "psycopg_binary", "stepwell", "contextlib"):
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
