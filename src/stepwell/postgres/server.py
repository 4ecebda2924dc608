"""The server of a project: started, found and stopped, under its start lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from stepwell.errors import PostgresError
from stepwell.postgres.cluster import binaries, prepared
from stepwell.postgres.files import give, last_lines, locked, open_own, opened_log, read, until, write
from stepwell.postgres.identity import Identity, run_as

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 300.0  # seconds for a start: after a crash the log is replayed first
FAST_STOP = 60.0  # seconds until a stop gets rougher
ADDRESS = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")

# The shell leaves the server behind as nobody's child: it outlives us, and is never a zombie of ours.
DETACH = '"$@" >&2 & echo $!'


class Server(NamedTuple):
    """What `postmaster.pid` says of a living server."""

    pid: int
    port: int
    status: str


def start(folder: "Path") -> str:
    """The address of the project's server, which is installed and started first where it does not run."""
    try:
        return url(folder) or _start(_home(folder))
    except OSError as error:
        raise PostgresError(f"The embedded PostgreSQL could not be started: {error}") from error


def url(folder: "Path") -> str | None:
    """The address of the project's server, or None when it does not run."""
    return _address(_home(folder))


def stop(folder: "Path") -> bool:
    """Stop the project's server and wait until its last process is gone; False when none was running."""
    home = _home(folder)
    if not os.path.exists(f"{home}/server.lock"):
        return False
    try:
        with locked(f"{home}/start.lock"):
            return _stop(home)
    except OSError as error:
        raise PostgresError(f"The embedded PostgreSQL could not be stopped: {error}") from error


# Where it is, and whether it runs


def _home(folder: "Path") -> str:
    return os.path.join(os.path.abspath(folder), "postgres")


def _address(home: str) -> str | None:
    server = _server(home)
    if server is None or server.status != "ready":
        return None
    return f"postgresql://postgres:{read(f'{home}/password')}@127.0.0.1:{server.port}/postgres"


def _server(home: str) -> Server | None:
    try:
        if not _held(f"{home}/server.lock"):
            return None
        pid, _, _, port, _, _, _, status = read(f"{home}/data/postmaster.pid").splitlines()[:8]
        return Server(int(pid), int(port), status.strip()) if _lives(int(pid)) else None
    except (OSError, ValueError):
        return None


def _lives(pid: int) -> bool:
    os.kill(pid, 0)
    try:
        return ") Z " not in read(f"/proc/{pid}/stat")  # dead, but not every container's first process buries its dead
    except OSError:
        return not os.path.isdir("/proc/self")


def _held(lock: str) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


# Starting and stopping, under the start lock


def _start(home: str) -> str:
    programs = str(binaries())
    _make_home(home)
    with locked(f"{home}/start.lock") as lock:
        identity, programs = prepared(home, programs, lock)
        for _ in range(3):
            if address := _launch(home, identity, programs):
                return address
    raise PostgresError(f"The embedded PostgreSQL found no free port; its log is {home}/log")


def _launch(home: str, identity: Identity, programs: str) -> str | None:
    """One try: the address, or None when the port was taken under our feet."""
    with _claimed(home) as lock, opened_log(home) as log:
        if lock is None:
            return _address(home)
        seen = os.fstat(log).st_size
        command = (f"{programs}/postgres", "-D", os.path.realpath(f"{home}/data"), "-p", str(_port(home)), *ADDRESS)
        _, pid = run_as(
            identity, "/bin/sh", "-c", DETACH, "sh", *command, log=log, keep=(lock,), stale=_stale_pid(home)
        )
    if _becomes_ready(home, pid.strip()):
        return _address(home)
    said = read(f"{home}/log")[seen:]
    if "could not create any TCP/IP sockets" in said:
        return None
    raise PostgresError(f"The embedded PostgreSQL did not start; the end of {home}/log:\n{last_lines(said)}")


@contextmanager
def _claimed(home: str) -> Iterator[int | None]:
    """The server's lock; None when a server that someone else began to start has become ready meanwhile."""
    descriptor = open_own(f"{home}/server.lock", os.O_RDWR)
    try:
        yield descriptor if _claim(home, descriptor) else None
    finally:
        os.close(descriptor)


def _claim(home: str, descriptor: int) -> bool:
    for _ in until(PATIENCE):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if _address(home):
            return False
        _end_orphans(home)
    raise PostgresError(f"Processes of an earlier PostgreSQL in {home} do not end; its log is {home}/log")


def _becomes_ready(home: str, pid: str) -> bool:
    for _ in until(PATIENCE):
        server = _server(home)
        if server and str(server.pid) == pid and server.status == "ready":
            return True
        if not _held(f"{home}/server.lock"):
            break
    return False


def _stop(home: str) -> bool:
    import signal

    if not _held(f"{home}/server.lock"):
        return False
    for how in (signal.SIGINT, signal.SIGQUIT):  # first roll back and close; then as after a crash, which loses nothing
        if server := _server(home):
            os.kill(server.pid, how)
        for _ in until(FAST_STOP):
            if not _held(f"{home}/server.lock"):
                return True
            _end_orphans(home)
    raise PostgresError(f"The embedded PostgreSQL does not stop; its log is {home}/log")


def _end_orphans(home: str) -> None:
    """A statement under way does not notice that the postmaster was killed, and would keep the data for itself."""
    import signal

    if _server(home) or not os.path.isdir("/proc"):
        return
    data = os.path.realpath(f"{home}/data")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # it is gone already, or another user's
            if read(f"/proc/{pid}/comm") == "postgres\n" and os.readlink(f"/proc/{pid}/cwd") == data:
                os.kill(int(pid), signal.SIGQUIT)


def _stale_pid(home: str) -> str:
    # We hold the lock, so no server lives, and the pid in its file, if any, may be a stranger's by now. This tells
    # PostgreSQL, which would refuse to start; its own look at shared memory still guards the data.
    try:
        return read(f"{home}/data/postmaster.pid").split("\n")[0]
    except OSError:
        return "0"


def _port(home: str) -> int:
    """The project's own port: the one it had, as long as that is free."""
    import socket

    kept = read(f"{home}/port") if os.path.exists(f"{home}/port") else ""
    for wanted in (int(kept) if kept.isdigit() else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", wanted))
                port: int = probe.getsockname()[1]
                break
    if str(port) != kept:
        write(f"{home}/port", str(port))
    return port


def _make_home(home: str) -> None:
    folder = os.path.dirname(home)
    os.makedirs(folder, exist_ok=True)
    try:
        os.mkdir(home, 0o700)
    except FileExistsError:
        return
    give(home, folder)
