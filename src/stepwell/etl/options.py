"""How a table is loaded: what is replaced, what happens to columns that differ and to rows that are bad."""

from typing import NamedTuple

MODES = ("swap", "truncate", "incremental", "replace")
DRIFTS = ("fail", "add", "ignore")


class Options(NamedTuple):
    """`mode` and what belongs to it; `range` is a condition on the table, in SQL with :parameters.

    `pipeline`, `task` and `run` say who loads: the watermark and the rejected rows are kept under them.
    """

    mode: str = "swap"
    key: tuple[str, ...] = ()
    watermark: str = ""
    overlap: str = ""
    range: str = ""
    drift: str = "fail"
    rejects: int = 0
    place: str = ""
    pipeline: str = ""
    task: str = ""
    run: str = ""
