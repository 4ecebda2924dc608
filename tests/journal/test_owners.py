"""An owner lives as long as its process: the system lets go of the lock when that dies, however it dies."""

import signal
import subprocess
import sys

from stepwell.journal.owners import Owner, claim_dead, is_alive, pid_of

HOLD = """
import sys
from pathlib import Path
from stepwell.journal.owners import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.name, flush=True)
sys.stdin.read()
"""


def hold(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_an_owner_is_alive_until_its_process_is_killed(tmp_path):
    process, name = hold(tmp_path)
    assert is_alive(tmp_path, name)
    assert pid_of(name) == process.pid
    assert claim_dead(tmp_path, name) is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_alive(tmp_path, name)
    process.stdin.close()
    process.stdout.close()


def test_what_a_dead_owner_leaves_is_claimed_by_one_at_a_time(tmp_path):
    process, name = hold(tmp_path)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    estate = claim_dead(tmp_path, name)
    assert estate is not None
    assert claim_dead(tmp_path, name) is None
    estate.close(finished=False)
    second = claim_dead(tmp_path, name)
    assert second is not None
    second.close(finished=True)
    assert not (tmp_path / "owners" / name).exists()


def test_an_owner_that_closes_leaves_no_file(tmp_path):
    owner = Owner(tmp_path)
    name = owner.name
    assert is_alive(tmp_path, name)
    owner.close()
    assert not is_alive(tmp_path, name)
    assert list((tmp_path / "owners").iterdir()) == []


def test_a_new_owner_sweeps_the_files_of_dead_ones_and_of_no_other(tmp_path):
    living, fresh = Owner(tmp_path), tmp_path / "owners" / "1-fresh"
    living.note(1, 2)
    fresh.touch()  # its process has not come to lock it yet
    (tmp_path / "owners" / "1-dead").write_text("1 2\n")
    new = Owner(tmp_path)
    assert {path.name for path in (tmp_path / "owners").iterdir()} == {living.name, new.name, "1-fresh"}
    new.close()
    living.close()
