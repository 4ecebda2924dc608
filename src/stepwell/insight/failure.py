"""The failure card: what failed, where and why, what is safe, and the command that goes on from there."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stepwell import errors
from stepwell.insight.rules import diagnose
from stepwell.insight.story import ABORTED, FAILED, SUCCEEDED, TIMED_OUT, Story, Visit
from stepwell.insight.visit import message_of

# Names that are not ours, by the kind of Fail state that a compiled pipeline ends in for them.
_KINDS = {
    "States.Timeout": "timeout",
    "Sandbox.Timedout": "timeout",
    "Runtime.ImportModuleError": "configuration",
    "Runtime.HandlerNotFound": "configuration",
    "Runtime.UserCodeSyntaxError": "configuration",
}
_REMEDY = " When it is put right: "  # how the cause of a pipeline's Fail state ends
_PLACE = re.compile(r"(?<![\w./])((?:/|\w)[\w./ -]*?\.(?:py|sql):\d+)\b")
_LIBRARY = re.compile(r"/site-packages/|/lib/python3\.\d+/|^<")
_STATE = re.compile(r"SQLSTATE (\w{5}(?: \w+)?)")
_CHUNK = re.compile(r"^In (chunk .+?)\. What other chunks", re.MULTILINE)
_TRACE_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_NO_MESSAGE = {
    "States.Timeout": "Step Functions ended it when its TimeoutSeconds were over.",
    "Lambda.Unknown": "The outcome of the invocation is not known.",
}


class Card(NamedTuple):
    """`what` failed in which `state`, `error` and its `kind` (configuration, timeout, data, other), and what to do.

    `sqlstate` is PostgreSQL's code and its name, `chunk` the one that failed, `cause` and `remedy` what a rule says,
    `log` the last lines that the task printed before it failed.
    """

    what: str
    state: str
    kind: str
    error: str
    message: str
    where: str | None
    attempts: int
    safe: list[str]
    command: str
    sqlstate: str | None = None
    chunk: str | None = None
    cause: str | None = None
    remedy: str | None = None
    log: tuple[str, ...] = ()

    def fields(self) -> list[tuple[str, list[str]]]:
        """What there is to say below the headline, by its name."""
        tries = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        state = f", SQLSTATE {self.sqlstate}" if self.sqlstate else ""
        fields = [
            ("error", [f"{self.error}{state}{tries}"]),
            ("cause", [self.cause] if self.cause else []),
            ("why", self.message.splitlines()),
            ("where", [self.where] if self.where and self.where not in self.message else []),
            ("chunk", [self.chunk] if self.chunk and self.chunk not in self.message else []),
            ("log", list(self.log)),
            ("do", [self.remedy] if self.remedy else []),
            ("safe", self.safe),
            ("next", [self.command]),
        ]
        return [(name, lines) for name, lines in fields if lines]

    def lines(self) -> list[str]:
        """The card as plain text: a headline, then fields."""
        told = [(name if not i else "", line) for name, lines in self.fields() for i, line in enumerate(lines)]
        return [self.what, *(f"  {name:<6} {text}".rstrip() for name, text in told)]


def card(story: Story, run: str, log: Sequence[str] = (), flags: str = "", code: str = "/var/task") -> Card:
    """The card of the run called `run`, which has ended without success.

    `log` is what its last attempt printed, `flags` what commands need to find the run, `code` its function's folder.
    """
    visit = story.failed
    attempt = visit.attempts[-1] if story.status == FAILED and visit and visit.broke_off() and visit.attempts else None
    error = (attempt.error if attempt else story.error) or story.error or _fallback(story.status)
    cause = attempt.cause if attempt else story.cause
    message = message_of(cause) if cause else _NO_MESSAGE.get(error, "No cause was given.")
    task = visit.whole.label if visit else ""
    told = diagnose(error, message, task, run) if story.status != ABORTED else None
    return Card(
        what=_headline(story, visit, run),
        state=visit.name if visit else "",
        kind=kind_of(error),
        error=error,
        message=message,
        where=_where(cause or "", code),
        attempts=attempt.number if attempt else 0,
        safe=_safe(story, visit, cause if attempt else None, error),
        command=(told.command if told else f"stepwell resume {run}") + flags,
        sqlstate=_first(_STATE, message),
        chunk=_first(_CHUNK, message),
        cause=told and told.cause,
        remedy=told and told.remedy,
        log=tuple(last_lines(log, message)),
    )


def last_lines(log: Sequence[str], message: str, most: int = 5) -> list[str]:
    """The last lines of a log before the error itself, of which the card tells, and without those that tell of it."""
    first, *others = message.splitlines() or [""]
    before: list[str] = []
    for line in log:
        if line.startswith(("[ERROR] ", "Traceback (most recent call last)")):
            break
        if line.strip() and line not in others and not (first and line.endswith(first)):
            before.append(line.rstrip())
    return before[-most:]


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group(1) if found else None


def kind_of(error: str) -> str:
    """configuration, timeout, data or other: what a pipeline's Catch would say."""
    kind = getattr(getattr(errors, error, None), "kind", None)
    return kind if isinstance(kind, str) else _KINDS.get(error, "other")


def _fallback(status: str) -> str:
    return "States.Timeout" if status == TIMED_OUT else status.capitalize()


def _headline(story: Story, visit: Visit | None, run: str) -> str:
    where = "" if visit is None else visit.label
    if story.status == FAILED:
        return f"{where or 'The run'} failed in run {run}"
    what = "took longer than it may" if story.status == TIMED_OUT else "was stopped"
    return f"The run {run} {what}" + (f" while {where} was under way" if where else "")


def _where(cause: str, code: str) -> str | None:
    """`file:line` as the message has it, else the last line of the user's own code in Lambda's traceback."""
    told = _PLACE.search(message_of(cause))
    if told:
        return told.group(1)
    traced = _TRACE_LINE.findall(cause.replace('\\"', '"'))
    users = [line for line in traced if not _LIBRARY.search(line[0])]
    return f"{users[-1][0].removeprefix(f'{code}/')}:{users[-1][1]}" if users else None


def _safe(story: Story, visit: Visit | None, raw: str | None, error: str) -> list[str]:
    """What the Fail state says about the task, and which tasks are done."""
    lines = []
    told = _left_behind(story.cause or "", raw, error)
    if told:
        lines.append(told)
    done = [each.label for each in story.tasks if each.status == SUCCEEDED and each.task]
    kept = [name for name in dict.fromkeys(done) if name not in ("validate_config", visit and visit.label)]
    if kept:
        lines.append(f"{', '.join(kept)} {'is' if len(kept) == 1 else 'are'} done and will not run again.")
    return lines


def _left_behind(cause: str, raw: str | None, error: str) -> str:
    """The sentence of a pipeline's Fail state that stands between the task's own cause and the remedy."""
    head, found, _ = cause.partition(_REMEDY)
    if not found:
        return ""
    for before in (raw, f"ended with {error}."):
        if before and before in head:
            return head.rpartition(before)[2].strip()
    return ""
