"""The Item page in a real browser: by mouse, by keys, as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from playwright.sync_api import Locator, Page, expect

from nmtr.items import all_items, one_item
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, settled

expect.set_options(timeout=PATIENCE)


def table(page: Page) -> Locator:
    return page.locator(".st-key-item_table canvas").first


def opened(page: Page, item: str) -> None:
    expect(page.get_by_text("Place ").first).to_be_visible()
    page.wait_for_url(f"**item={item}*")
    settled(page)


def test_a_row_is_opened_by_mouse_and_by_keys(visit: Visit, shop: str, home: Path) -> None:
    best = [row["item"] for row in all_items(Workspace(home).fitted(shop)).rows()]
    page = visit(f"/item?run={shop}")
    expect(table(page)).to_be_visible()
    settled(page)
    box = table(page).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 35 * 2.5)  # the box before the second row
    opened(page, best[1])
    page.go_back()
    expect(table(page)).to_be_visible()
    settled(page)
    assert "item=" not in page.url
    page.locator(".st-key-item_table canvas").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    page.wait_for_url("**item=*")
    page.locator(".st-key-all_items button").click()
    expect(table(page)).to_be_visible()


def test_a_point_opens_its_item(visit: Visit, shop: str, home: Path) -> None:
    page = visit(f"/item?run={shop}")
    point = page.locator(".st-key-crowd .scatterlayer .point").first
    expect(point).to_be_visible()
    settled(page)
    box = point.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**item=*")
    expect(page.get_by_text("Place ").first).to_be_visible()


def test_rows_of_one_item_lead_to_a_cascade_and_to_an_item_like_it(visit: Visit, shop: str, home: Path) -> None:
    fitted = Workspace(home).fitted(shop)
    one = one_item(fitted, all_items(fitted), "i3")
    page = visit(f"/item?run={shop}&item=i3")
    near = page.get_by_role("grid", name="Items nearest").locator("tbody tr")
    expect(near).to_have_count(10)
    settled(page)
    near.nth(1).focus()
    page.keyboard.press("Enter")
    opened(page, one.neighbors[1].item)
    page.go_back()
    opened(page, "i3")
    settled(page)
    page.get_by_role("grid", name="Shoppers most likely").locator("tbody tr").nth(2).focus()
    page.keyboard.press("Enter")  # charts above may still take their height, and move what a mouse aims at
    page.wait_for_url(f"**/cascade?*user={one.shoppers[2].user}*")
    expect(page.get_by_text("Rank ").first).to_be_visible()
    assert "item=i3" in page.url
    settled(page)
    page.locator(".st-key-about_item button").click()
    opened(page, "i3")


def test_files_hold_all_that_is_shown(visit: Visit, shop: str, home: Path) -> None:
    fitted = Workspace(home).fitted(shop)
    every = all_items(fitted)
    page = visit(f"/item?run={shop}")
    page.locator(".st-key-item_search input").fill("Thing 3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("11 of 40 items")).to_be_visible()
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of all items").click()
    rows = pd.read_csv(download.value.path())
    pd.testing.assert_frame_equal(rows, pd.DataFrame(every.rows()), check_dtype=False)
    page.goto(f"{page.url.split('?')[0]}?run={shop}&item=i3")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of the shoppers").click()
    users = pd.read_csv(download.value.path())["shopper"].tolist()
    assert users == [shopper.user for shopper in one_item(fitted, every, "i3").shoppers]
