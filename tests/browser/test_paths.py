"""The paths that people take through the product, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, enter, navigate, settled, start

expect.set_options(timeout=PATIENCE)


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


PATHS = [
    *("/", "/tour", "/tour?step=4", "/glossary", "/shopper", "/cascade", "/whatif", "/item", "/item?item=i7"),
    *("/train", "/lab", "/runs"),
    *("/compare", "/groups", "/lists", "/calibration", "/data"),
]


@pytest.mark.parametrize("path", PATHS)
def test_no_page_scrolls_sideways_on_a_phone(visit: Visit, shop: str, path: str) -> None:
    page = visit(f"{path}{'&' if '?' in path else '?'}data=shop", width=390, height=844)
    settled(page)
    expect(page.locator("h5").first).to_be_visible()
    widths = page.evaluate("() => [...document.querySelectorAll('body, [data-testid=stMain]')].map(e => e.scrollWidth)")
    assert max(widths) <= 390


def test_a_figure_is_saved_as_an_image_with_its_name(visit: Visit, shop: str) -> None:
    page = visit(f"/compare?data=shop&runs={shop}")
    figure = page.locator(".st-key-standings")
    figure.locator(".scatterlayer .trace").first.wait_for(state="attached")
    settled(page)
    figure.locator(".js-plotly-plot").hover()
    with page.expect_download() as image:
        figure.locator(".modebar-btn").click()
    assert image.value.suggested_filename == "standings.svg"
    assert b"NMTR-GMF" in Path(image.value.path()).read_bytes()


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
    navigate(again, "Judge", "Groups")
    expect(again.locator(".st-key-groups .scatterlayer .trace")).to_have_count(2)
