"""AWS, played by moto's server in a process of its own, on a port that the system picks."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

# Of two requests that write the first items of a partition at once, moto loses one: it answers one after the other.
SERVER = """
from threading import Lock
from moto import server

answer, one = server.DomainDispatcherApplication.__call__, Lock()

def alone(self, *request):
    with one:
        return answer(self, *request)

server.DomainDispatcherApplication.__call__ = alone
server.main(["-H", "127.0.0.1", "-p", "0"])
"""
ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def fake_aws() -> Iterator[str]:
    """Its address."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert server.stdout
    address = next(line.split()[-1] for line in server.stdout if "Running on" in line)
    Thread(target=server.stdout.read, daemon=True).start()  # a full pipe would stop it
    yield address
    server.kill()
    server.wait()
    server.stdout.close()
