"""What may be said of a load, and what belongs together: everything wrong is told where the pipeline says it."""

from collections.abc import Sequence
from typing import Any

from stepwell.errors import ConfigurationError
from stepwell.etl.options import DRIFTS, MODES, Options
from stepwell.pipeline.settings import Setting

# What each mode needs; nothing of it may be said for another.
_BELONGS: dict[str, tuple[str, ...]] = {"incremental": ("watermark", "key"), "replace": ("range",)}


def options_of(
    what: str,
    place: str,
    mode: str,
    key: str | Sequence[str],
    watermark: str,
    overlap: str | int | float,
    range_: str,
    drift: str,
    rejects: int,
) -> Options:
    """The options of a load, for those that have been given. Raises ConfigurationError."""
    _one_of(what, "mode", mode, MODES)
    _one_of(what, "drift", drift, DRIFTS)
    if type(rejects) is not int or rejects < 0:
        raise ConfigurationError(f"{what}: rejects={rejects!r}: give the number of bad rows that may be set aside")
    keys = (key,) if isinstance(key, str) and key else tuple(key)
    given = {"watermark": watermark, "key": keys, "overlap": overlap, "range": range_}
    needs = _BELONGS.get(mode, ())
    for name in needs:
        if not given[name]:
            raise ConfigurationError(f"{what}: mode={mode!r} needs {name}=, as in {_EXAMPLES[name]}")
    for name, value in given.items():
        if value and name not in needs and (name, mode) != ("overlap", "incremental"):
            other = "replace" if name == "range" else "incremental"
            raise ConfigurationError(f"{what}: {name}= belongs to mode={other!r}, and the mode is {mode!r}")
    return Options(mode, keys, watermark, str(overlap or ""), range_, drift, rejects, place)


def check_given(what: str, query: str | None, source: Any) -> None:
    """Either a query, in the database of the source if there is one, or a source that is complete by itself."""
    database = isinstance(source, str | Setting)
    if source is not None and not database and not hasattr(source, "open"):
        raise ConfigurationError(
            f"{what}: source={source!r} must be a database (env(…) or a URL) or files (csv_files(…), jsonl_files(…))"
        )
    if query and source is not None and not database:
        raise ConfigurationError(
            f"{what}: query= belongs to a database, and the source is {source!r}; load the files as they are, and "
            "let a task of SQL change what is to be changed"
        )
    if not query and (source is None or database):
        raise ConfigurationError(f"{what}: query= is missing: a file of SQL, or SQL")


_EXAMPLES = {
    "watermark": 'watermark="updated_at"',
    "key": 'key=("id",)',
    "range": 'range="visit_date >= :from and visit_date < :to"',
}


def _one_of(what: str, name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{what}: {name}={value!r} must be one of {', '.join(known)}")
