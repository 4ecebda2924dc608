"""Show the history of a run: every state it was in, how long that took, what was tried again, and why it failed.

examples:
  stepwell show                      the newest run
  stepwell show 20260301-0930        the run whose name begins like this
  stepwell show --events             each event, as Step Functions records them
  stepwell show --on aws             the newest run of the deployed state machine
  stepwell show --html run.html      one page that needs nothing else
  stepwell show --json               what `aws stepfunctions get-execution-history` prints
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from stepwell.cli import output, side
from stepwell.cli.named import run_argument

if TYPE_CHECKING:
    from stepwell.cli.terminal import Terminal
    from stepwell.insight.failure import Card
    from stepwell.insight.story import Story
    from stepwell.insight.visit import Attempt, Visit

Execution = dict[str, Any]


def arguments(parser: ArgumentParser) -> None:
    run_argument(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--events", action="store_true", help="print a table of all events")
    shape.add_argument("--html", metavar="FILE", help="write one page with all that there is to see, for a mail or CI")
    shape.add_argument("--json", action="store_true", help="print all events, shaped as GetExecutionHistory's answer")
    side.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.cli.runs_of import all_events
    from stepwell.cli.select import chosen
    from stepwell.cli.terminal import Terminal
    from stepwell.insight.story import story

    with side.opened(options) as source:
        execution = chosen(source.client, options.run)
        events = all_events(source.client, execution["executionArn"])
        status = source.status_of(execution)
        told = story(events)
        failure = _failure(source, execution, status, told)
    if options.html:
        _write_html(options, execution)
    elif options.json:
        _print_json(events)
    elif options.events:
        _print_events(events)
    else:
        _print_story(Terminal(sys.stdout), execution, status, told, failure)
    return 0


def _write_html(options: Namespace, execution: Execution) -> None:
    from stepwell.cli.monitor import source_of
    from stepwell.errors import ConfigurationError

    try:
        from stepwell.monitor.report import report
        from stepwell.monitor.watched import Watched
    except ImportError as error:
        raise ConfigurationError(f"--html needs {error.name}: pip install 'stepwell[monitor]'") from None
    with source_of(options) as source:
        watched = Watched(source, execution["executionArn"])
        watched.refresh()
        output.put(report(source, watched), options.html)
    print(f"{options.html} shows the run {execution['name']}")


def _failure(source: side.Side, execution: Execution, status: str, told: "Story") -> "Card | None":
    from stepwell.insight.failure import card

    if status in ("RUNNING", "INTERRUPTED", "SUCCEEDED", "PENDING_REDRIVE"):
        return None
    log = _last_log(source, execution, told)
    return card(told, execution["name"], log, source.flags, source.code)


def _last_log(source: side.Side, execution: Execution, told: "Story") -> list[str]:
    there: Any = source
    if source.name == side.AWS:
        from stepwell.cli.remote_logs import last_log as log_on_aws

        return log_on_aws(there, execution, told.failed)
    from stepwell.cli.streams import last_log

    return last_log(there, execution["executionArn"], told.failed)


def _print_json(events: list[dict[str, Any]]) -> None:
    import json

    print(json.dumps({"events": events}, indent=2, ensure_ascii=False, default=lambda moment: moment.isoformat()))


def _print_events(events: list[dict[str, Any]]) -> None:
    from stepwell.cli.terminal import table
    from stepwell.insight.gist import gist

    start = events[0]["timestamp"] if events else None
    rows = [
        [
            str(e["id"]),
            str(e["previousEventId"]),
            f"{(e['timestamp'] - start).total_seconds():.3f}",
            e["type"],
            gist(e, 100),
        ]
        for e in events
    ]
    print("\n".join(table(("ID", "AFTER", "SECONDS", "TYPE", ""), rows, right=(0, 1, 2))))


# The readable form


def _print_story(
    terminal: "Terminal", execution: Execution, status: str, told: "Story", failure: "Card | None"
) -> None:
    name = execution["name"]
    for line in _header(terminal, execution, status, told):
        terminal.line(line)
    terminal.line()
    shown = [visit for visit in told.tree() if _is_shown(visit)]
    width = max((2 * _depth(visit) + len(_title(visit)) for visit in shown), default=0)
    for visit in shown:
        for line in _visit_lines(terminal, visit, width, alive=status == "RUNNING"):
            terminal.line(line)
    if status == "INTERRUPTED":
        terminal.line("\nIts process has died. Go on where it was: " + terminal.bold(f"stepwell resume {name}"))
    elif failure is not None:
        headline, *fields = failure.lines()
        terminal.line("\n" + terminal.red(headline))
        for field in fields:
            terminal.line(field)


def _header(terminal: "Terminal", execution: Execution, status: str, told: "Story") -> list[str]:
    from stepwell.cli.runs_of import COLOURS, pipeline_of, words
    from stepwell.cli.terminal import duration

    started, ended = execution["startDate"], execution.get("stopDate")
    took = f", took {duration((ended - started).total_seconds())}" if ended else ""
    redriven = f", redriven {told.redrives} times" if told.redrives > 1 else ", redriven once" if told.redrives else ""
    lines = [
        f"run       {terminal.bold(execution['name'])}",
        f"pipeline  {pipeline_of(execution)}",
        f"status    {terminal.paint(words(status), COLOURS[status])}{redriven}",
        f"started   {started.astimezone():%Y-%m-%d %H:%M:%S}{took}",
    ]
    return lines if execution["input"] == "{}" else [*lines, f"input     {execution['input']}"]


def _is_shown(visit: "Visit") -> bool:
    """A task in chunks is one line, with those of its parts below it that did not go smoothly."""
    if visit.whole is visit:
        return True
    return visit.type == "Task" and (visit.retries > 0 or visit.status not in ("SUCCEEDED", "RUNNING"))


def _depth(visit: "Visit") -> int:
    return visit.depth if visit.whole is visit else visit.whole.depth + 1


def _title(visit: "Visit") -> str:
    """A task is known by its own name; iterations are counted from 0, as Step Functions does."""
    if visit.phase is not None:
        return visit.phase if visit.index is None else f"{visit.phase} {visit.index}"
    return visit.label if visit.index is None else f"{visit.label} #{visit.index}"


def _visit_lines(terminal: "Terminal", visit: "Visit", width: int, alive: bool) -> list[str]:
    indent = "  " * _depth(visit)
    took = _took(visit, alive)
    title = f"{indent}{_title(visit)}"
    notes = "   ".join(_notes(visit))
    line = f"{_sign(terminal, visit)} {title:<{width}}  {took:>11}  {notes}".rstrip()
    if len(visit.attempts) < 2:
        return [line]
    return [line, *(f"  {indent}  {_attempt_line(terminal, attempt)}" for attempt in visit.attempts)]


def _took(visit: "Visit", alive: bool) -> str:
    """Until now, if it is under way."""
    from datetime import UTC, datetime

    from stepwell.cli.terminal import duration

    seconds = visit.seconds
    if seconds is None and alive:
        seconds = max(0.0, (datetime.now(UTC) - visit.started).total_seconds())
    return "" if seconds is None else duration(seconds)


def _sign(terminal: "Terminal", visit: "Visit") -> str:
    unicode = (terminal.stream.encoding or "").lower().startswith("utf")
    done, failed, stopped, under_way = "✓✗■…" if unicode else "+x#."
    if visit.status == "SUCCEEDED":
        return terminal.green(done)
    if visit.status == "RUNNING":
        return terminal.cyan(under_way)
    return terminal.yellow(stopped) if visit.status == "ABORTED" else terminal.red(failed)


def _notes(visit: "Visit") -> list[str]:
    from stepwell.cli.terminal import count

    receipt = visit.receipt or {}
    notes = [str(receipt["database"])] if "database" in receipt else []
    if visit.rows is not None and visit.task != "validate_config":
        notes.append(f"{count(visit.rows)} {'row' if visit.rows == 1 else 'rows'}")
    if visit.chunks:
        notes.append(_chunks(visit, receipt))
    if receipt.get("repeated"):
        notes.append("done before: answered from its receipt")
    if visit.retries:
        notes.append(f"{visit.retries} {'retry' if visit.retries == 1 else 'retries'}")
    if visit.status not in ("SUCCEEDED", "RUNNING"):
        ended = "failed" if visit.chunks and visit.status == "CAUGHT" else visit.status.lower().replace("_", " ")
        notes.append(visit.error if visit.error and visit.broke_off() else ended)
    return notes


def _chunks(visit: "Visit", receipt: dict[str, Any]) -> str:
    """While it is under way, what those lanes have told that had to be invoked again; `progress` knows more."""
    from stepwell.cli.terminal import count

    if "lanes" not in receipt:
        chunks = f"{count(visit.chunks or 0)} {'chunk' if visit.chunks == 1 else 'chunks'}"
        return f"at least {count(visit.chunks_done)} of {chunks} done" if visit.chunks_done else chunks
    lanes = receipt["lanes"]
    return f"{count(receipt['chunks'])} chunks, {lanes} {'lane' if lanes == 1 else 'lanes'}"


def _attempt_line(terminal: "Terminal", attempt: "Attempt") -> str:
    from stepwell.cli.terminal import duration

    took = "" if attempt.seconds is None else duration(attempt.seconds)
    said = (attempt.message or "").strip().splitlines()
    why = ": ".join(filter(None, (attempt.error, said[0] if said else "")))
    return terminal.dim(f"attempt {attempt.number}  {took:>9}  {why or attempt.outcome.lower()}")
