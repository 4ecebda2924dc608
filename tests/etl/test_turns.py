"""The lease: one holder of a pipeline and window, in a database; whoever dies has let go of it."""

import signal
import subprocess
import sys

import psycopg
import pytest

from stepwell.errors import RunInProgress
from stepwell.etl.connection import lease
from stepwell.etl.turns import Turns, end, renew

HOLD = """
import sys, time
from stepwell.etl.turns import Turns
turns = Turns(sys.argv[1], "visits", "somebody")
turns.take("2026-06-30")
print("held", flush=True)
time.sleep(60)
"""


def test_a_lease_is_of_one_holder_and_one_pipeline_and_window(database):
    with Turns(database, "visits", "mine") as mine, Turns(database, "visits", "yours") as yours:
        mine.take("2026-06-30")
        with pytest.raises(RunInProgress, match=r"'visits' for 2026-06-30 is under way: .* held by 'mine' from"):
            yours.take("2026-06-30")
        yours.take("2026-06-29")
        with Turns(database, "people", "theirs") as theirs:
            theirs.take("2026-06-30")
        mine.give_back("2026-06-30")
        yours.take("2026-06-30")


def test_a_process_that_is_killed_has_let_go_of_its_lease(database):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, database], stdout=subprocess.PIPE, text=True)
    with holder, Turns(database, "visits", "mine") as mine:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunInProgress, match="held by 'somebody'"):
            mine.take("2026-06-30")
        holder.send_signal(signal.SIGKILL)
        mine.take("2026-06-30")


def hold(database, run, window="2026-06-30"):
    with lease(database, "test") as connection:
        renew(connection, "visits", window, run)


def test_on_aws_a_lease_is_renewed_by_its_run_and_refused_to_others_until_it_is_given_up(database):
    hold(database, "night")
    hold(database, "night")
    with pytest.raises(RunInProgress, match="held by the run night on AWS"):
        hold(database, "day")
    hold(database, "day", window="2026-06-29")
    with lease(database, "test") as connection:
        end(connection, "visits", "2026-06-30", "night")
    hold(database, "day")


def test_on_aws_a_lease_that_nobody_renews_is_over_by_itself(database):
    hold(database, "night")
    with psycopg.connect(database, autocommit=True) as clock:
        clock.execute("update stepwell.attempt set started_at = now() - interval '1021 seconds'")
    hold(database, "day")


def test_a_run_on_aws_and_one_on_a_machine_exclude_each_other(database):
    with Turns(database, "visits", "mine") as mine:
        mine.take("2026-06-30")
        with pytest.raises(RunInProgress, match="held by 'mine'"):
            hold(database, "night")
        mine.give_back("2026-06-30")
        hold(database, "night")
        with pytest.raises(RunInProgress, match=r"held by the run night on AWS, until .* if it is dead"):
            mine.take("2026-06-30")
        mine.take("2026-06-29")
    with Turns(database, "visits", "yours") as yours:
        yours.take("2026-06-29")
