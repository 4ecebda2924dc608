"""Where in the user's code something is: `pipeline.py:12`, told relative to the pipeline's folder."""

import os
import sys
from types import TracebackType

from stepwell.errors import StepwellError

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHONS = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def caller(depth: int) -> tuple[str, int]:
    """The file (absolute) and line of the depth-th caller of the function that asks."""
    frame = sys._getframe(depth + 1)
    return os.path.abspath(frame.f_code.co_filename), frame.f_lineno


def shown(file: str, line: int, folder: str) -> str:
    inside = file.startswith(folder + os.sep)
    return f"{file[len(folder) + 1 :] if inside else file}:{line}"


def of_error(error: BaseException, folder: str) -> str | None:
    """The innermost line of the user's code that the error came through; None if it came through none.

    User's is what lies in the folder and is not installed there; failing that, what we called first, unless the
    error is ours: then that would be a library of ours.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return shown(os.path.abspath(error.filename), error.lineno, folder)
    lines = [(file, line) for file, line in _lines(error.__traceback__) if not file.startswith((_OURS, "<"))]
    users = [(file, line) for file, line in lines if _is_users(file, folder)]
    first = [] if isinstance(error, StepwellError) else lines[:1]
    return shown(*(users[-1:] or first)[0], folder) if users or first else None


def translated(error: BaseException, folder: str) -> BaseException:
    """What PostgreSQL's driver raised inside the user's code, under the name that Retry and Catch know it by."""
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(error, psycopg.Error):
        return error
    from stepwell.etl.failure import explain

    return explain(error, of_error(error, folder))


def _is_users(file: str, folder: str) -> bool:
    return file.startswith(folder + os.sep) and not _is_installed(file)


def _is_installed(file: str) -> bool:
    return any(part in file for part in _INSTALLED)


def _lines(trace: TracebackType | None) -> list[tuple[str, int]]:
    lines = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        lines.append((file if file.startswith("<") else os.path.abspath(file), trace.tb_lineno))
        trace = trace.tb_next
    return lines


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the user's first line on: what is ours, or Python's own, tells the user nothing."""
    while trace is not None and _is_nobodys(os.path.abspath(trace.tb_frame.f_code.co_filename)):
        trace = trace.tb_next
    return trace


def _is_nobodys(file: str) -> bool:
    return file.startswith(_OURS) or (file.startswith(_PYTHONS) and not _is_installed(file))
