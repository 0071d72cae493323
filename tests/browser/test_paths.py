"""The paths that people take through the product, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, navigate, settled
from tests.dashboard.conftest import events

expect.set_options(timeout=PATIENCE)


def enter(page: Page, key: str, value: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")
    settled(page)
    expect(field).to_have_value(value)


def start(page: Page, epochs: str) -> None:
    """Start a training that does not stop early."""
    page.get_by_text("Advanced").click()
    enter(page, "train_epochs", epochs)
    enter(page, "train_patience", "0")
    page.locator(".st-key-start button").click()


def test_from_an_upload_over_a_training_watched_live_to_a_cascade(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "Little shop.csv"
    events(("view", "cart", "buy"), users=300, items=120).to_csv(path, index=False)
    page = visit("/data")
    page.get_by_role("tab", name="Upload a file").click()
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


def test_a_running_training_is_seen_by_a_second_browser_and_can_be_cancelled(visit: Visit, shop: str) -> None:
    page = visit("/train?data=shop")
    start(page, "10000")
    expect(page.get_by_role("heading", name="Training")).to_be_visible()
    address = urlsplit(page.url)
    other = visit(f"{address.path}?{address.query}")
    expect(other.locator(".st-key-live_validation .scatterlayer .trace")).to_have_count(2)
    other.locator(".st-key-cancel button").click()
    for seen in (other, page):
        expect(seen.get_by_role("heading", name="Cancelled")).to_be_visible()
        expect(seen.locator(".st-key-resume button")).to_be_visible()


def test_the_triangle_moves_by_keys_by_dragging_and_with_the_fields(visit: Visit, shop: str) -> None:
    page = visit("/train?data=shop")
    point = page.locator("circle.point")
    target = page.locator(".st-key-train_weight_2 input")
    expect(target).to_have_value("0.34")
    point.focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    expect(target).to_have_value("0.46")
    area = page.locator("polygon.area").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.999, steps=5)
    page.mouse.up()
    expect(target).to_have_value("0.00")
    settled(page)
    enter(page, "train_weight_2", "0.50")
    expect(point).to_have_attribute("aria-valuetext", "view 0.25, cart 0.25, buy 0.50")


def test_a_move_to_where_the_triangle_moved_before_counts_again(visit: Visit, shop: str) -> None:
    page = visit("/train?data=shop")
    point = page.locator("circle.point")
    target = page.locator(".st-key-train_weight_2 input")
    for _ in range(2):
        page.get_by_role("button", name="equal", exact=True).click()
        expect(target).to_have_value("0.34")
        settled(page)
        point.focus()
        page.keyboard.press("ArrowUp")
        expect(target).to_have_value("0.36")
        expect(point).to_have_attribute("aria-valuetext", re.compile("buy 0.36$"))
        settled(page)


def test_a_locked_weight_holds_the_point_to_a_line_and_two_hold_it_in_place(visit: Visit, shop: str) -> None:
    page = visit("/train?data=shop")
    point = page.locator("circle.point")
    enter(page, "train_weight_0", "0.20")
    page.get_by_role("button", name="Lock view", exact=True).click()
    expect(point).to_have_attribute("aria-valuetext", "view 0.20 locked, cart 0.40, buy 0.40")
    settled(page)
    point.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(page.locator(".st-key-train_weight_2 input")).to_have_value("0.43")
    settled(page)
    area = page.locator("polygon.area").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] - 40, steps=5)  # beyond the target's corner
    page.mouse.up()
    expect(point).to_have_attribute("aria-valuetext", "view 0.20 locked, cart 0.00, buy 0.80")
    expect(page.locator(".st-key-train_weight_2 input")).to_have_value("0.80")
    settled(page)
    page.get_by_role("button", name="Lock buy", exact=True).click()
    expect(point).to_have_attribute("aria-disabled", "true")
    point.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".st-key-train_weight_1 input")).to_be_disabled()
    expect(point).to_have_attribute("aria-valuetext", "view 0.20 locked, cart 0.00, buy 0.80 locked")


@pytest.mark.parametrize(
    "path", ["/", "/shopper", "/cascade", "/train", "/lab", "/runs", "/compare", "/sparsity", "/data"]
)
def test_no_page_scrolls_sideways_on_a_phone(visit: Visit, shop: str, path: str) -> None:
    page = visit(f"{path}?data=shop", width=390, height=844)
    settled(page)
    expect(page.locator("h5").first).to_be_visible()
    widths = page.evaluate("() => [...document.querySelectorAll('body, [data-testid=stMain]')].map(e => e.scrollWidth)")
    assert max(widths) <= 390


def test_a_comparison_is_reopened_by_its_link(visit: Visit, shop: str, home: Path) -> None:
    other = Workspace(home).train(RunConfig.parse({"data": "shop", "method": "popularity"})).id
    page = visit(f"/compare?data=shop&runs={shop},{other}")
    expect(page.locator(".st-key-standings .scatterlayer .trace")).to_have_count(2)
    page.locator(".st-key-compare_metric input").click()
    page.get_by_role("option", name="NDCG@10", exact=True).click()
    expect(page.locator("h5").first).to_contain_text("NDCG@10")
    address = urlsplit(page.url)
    assert "metric=NDCG%4010" in address.query
    again = visit(f"{address.path}?{address.query}")
    expect(again.locator("h5").first).to_have_text(page.locator("h5").first.inner_text())
    navigate(again, "Judge", "Sparsity")
    expect(again.locator(".st-key-groups .scatterlayer .trace")).to_have_count(2)
