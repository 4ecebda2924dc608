"""The pages in a real browser: a run from start to end, a failure put right, chunks, keys, light and dark."""

import re
from collections.abc import Callable

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.cli.test_forecast import age
from tests.gate import close_gate, open_gate
from tests.monitor.conftest import Monitor, Project
from tests.until import until

Start = Callable[[Project], Monitor]
CHUNKED = """
from stepwell import Chunks, Pipeline, env

pipeline = Pipeline("shop", database=env("DATABASE_URL"))
pipeline.sql("sell", "sell.sql", chunks=Chunks("items", by="id", rows=10, parallel=3))
"""
TABLES = [
    "CREATE TABLE items AS SELECT id, 10.0 AS price FROM generate_series(1, 3000) id",
    "ALTER TABLE items ADD PRIMARY KEY (id)",
    "CREATE TABLE sold (id int, price numeric)",
    "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0005); RETURN new; END'",
    "CREATE TRIGGER slowly BEFORE INSERT ON sold FOR EACH ROW EXECUTE FUNCTION slowly()",
]


def test_a_run_is_seen_live_from_its_start_to_its_end(coffee: Project, monitor: Start, page: Page) -> None:
    coffee.write("beans", "")
    seen = monitor(coffee)
    page.goto(seen.address)
    expect(page.get_by_role("heading", name="There are no runs here yet")).to_be_visible()
    run = coffee.started("run", "--name", "morning", "--input", '{"wait": "go"}')
    page.get_by_role("link", name="morning").click()
    expect(page.locator("#status")).to_have_text("running")
    expect(page.locator(".g-node[data-state=ExecuteGrind]")).to_have_class(re.compile("g-running"))
    expect(page.locator(".g-node[data-state=ValidateConfig]")).to_have_class(re.compile("g-succeeded"))
    coffee.write("go", "")
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(page.locator(".g-node[data-state=ExecuteBrew]")).to_have_class(re.compile("g-succeeded"))
    expect(page.locator(".timeline .rows > li")).to_have_count(3)
    assert run.wait(60) == 0
    assert run.stdout is not None
    run.stdout.close()


def test_a_run_that_failed_is_resumed_by_the_button(coffee: Project, monitor: Start, page: Page) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    page.goto(monitor(coffee).address)
    page.get_by_role("link", name="bad").click()
    card = page.locator(".failure")
    expect(card).to_contain_text("brew failed in run bad")
    expect(card).to_contain_text("stepwell resume bad")
    coffee.write("beans", "")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.wait_for_url("**/runs/coffee/bad-2")
    expect(page.locator("#status")).to_have_text("succeeded")
    page.get_by_role("link", name="bad", exact=True).click()
    expect(page.locator(".failure")).to_contain_text("brew failed in run bad")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Went on as bad-2").click()
    page.wait_for_url("**/runs/coffee/bad-2")
    assert "grind" not in [task["task"] for task in coffee.json("runs", "--json")]
    ended = ["SUCCEEDED", "FAILED"]
    until(lambda: [run["status"] for run in coffee.json("runs", "--json")] == ended, "the list tells both ends")


def test_a_button_says_why_it_could_not(coffee: Project, monitor: Start, page: Page) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    page.goto(monitor(coffee).address)
    page.get_by_role("link", name="bad").click()
    coffee.write("pipeline.py", "this is no Python\n")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator("#said")).to_contain_text("invalid syntax")


def test_a_run_is_stopped_by_the_button(coffee: Project, monitor: Start, page: Page) -> None:
    seen = monitor(coffee)
    run = coffee.started("run", "--name", "long", "--input", '{"wait": "never"}')
    page.goto(seen.address)
    page.get_by_role("link", name="long").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#status")).to_have_text("aborted")
    assert run.wait(60) == 1
    assert run.stdout is not None
    run.stdout.close()


