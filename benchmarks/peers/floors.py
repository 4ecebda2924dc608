"""What no engine can beat on this machine: the disk's commits, a round trip to another process, bare boto3 calls."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROW = "x" * 500
ECHO = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.buffer.flush()"

STATIC = Path(__file__).with_name("static.py")


class Static:
    """A server in a process of its own that answers with ready bytes, and a boto3 client of it."""

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = pages

    def __enter__(self) -> "Static":
        descriptor, file = tempfile.mkstemp()
        with os.fdopen(descriptor, "w") as opened:
            json.dump([page.decode() for page in self._pages], opened)
        words = [sys.executable, str(STATIC), file]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        os.unlink(file)
        config = Config(retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        self.client: Any = boto3.client(
            "stepfunctions", endpoint_url=f"http://127.0.0.1:{self.port}", config=config, **keys
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def two_calls(static: Static) -> float:
    """Milliseconds of two boto3 calls to an endpoint that answers at once; a hundred pairs."""
    begun = time.perf_counter()
    for _ in range(200):
        static.client.list_activities()
    return (time.perf_counter() - begun) * 10


def commits(folder: Path, rows: int) -> float:
    """Commits a second of so many rows each, WAL and synchronous=FULL."""
    db = sqlite3.connect(folder / "floor.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT)")
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < 0.3:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t (text) VALUES (?)", [(ROW,)] * rows)
        db.execute("COMMIT")
        count += 1
    seconds = time.perf_counter() - begun
    db.close()
    return count / seconds


def round_trip() -> float:
    """Milliseconds of a line to another Python process and back."""
    words = [sys.executable, "-c", ECHO]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    times = 2000
    for turn in range(times + 1):
        if turn == 1:
            begun = time.perf_counter()
        process.stdin.write(b"{}\n")
        process.stdin.flush()
        process.stdout.readline()
    seconds = time.perf_counter() - begun
    process.stdin.close()
    process.wait()
    process.stdout.close()
    return seconds / times * 1000
