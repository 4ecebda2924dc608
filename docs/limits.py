"""docs/limits.md: the table of limits that `stepwell check --aws` measures a pipeline against."""

from itertools import groupby

from stepwell.insight.limits import LIMITS, Limit, shown

HEAD = """\
# What AWS allows

<!-- Made by docs/generate.py from src/stepwell/insight/limits.py. Do not edit. -->

`stepwell check --aws` measures a pipeline against every limit here of which something can be known before it is
deployed: each figure, the limit, what is left. Its exit code is 1 if one is broken. AWS is asked nothing; the
pipeline's database is asked how many connections are free, unless `--no-database` says otherwise, and `--processors
N` tells how many processors it has.

A figure that is past "near" is a warning, since payloads grow with the data and histories with retries. The events
of a run are counted as if every call were made twice and every lane were invoked until its deadline. Limits that
are shares (`/`) compare two of the pipeline's own figures.
"""


def page() -> str:
    parts = [HEAD]
    for area, group in groupby(LIMITS, lambda limit: limit.area):
        title = f"## {area[:1].upper()}{area[1:]}"
        parts.append(
            "\n".join(
                [title, "", "| | limit | near | what to do | source |", "|---|--:|--:|---|---|", *map(row, group)]
            )
            + "\n"
        )
    return "\n".join(parts)


def row(limit: Limit) -> str:
    near = f"{1 - limit.spare:.0%}".replace("%", " %") if limit.spare else ""
    return f"| {limit.what} | {shown(limit.most, limit.unit)} | {near} | {limit.remedy} | [page]({limit.page}) |"
