"""AWS, played by moto's server in a process of its own, on a port that the system picks."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def fake_aws() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout
    address = next(line.split()[-1] for line in server.stdout if "Running on" in line)
    Thread(target=server.stdout.read, daemon=True).start()  # a full pipe would stop it
    yield address
    server.kill()
    server.wait()
    server.stdout.close()
