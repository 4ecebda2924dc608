"""One connection a process, also where the password is a token that changes."""

from collections.abc import Callable
from itertools import count
from time import sleep

import psycopg

from stepwell.etl.address import TokenUrl, connectable, lasting
from stepwell.etl.connection import connect, lease


def tokens(database: str) -> Callable[[], str]:
    """The same database, each time by another URL."""
    numbers = count()
    return lambda: f"{database}{'&' if '?' in database else '?'}options=-cwork_mem%3D{next(numbers) + 64}kB"


def test_each_connection_is_made_with_a_fresh_token(database: str) -> None:
    url = TokenUrl.of("postgresql://etl@h/shop", tokens(database))
    for _ in range(2):
        connect(url, "test").close()
    assert connectable(url).endswith("67kB")  # one when it was made, two by connections
    assert (lasting(url), lasting(database)) == ("postgresql://etl@h/shop", database)


def test_a_warm_connection_is_used_again_although_the_token_is_another(database: str) -> None:
    fresh = tokens(database)
    pids = set()
    for _ in range(3):
        with lease(TokenUrl.of("postgresql://etl@h/shop", fresh), "test") as connection:
            pids.add(connection.info.backend_pid)
    assert len(pids) == 1


def test_a_process_keeps_one_connection_also_when_its_url_changes(database: str) -> None:
    """As it does when a secret is rotated: what was warm under the old password is closed."""
    fresh = tokens(database)
    for _ in range(3):
        with lease(fresh(), "stepwell rotated"):
            pass
    with psycopg.connect(database) as other:
        query = (
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name = 'stepwell rotated' and pid <> $1"
        )
        with lease(fresh(), "stepwell rotated") as last:
            for _ in range(500):  # a server's process ends a moment after its client has said goodbye
                left = psycopg.RawCursor(other).execute(query, [last.info.backend_pid]).fetchone()
                if left == (0,):
                    break
                other.rollback()
                sleep(0.01)
            assert left == (0,)
