"""Runs in DBOS's own environment: steps in sequence, steps five at a time, or a run that is killed and goes on.

Prints one JSON object. Steps are trivial functions in this very process; the state is in SQLite, DBOS's default.
"""

import asyncio
import json
import os
import sys
import time

import pysqlite3  # DBOS needs a newer SQLite than some systems have

sys.modules["sqlite3"] = pysqlite3
from dbos import DBOS, DBOSConfig, SetWorkflowID  # noqa: E402

what, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
url = f"sqlite:///{folder}/dbos.sqlite"
DBOS(config=DBOSConfig(name="bench", system_database_url=url, run_admin_server=False, log_level="ERROR"))


@DBOS.step()
def step(number: int) -> dict:
    return {"n": number}


@DBOS.step()
async def step_async(number: int) -> dict:
    return {"n": number}


@DBOS.step()
def noted(number: int) -> dict:
    with open(f"{folder}/noted", "a") as file:
        file.write(f"{number} {time.time()}\n")
    time.sleep(0.02)
    return {"n": number}


@DBOS.workflow()
def sequence(count: int) -> None:
    for number in range(count):
        step(number)


@DBOS.workflow()
async def fan(count: int) -> int:
    room = asyncio.Semaphore(5)

    async def one(number: int) -> dict:
        async with room:
            return await step_async(number)

    return len(await asyncio.gather(*(one(number) for number in range(count))))


@DBOS.workflow()
def crash(count: int) -> None:
    for number in range(count):
        noted(number)


def main() -> None:
    DBOS.launch()
    begun = time.perf_counter()
    if what == "seq":
        sequence(count)
    elif what == "fan":
        asyncio.run(fan(count))
    elif what == "crash":
        with SetWorkflowID("one"):
            crash(count)
    else:  # after a crash: launching is all that it takes
        time.sleep(60)
    seconds = time.perf_counter() - begun
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak}), flush=True)
    os._exit(0)


main()
