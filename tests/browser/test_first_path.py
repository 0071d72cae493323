"""From an empty home to the first cascade, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE, Visit, serving, settled, start
from tests.dashboard.conftest import events

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on a home that nobody used."""
    with serving(tmp_path_factory.mktemp("new"), tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


def test_from_an_upload_over_a_training_watched_live_to_a_cascade(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "Little shop.csv"
    events(("view", "cart", "buy"), users=300, items=120).to_csv(path, index=False)
    page = visit("/add")
    page.locator('input[type="file"]').first.set_input_files(path)
    page.locator(".st-key-upload_add button").click()
    expect(page.get_by_text("of what was viewed was bought too")).to_be_visible()
    page.locator(".st-key-train_on_it button").click()
    expect(page.locator(".st-key-start button")).to_be_enabled()
    start(page, "60")
    expect(page.get_by_role("heading", name="Training")).to_be_visible()
    expect(page.locator(".st-key-live_losses .scatterlayer .trace")).to_have_count(3)
    page.reload()
    expect(page.locator(".st-key-live_losses .scatterlayer .trace")).to_have_count(3)
    page.locator(".st-key-to_recommend button").click()
    expect(page.get_by_text("Rank 1 of")).to_be_visible()
    expect(page.locator(".st-key-why .bars").first).to_be_visible()
    page.locator(".st-key-whole_sum button").click()
    expect(page.locator(".st-key-waterfall .bars").first).to_be_visible()
    finding = page.locator("h5").first.inner_text()

    address = urlsplit(page.url)
    assert {word.split("=")[0] for word in address.query.split("&")} == {"data", "run", "user", "item"}
    other = visit(f"{address.path}?{address.query}")
    expect(other.locator(".st-key-cascade .bars").first).to_be_visible()
    expect(other.locator("h5").first).to_have_text(finding)


def reach(page: Page, what: Locator) -> None:
    """Press Tab until the focus is there."""
    for _ in range(80):
        if what.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"80 times Tab do not lead to {what}")


def test_a_log_is_added_by_keys_alone(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "Keys.csv"
    table = events(("view", "cart", "buy"), users=40, items=30)
    table = table[(table["behavior"] != "view") | (table.index % 3 > 0)]  # who carted has viewed, though it is not said
    table.to_csv(path, index=False)
    page = visit("/add")
    settled(page)
    with page.expect_file_chooser() as asked:
        reach(page, page.locator('[data-testid="stFileUploader"] button').first)
        page.keyboard.press("Enter")
    asked.value.set_files(path)
    add = page.locator(".st-key-upload_add button")
    expect(add).to_be_enabled()
    settled(page)
    reach(page, page.get_by_role("checkbox", name="Add the steps that a purchase implies"))
    page.keyboard.press("Space")
    expect(page.get_by_text("pairs of lower behaviors added that later ones imply")).to_be_visible()
    settled(page)
    reach(page, add)
    page.keyboard.press("Enter")
    expect(page.get_by_text("of what was viewed was bought too")).to_be_visible()
    assert urlsplit(page.url).path == "/data" and "data=keys" in page.url
