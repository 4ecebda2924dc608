"""Who runs the programs of PostgreSQL, which refuse to be root."""

import os
import pwd
from typing import Any, NamedTuple


class Identity(NamedTuple):
    """Whom the server runs as: a command put before its own, or the user that its process becomes."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


def identity_of(place: str) -> Identity:
    """Whoever owns a folder works in it."""
    owner = os.stat(place)
    if os.geteuid() == 0 and owner.st_uid != 0:
        return Identity(user=owner.st_uid, group=owner.st_gid)
    if os.geteuid() == 0 or not is_known(os.geteuid()):
        # PostgreSQL insists on a user that has a name: we appear as this one in a namespace, and stay who we are.
        user, group = next(((entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall() if entry.pw_uid), (1000, 1000))
        return Identity(prefix=("unshare", "--user", f"--map-user={user}", f"--map-group={group}"))
    return Identity()


def is_known(user: int) -> bool:
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:
        return False


def may_work_in(identity: Identity, place: str) -> bool:
    if identity.user is not None and not is_known(identity.user):
        return False
    return run_as(identity, "/bin/sh", "-c", 'test -w "$1" && test -x "$1"', "sh", place)[0]


def run_as(
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
