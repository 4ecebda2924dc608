"""The lease: one holder of a pipeline and window, in a database; whoever dies has let go of it."""

import signal
import subprocess
import sys

import pytest

from stepwell.errors import RunInProgress
from stepwell.etl.turns import Turns

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
