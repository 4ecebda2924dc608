"""Ten thousand of everything."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from benchmarks.many_runs import copy_runs, write_chunks
from tests.monitor.conftest import Monitor, Project


def test_ten_thousand_runs_are_paged_and_searched_and_ten_thousand_chunks_fit_the_grid(
    coffee: Project, monitor: Callable[[Project], Monitor], page: Page
) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    coffee.write("beans", "")
    coffee.said("run", "--name", "big")
    copy_runs(coffee.folder / ".stepwell", 10_000)
    write_chunks(coffee.folder / ".stepwell", "coffee", "big", "brew", 10_000, 7_000)
    page.goto(monitor(coffee).url)
    expect(page.locator(".pager").last).to_contain_text("50 of 10,000")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".pager").last).to_contain_text("100 of 10,000")
    expect(page.locator(".chip", has_text="Failed")).to_contain_text("5,000")
    page.locator("#search").fill("copy-0123")
    expect(page.locator(".runs tbody tr")).to_have_count(10)
    page.locator("#search").fill("big")
    expect(page.locator(".runs tbody tr")).to_have_count(1)
    page.locator(".runs .name a").click()
    grid = page.locator("canvas.cells")
    expect(grid).to_have_attribute("aria-label", re.compile("10000 chunks: .*, 3 failed"))
    box = grid.bounding_box()
    assert box is not None
    assert box["height"] < 400
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(".tip")).to_have_text("chunk 10000 · planned")
    expect(page.locator(".chunks table", has_text="Failed chunks").last).to_contain_text("division by zero")
