"""Who advances an execution: a living process, known by the lock that it holds on a file of its own."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


class Owner:
    """This process as an owner, until it closes or dies: the system lets go of the lock in either case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "owners"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{token_hex(4)}"
        self._file = os.open(self.folder / self.name, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in self.folder.iterdir():  # one that has noted something had its lock: without it, it is dead
            with suppress(FileNotFoundError):
                if path.stat().st_size and not is_alive(folder, path.name):
                    path.unlink()

    def note(self, execution: int, last: int) -> None:
        """What is on disk now; whoever opens the journal looks whether it still is."""
        os.pwrite(self._file, b"%20d %20d\n" % (execution, last), 0)

    def close(self) -> None:
        (self.folder / self.name).unlink(missing_ok=True)
        os.close(self._file)


def notes(folder: Path) -> Iterator[tuple[int, int]]:
    """What owners, living and dead, have noted last: an execution and its last event."""
    for path in (folder / "owners").glob("*"):
        with suppress(OSError, ValueError):
            execution, last = path.read_bytes().split()
            yield int(execution), int(last)


def forget_notes(folder: Path) -> None:
    """Executions are removed on purpose."""
    for path in (folder / "owners").glob("*"):
        with suppress(OSError):
            os.truncate(path, 0)


class Estate:
    """What a dead owner has left behind: while it is held, nobody else can take it over."""

    def __init__(self, path: Path, file: int | None) -> None:
        self._path = path
        self._file = file

    def close(self, finished: bool) -> None:
        """Let go of it; `finished`: nothing is left to take over."""
        if finished:
            self._path.unlink(missing_ok=True)
        if self._file is not None:
            os.close(self._file)


def claim_dead(folder: Path, owner: str) -> Estate | None:
    """The estate of `owner` if it is dead; None while it lives (or another process is just taking it over)."""
    path = folder / "owners" / owner
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return Estate(path, None)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return Estate(path, file)


def is_alive(folder: Path, owner: str) -> bool:
    """Whether `owner` still holds its lock; asking disturbs nobody."""
    try:
        file = os.open(folder / "owners" / owner, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def pid_of(owner: str) -> int:
    """The process behind an owner's name."""
    return int(owner.partition("-")[0])
