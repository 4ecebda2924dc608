"""The files of a server: for their folder's owner alone, under locks that end with their holder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def locked(path: str) -> Iterator[int]:
    descriptor = open_own(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def open_own(path: str, flags: int) -> int:
    """A file for its folder's owner alone, also when it is root who makes it."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    give(descriptor, os.path.dirname(path))
    return descriptor


def give(what: str | int, folder: str) -> None:
    if os.geteuid() == 0:
        owner = os.stat(folder)
        os.chown(what, owner.st_uid, owner.st_gid)


@contextmanager
def opened_log(home: str) -> Iterator[int]:
    path = f"{home}/log"
    if os.path.exists(path) and os.path.getsize(path) > 1_000_000:
        os.replace(path, f"{path}.old")
    descriptor = open_own(path, os.O_WRONLY | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write(path: str, text: str) -> None:
    descriptor = open_own(path, os.O_WRONLY | os.O_TRUNC)
    with open(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)  # a password that is lost with the power would lock everyone out


def read(path: str) -> str:
    with open(path, errors="replace") as file:
        return file.read()


def last_lines(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-8:])


def until(seconds: float) -> Iterator[None]:
    """Look again every few milliseconds, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.005)
