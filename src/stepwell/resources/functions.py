"""The functions of this machine: registered by ARN, their processes kept warm, one invocation at a time each."""

import resource
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stepwell.errors import ResourceNotFoundException
from stepwell.resources.function import Function, FunctionProcess, Response

HERE = "arn:aws:lambda:us-east-1:123456789012:function:"


def most_processes() -> int:
    """How many functions may run at once, and as many be kept warm: each takes five files, and some are left."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        wanted = max(files, min(most, 1 << 16))
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        files = wanted
    return max(4, (files - 100) // 12)


class Functions:
    """Used from many threads: one thread an invocation. `logs` is the folder of all log streams."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._known: dict[str, Function] = {}
        self._idle: dict[str, list[FunctionProcess]] = {}
        self._busy: dict[str, FunctionProcess] = {}
        self._lock = threading.Lock()
        self._most = most_processes()
        self._room = threading.Semaphore(self._most)  # who finds none waits, for a file too few fails more than this
        self._closed = False
        self.guard: Callable[[str, str], Response | None] = lambda arn, event: None  # what answers instead

    def register(self, function: Function) -> None:
        """Make a function known; processes that were warm for an earlier form of it are not used any more."""
        self._known[function.arn] = function
        self._cool(function.arn)

    def forget(self, arn: str) -> None:
        """Make a function unknown."""
        self._known.pop(arn, None)
        self._cool(arn)

    def _cool(self, arn: str) -> None:
        with self._lock:
            idle = self._idle.pop(arn, [])
        for process in idle:
            process.close()

    def arn_of(self, function: str, qualifier: str | None = None) -> str:
        """The ARN under which a function is registered, of its name, the end of its ARN or all of it."""
        if not function.startswith("arn:"):
            name = function.rpartition("function:")[2]
            named = (f.arn for f in list(self._known.values()) if f.name == name and f.version == "$LATEST")
            function = next(named, HERE + name)
        return (f"{function}:{qualifier}" if qualifier else function).removesuffix(":$LATEST")

    def warm(self, arn: str) -> None:
        """Start a process now that the first invocation will want."""
        self._give_back(FunctionProcess(self.known(arn), self._logs))

    def take(self, arn: str, request_id: str) -> FunctionProcess:
        """A process for one invocation, warm if there is one. Its log stream is known before it runs."""
        function = self.known(arn)
        self._room.acquire()
        try:
            process = self._warm(arn) or FunctionProcess(function, self._logs)
        except BaseException:
            self._room.release()
            raise
        with self._lock:
            self._busy[request_id] = process
        return process

    def _warm(self, arn: str) -> FunctionProcess | None:
        """The one that was used last and may serve; those that may not are closed."""
        while True:
            with self._lock:
                idle = self._idle.get(arn)
                process = idle.pop() if idle else None
            if process is None or process.alive():
                return process
            process.close()

    def invoke(self, process: FunctionProcess, event: str, request_id: str) -> Response:
        """Run one invocation on a process that was taken, and put it back."""
        try:
            return self.guard(process.function.arn, event) or process.invoke(event, request_id)
        finally:
            with self._lock:
                self._busy.pop(request_id, None)
            self._give_back(process)
            self._room.release()

    def cancel(self, request_id: str) -> None:
        """Kill the process of an invocation that nobody waits for any more."""
        with self._lock:
            process = self._busy.get(request_id)
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End every process, busy ones too."""
        with self._lock:
            self._closed = True
            idle = [process for processes in self._idle.values() for process in processes]
            busy = list(self._busy.values())
            self._idle.clear()
        for process in busy:
            process.kill()
        for process in idle:
            process.close()

    def known(self, arn: str) -> Function:
        """Raises ResourceNotFoundException if it is not."""
        function = self._known.get(arn)
        if function is None:
            raise ResourceNotFoundException(f"Function not found: {arn}")
        return function

    def _give_back(self, process: FunctionProcess) -> None:
        """Keep it warm; where too many are, the oldest of the function that has most gives way."""
        with self._lock:
            current = self._known.get(process.function.arn) is process.function
            if process.alive() and current and not self._closed:
                self._idle.setdefault(process.function.arn, []).append(process)
                if sum(map(len, self._idle.values())) <= self._most:
                    return
                process = max(self._idle.values(), key=len).pop(0)
        process.close()