def test_the_chunks_of_a_task_fill_the_grid(coffee: Project, monitor: Start, page: Page, database: str) -> None:
    coffee.environment["DATABASE_URL"] = database
    coffee.write("pipeline.py", CHUNKED)
    coffee.write("sell.sql", "INSERT INTO sold SELECT id, price FROM items WHERE price > 0;")
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in TABLES:
            connection.execute(statement)
    close_gate(database, "sold", "new.id > 2990")
    seen = monitor(coffee)
    run = coffee.started("run", "--name", "sale")
    page.goto(seen.address)
    page.get_by_role("link", name="sale").click()
    grid = page.locator("canvas.cells")
    expect(grid).to_have_attribute("aria-label", re.compile(r"300 chunks: .*[1-9]\d* done"))
    open_gate(database)
    expect(page.locator("#status")).to_have_text("succeeded")
    expect(grid).to_have_attribute("aria-label", re.compile("300 chunks: 300 done"))
    grid.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip")).to_contain_text("chunk 1 · done · 10 rows")
    page.get_by_role("button", name="Time").click()
    expect(page.locator(".legend .keys")).to_contain_text("up to")
    expect(page.locator(".chunks table").first).to_contain_text("Lanes")
    assert run.wait(60) == 0
    assert run.stdout is not None
    run.stdout.close()


def test_everything_that_is_shown_has_an_address(coffee: Project, monitor: Start, page: Page) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    url = monitor(coffee).url
    page.goto(f"{url}/runs/coffee/bad")
    page.locator(".g-node[data-state=ExecuteBrew]").click()
    expect(page.locator("#state")).to_contain_text("Attempt 2")
    page.goto(page.url)  # as somebody else would who was sent it
    expect(page.locator("#state")).to_contain_text("no more beans")
    expect(page.locator("#state .log").last).to_contain_text("brewing")
    page.get_by_label("Find in the input").fill("receipts")
    page.go_back()
    page.keyboard.press("Escape")
    page.goto(f"{url}/?status=failed&q=ba")
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    page.goto(f"{url}/runs/coffee/bad?tab=events&q=FunctionFailed")
    expect(page.locator(".events > li")).to_have_count(2)


def test_a_pipeline_says_when_a_task_outgrows_its_limits(coffee: Project, monitor: Start, page: Page) -> None:
    coffee.write("beans", "")
    coffee.said("run", "--name", "first")
    seen = monitor(coffee)
    page.goto(f"{seen.url}/pipelines/coffee")
    outlook = page.get_by_role("region", name="When its tasks outgrow their limits")
    expect(outlook).to_contain_text("runs of 10 different days are needed, there are 1.")
    age(coffee, 31, 10_000, "grind")
    page.reload()
    line = next(line for line in coffee.said("forecast").splitlines() if line.startswith("grind "))
    now, growth, limit, reached = re.split(r"  +", line)[2:6]
    expect(outlook.get_by_role("row").nth(1)).to_contain_text(re.compile(".*".join((now, limit, reached))))
    expect(page.locator(".triggers")).to_contain_text(
        f"grind takes {now}, {growth} a week: it reaches {limit} on {reached}"
    )


def test_the_list_is_filtered_while_one_types(coffee: Project, monitor: Start, page: Page) -> None:
    coffee.write("beans", "")
    for name in ("one", "two"):
        coffee.said("run", "--name", name)
    page.goto(monitor(coffee).url)
    expect(page.locator(".runs tbody tr")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("tw")
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    assert page.url.endswith("/?q=tw")
    page.keyboard.press("Tab")
    expect(page.locator("#search")).to_have_value("tw")


def test_the_keyboard_goes_through_runs(coffee: Project, monitor: Start, page: Page) -> None:
    coffee.write("beans", "")
    coffee.said("run", "--name", "one")
    page.goto(monitor(coffee).url)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="one")).to_be_visible()
    page.keyboard.press("t")
    theme = page.locator("html").get_attribute("data-theme")
    page.reload()
    assert theme in ("light", "dark")
    assert page.locator("html").get_attribute("data-theme") == theme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_an_obstacle_that_axe_knows(coffee: Project, monitor: Start, page: Page, scheme: str) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    coffee.write("beans", "")
    coffee.said("run", "--name", "good")
    url = monitor(coffee).url
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    places = ["/", "/?q=nothing", "/pipelines/coffee", "/runs/coffee/good", "/runs/coffee/bad?state=ExecuteBrew"]
    places += [f"/runs/coffee/bad?tab={tab}" for tab in ("events", "logs", "data")]
    for place in places:
        page.goto(url + place)
        page.wait_for_selector("main *")
        found = Axe().run(page)
        assert found.response["violations"] == [], (place, found.generate_report())


def test_what_is_not_there_is_said(coffee: Project, monitor: Start) -> None:
    import urllib.error
    import urllib.request

    url = monitor(coffee).url
    for place in ("/nowhere", "/pipelines/none", "/runs/coffee/none"):
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(url + place)
        assert told.value.code == 404
        assert "Not found" in told.value.read().decode()
        told.value.close()
