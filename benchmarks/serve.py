#!/usr/bin/env python3
"""What `stepwell serve` costs: start-up to the first SUCCEEDED, memory, requests a second. `./dev bench serve`."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STEPWELL = Path(sys.executable).with_name("stepwell")
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
ROLE = "arn:aws:iam::123456789012:role/r"
REQUESTS = 2000


class Client:
    """One connection, as a client keeps it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, action: str, **request: object) -> dict:
        body = json.dumps(request).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: AWSStepFunctions.{action}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65536)
        answer, _, rest = data.partition(b"\r\n\r\n")
        size = int(answer.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        while len(rest) < size:
            rest += self._socket.recv(65536)
        return json.loads(rest)


def start(folder: str) -> tuple[subprocess.Popen, int]:
    process = subprocess.Popen([STEPWELL, "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return process, int(line.split(",")[0].rpartition(":")[2])


def to_first_success(folder: str) -> tuple[float, subprocess.Popen, int]:
    begun = time.perf_counter()
    process, port = start(folder)
    client = Client(port)
    machine = client.call("CreateStateMachine", name="m", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    arn = client.call("StartExecution", stateMachineArn=machine)["executionArn"]
    while client.call("DescribeExecution", executionArn=arn)["status"] != "SUCCEEDED":
        pass
    return time.perf_counter() - begun, process, port


def rate(port: int, clients: int, action: str, **request: object) -> float:
    def work() -> None:
        client = Client(port)
        for _ in range(REQUESTS // clients):
            client.call(action, **request)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return REQUESTS / (time.perf_counter() - begun)


def memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for number in range(5):
            os.makedirs(f"{folder}/{number}")
            seconds, process, port = to_first_success(f"{folder}/{number}")
            times.append(seconds)
            if number < 4:
                process.send_signal(signal.SIGTERM)
                process.wait()
        print(f"start to first SUCCEEDED   {sorted(times)[2]:.3f} s (median of 5), memory {memory(process.pid)} MB")
        machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
        [execution] = Client(port).call("ListExecutions", stateMachineArn=machine)["executions"]
        for clients in (1, 8):
            reads = rate(port, clients, "DescribeExecution", executionArn=execution["executionArn"])
            starts = rate(port, clients, "StartExecution", stateMachineArn=machine)
            print(
                f"{clients} clients   DescribeExecution {reads:.0f}/s   StartExecution {starts:.0f}/s, each to its end"
            )
        print(f"memory after {2 * REQUESTS} executions  {memory(process.pid)} MB")
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
