#!/usr/bin/env python3
"""Make docs/images/*.png: each page of the monitor, light and dark, of real runs of the example.

`python -m docs.screenshots` does it. It needs Chromium; the pages look best with the fonts Inter and JetBrains Mono
(Debian: fonts-inter, fonts-jetbrains-mono).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.common import VENV_BIN
from benchmarks.many_runs import copy_runs
from benchmarks.monitor import CHROMIUM, FLAGS, Monitor
from stepwell import postgres

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).with_name("images")
STEPWELL = str(VENV_BIN / "stepwell")
PIPELINE = """
from stepwell import Chunks, Pipeline, Retry, env

pipeline = Pipeline("visits", params={"as_of": "2026-06-30", "days": 30}, database=env("DATABASE_URL"))
pipeline.load("task_01", into="staging.visits", query="sql/task_01.sql")
pipeline.sql("task_02", "sql/task_02.sql", chunks=Chunks("staging.visits", by=("visit_date", "person"), rows=200))
pipeline.sql("report", "report.sql", retry=Retry(max_attempts=1, interval=1, on=["DataError"]))


@pipeline.task
def notify_regions(context):
    print("asking the roster service for 14 regions")
    return {"rows": 14}
"""
INVOICES = """
import time
from stepwell import Pipeline

pipeline = Pipeline("invoices")


@pipeline.task
def fetch():
    time.sleep(0.3)
    return {"rows": 812}


@pipeline.task
def book():
    time.sleep(0.1)
    return {"rows": 812}
"""
GOOD = "INSERT INTO care.report SELECT 1 WHERE false;"
SLOWLY = """
CREATE FUNCTION care.slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN new; END';
CREATE TRIGGER slowly BEFORE INSERT ON care.conflicts FOR EACH ROW EXECUTE FUNCTION care.slowly();
TRUNCATE care.conflicts;
TRUNCATE stepwell.plan, stepwell.chunk  -- what it has learned of its own speed
"""
BAD = "INSERT INTO care.report VALUES (date '2026-06-30', 'north-west'), (date '2026-06-30', 'north-west');"
PAGES = {
    "run": "/runs/visits/nightly-0614",
    "runs": "/",
    "failed": "/runs/visits/nightly-0613",
    "state": "/runs/visits/nightly-0613?state=ExecuteReport",
    "pipeline": "/pipelines/visits",
}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "care"
        shutil.copytree(ROOT / "examples" / "visits", folder, ignore=shutil.ignore_patterns(".stepwell", "__pycache__"))
        try:
            running = _runs(folder)
            _take(folder)
            running.wait()
        finally:
            postgres.stop(folder / ".stepwell")


def _runs(folder: Path) -> subprocess.Popen[bytes]:
    """Real runs: some that succeed, one that fails, copies of them as a past, and one that is under way."""

    def run(*words: str, code: int = 0) -> None:
        done = subprocess.run([STEPWELL, "run", *words], cwd=folder, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == code, words

    def sql(statement: str) -> None:
        subprocess.run([STEPWELL, "sql", statement], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    subprocess.run([sys.executable, "data.py", "generate"], cwd=folder, check=True)
    sql("CREATE TABLE care.report (day date, region text, PRIMARY KEY (day, region))")
    (folder / "report.sql").write_text(GOOD.replace("SELECT 1", "SELECT current_date, 'x'"))
    (folder / "pipeline.py").write_text(INVOICES)
    run("--name", "invoices-0611")
    (folder / "pipeline.py").write_text(PIPELINE)
    for number in range(4):
        run("--name", f"by-hand-{number + 1}")
    copy_runs(folder / ".stepwell", 64, apart=86_400, named="nightly-{day}")
    (folder / "report.sql").write_text(BAD)
    run("--name", "nightly-0613", code=1)
    (folder / "report.sql").write_text(GOOD.replace("SELECT 1", "SELECT current_date, 'x'"))
    for statement in SLOWLY.strip().split(";\n"):
        sql(statement)
    words = [STEPWELL, "run", "--name", "nightly-0614", "--input", '{"days": 300}']
    running = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    _wait_for_chunks(folder)
    return running


def _wait_for_chunks(folder: Path) -> None:
    """Until a third of them is done, or all of it is over."""
    for _ in range(400):
        asked = [STEPWELL, "progress", "nightly-0614", "--json"]
        told = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False).stdout or "{}"
        tasks = json.loads(told).get("tasks", [])
        if tasks and tasks[0]["done"] * 4 > tasks[0]["chunks"]:
            return
        time.sleep(0.2)


def _take(folder: Path) -> None:
    monitor = Monitor(folder, {**os.environ})
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name, path in PAGES.items():
                for scheme in ("light", "dark"):
                    _shoot(browser, monitor.url + path, scheme, IMAGES / f"{name}-{scheme}.png")
            browser.close()
    finally:
        monitor.close()


def _shoot(browser: Browser, address: str, scheme: str, file: Path) -> None:
    page = browser.new_page(viewport={"width": 1360, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_timeout(700)
    page.screenshot(path=file, full_page=not file.name.startswith(("runs", "state")))
    page.close()
    print(file.relative_to(ROOT), f"{file.stat().st_size // 1000} KB")


if __name__ == "__main__":
    main()
