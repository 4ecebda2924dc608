"""Log streams: the lines that one invocation has printed, cut out of the file of its function's process."""

from collections.abc import Iterator
from pathlib import Path


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
