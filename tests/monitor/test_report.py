"""`stepwell show --html`: one file that needs nothing else."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.many_runs import write_chunks
from tests.monitor.conftest import Project


def test_a_run_is_one_page_that_asks_for_nothing(coffee: Project, page: Page) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    write_chunks(coffee.folder / ".stepwell", "coffee", "bad", "grind", 500, 200)
    assert coffee.said("show", "bad", "--html", "run.html") == "run.html shows the run bad\n"
    refused = coffee.run("show", "bad", "--html", "no/such/folder/run.html")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: no/such/folder/run.html cannot be written: No such file or directory\n",
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((coffee.folder / "run.html").as_uri())
    assert len(asked) == 1
    expect(page.locator(".failure")).to_contain_text("no more beans <script>")
    expect(page.locator("canvas.cells")).to_have_attribute(
        "aria-label", "500 chunks: 295 planned, 5 running, 197 done, 3 failed. Arrow keys go from chunk to chunk."
    )
    page.locator(".g-node[data-state=ExecuteBrew]").click()
    expect(page.locator(".log").last).to_contain_text("brewing")
    expect(page.locator(".actions, .copy")).to_have_count(0)
    assert Axe().run(page).response["violations"] == []
