import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg
import pytest

from stepwell.errors import ConfigurationError, DatabaseUnavailable, DeadlineExceeded, StepwellError, TransactionMisuse
from stepwell.etl.connection import connect, connection_for, lease
from tests.until import until

Changed = Callable[..., str]
SECRET = "sw0rdf1sh"


def refusal(url: str) -> StepwellError:
    with pytest.raises(StepwellError) as caught:
        connect(url, "test")
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value


def test_a_wrong_password_is_a_mistake_in_the_configuration(database: str, changed: Changed) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        role = f"role_{database.rpartition('/')[2].partition('?')[0]}"
        admin.execute(f"create role {role} login password 'right'")
    try:
        error = refusal(changed(database, user=role, password=SECRET))
    finally:
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute(f"drop role {role}")
    assert isinstance(error, ConfigurationError)
    assert role in error.message


def test_an_unknown_database_is_a_mistake_in_the_configuration(server_url: str, changed: Changed) -> None:
    error = refusal(changed(server_url, database="nowhere"))
    assert isinstance(error, ConfigurationError)
    assert "database nowhere at" in error.message
    assert "create it" in error.message


def test_an_unknown_host_and_a_closed_port_are_unavailable_and_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
        for host in ("host.invalid:5432", closed):
            error = refusal(f"postgresql://etl:{SECRET}@{host}/shop")
            assert isinstance(error, DatabaseUnavailable)
            assert f"database shop at {host} as etl" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        f"postgresql://etl:100%{SECRET}@host/shop",
        f"postgresql://etl:a@{SECRET}@host/shop",
        f"postgresql://etl:a@b/{SECRET}@host/shop",
        f"postgresql://etl:/{SECRET}@host/shop",
        f"postgresql+psycopg://etl:{SECRET}@host/shop",
        f"mysql://etl:{SECRET}@host/shop",
        f"postgresql://etl:{SECRET}@host/shop?tiemout=3",
    ],
)
def test_an_url_that_cannot_be_read_is_refused_with_an_example_and_not_repeated(url: str) -> None:
    error = refusal(url)
    assert isinstance(error, ConfigurationError)
    assert "postgresql://user:password@host:5432/database" in error.message


def test_a_process_keeps_one_connection_and_makes_it_anew_when_it_broke(database: str) -> None:
    first = connection_for(database, "one")
    pid = first.info.backend_pid
    assert connection_for(database, "two") is first
    with psycopg.connect(database) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [pid])
    again = connection_for(database, "three")
    assert again is not first
    assert again.execute("select 1").fetchone() == (1,)


def test_a_lease_leaves_nothing_behind_for_the_next_one(database: str) -> None:
    """Neither an open transaction, nor settings, nor temporary tables, nor locks."""
    with lease(database, "one") as connection:
        pid = connection.info.backend_pid
        connection.execute("create table kept (a int)")
        connection.end(commit=True)
        connection.execute("set search_path to nowhere")
        connection.execute("create temp table scratch (a int)")
        connection.execute("select pg_advisory_lock(7)")
        connection.end(commit=True)
        connection.execute("insert into public.kept values (1)")
    with lease(database, "two") as connection:
        assert connection.info.backend_pid == pid
        assert connection.execute("select * from kept").fetchall() == []
        assert connection.execute("select to_regclass('scratch')").fetchone() == (None,)
        locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        assert connection.execute(locks).fetchone() == (0,)


def test_two_at_once_never_share_a_connection(database: str) -> None:
    with lease(database, "one") as one, lease(database, "two") as two:
        assert one is not two
        with connection_for(database, "three") as three:
            assert three not in (one, two)


def test_a_forked_child_does_not_talk_on_its_parents_connection(database: str) -> None:
    code = f"""
import os
from stepwell.etl.connection import connection_for
parent = connection_for({database!r}, "parent").info.backend_pid
child = os.fork()
if child == 0:
    connection = connection_for({database!r}, "child")
    connection.execute("select 1")
    os._exit(0 if connection.info.backend_pid != parent else 9)
assert os.waitpid(child, 0)[1] == 0
assert connection_for({database!r}, "parent").execute("select pg_backend_pid()").fetchone() == (parent,)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_guarded_connection_refuses_commit_rollback_and_close_and_says_where(database: str) -> None:
    connection = connection_for(database, "one")
    connection.guarded = True
    try:
        for end in (connection.commit, connection.rollback, connection.close):
            with pytest.raises(TransactionMisuse, match=r"test_connection\.py:\d+: connection\..*transaction=False"):
                end()
        with pytest.raises(TransactionMisuse, match="leaving"), connection:
            pass
        with pytest.raises(ZeroDivisionError), connection:
            raise ZeroDivisionError
        with connection.transaction():
            connection.execute("select 1")
    finally:
        connection.guarded = False


def test_a_deadline_becomes_the_next_statements_timeout(database: str) -> None:
    connection = connection_for(database, "one")
    connection.deadline = time.monotonic() + 100
    connection.keep_deadline()
    [timeout] = (
        connection.execute("select setting::int from pg_settings where name = 'statement_timeout'").fetchone() or ()
    )
    assert 90_000 < timeout <= 100_000
    connection.deadline = time.monotonic() - 1
    with pytest.raises(DeadlineExceeded):
        connection.keep_deadline()


def test_an_alarm_in_the_middle_of_a_statement_cancels_it_on_the_server(database: str) -> None:
    def ring(*_: object) -> None:
        raise DeadlineExceeded

    def sleep() -> None:
        with lease(database, "alarmed") as connection:
            connection.execute("select 1")
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            connection.execute("select pg_sleep(60)")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(DeadlineExceeded):
            sleep()
    finally:
        signal.signal(signal.SIGALRM, before)
    sleeping = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and query = 'select pg_sleep(60)' and state = 'active'"
    )
    with psycopg.connect(database, autocommit=True) as other:  # in a transaction it would see the same each time
        # The cancellation travels on a connection of its own.
        until(lambda: other.execute(sleeping).fetchone() == (0,), "the statement is cancelled")
    assert connection_for(database, "next").execute("select 1").fetchone() == (1,)


def test_what_the_server_notices_is_printed_for_the_log(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    connection = connection_for(database, "one")
    for _ in range(2):
        connection.execute("create schema if not exists a; create table if not exists a.t (n int)")
    connection.execute("do $$ begin raise notice 'twelve visits overlap'; end $$")
    assert capsys.readouterr().out == "NOTICE: twelve visits overlap\n"
