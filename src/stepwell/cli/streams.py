"""Log streams: the lines that one invocation has printed, cut out of the file of its function's process."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.cli.local import Engine, Reader
    from stepwell.insight.visit import Visit

_LAMBDAS = ("START RequestId", "END RequestId", "REPORT RequestId")  # lines of a log stream that Lambda writes


def lines_of(reader: "Reader | Engine", arn: str, event: int) -> list[str] | None:
    """What the call has printed that an event of this execution announced; None where it has no log."""
    row = reader.journal.execution(arn)
    calls = [] if row is None else reader.journal.invocations(row.id)
    found = next((call for call in calls if call.call == event and call.log), None)
    return None if found is None else Cut(reader.folder / "logs" / found.log, found.request).lines(whole=True)


def last_log(place: "Reader | Engine", arn: str, visit: "Visit | None") -> list[str]:
    """What the last attempt of a visit has printed."""
    if visit is None or not visit.attempts:
        return []
    return lines_of(place, arn, visit.attempts[-1].event) or []


class Said:
    """Whether a line of a stream is the tasks' own, asked line by line; how an invocation ends is shown in its own way.

    Of an error only the traceback is left.
    """

    def __init__(self) -> None:
        self._in_error = False  # in the middle of an error's message

    def __call__(self, line: str) -> bool:
        if line.startswith(_LAMBDAS):
            self._in_error = False
            return False
        if line.startswith("[ERROR] "):
            self._in_error = True
        elif line.startswith("Traceback "):
            self._in_error = False
        return not self._in_error


class Cut:
    """What lies between the START and END of one invocation; read on as the file grows.

    A file that ends before END is that of a process which is at work, or died together with the engine.
    """

    def __init__(self, file: Path, request: str) -> None:
        self._file = file
        self._start = f"START RequestId: {request}".encode()
        self._end = f"END RequestId: {request}".encode()
        self._at = 0
        self._inside = False
        self.ended = False

    def lines(self, whole: bool = False) -> list[str]:
        """The lines since the last call; with `whole`, also a last one that is not finished."""
        if self.ended:
            return []
        try:
            with open(self._file, "rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        if not whole:
            data = data[: data.rfind(b"\n") + 1]
        self._at += len(data)
        return [line.decode(errors="replace") for line in self._inner(data)]

    def _inner(self, data: bytes) -> Iterator[bytes]:
        for line in data.splitlines():
            if not self._inside:
                self._inside = line.startswith(self._start)
                continue
            # What a task prints last need not end in a newline: then END stands behind it.
            said, end, _ = line.partition(self._end)
            if said or not end:
                yield said
            if end:
                self.ended = True
                return
