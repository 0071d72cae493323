"""λ tried live in a real browser: by keys, by dragging and with a field, wide and on a phone, light and dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, Visit, enter, settled

expect.set_options(timeout=PATIENCE)


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_weights_are_moved_and_the_page_follows(visit: Visit, shop: str, width: int, theme: str) -> None:
    page = visit("/lab?data=shop", width=width, theme=theme)  # type: ignore[arg-type]
    page.get_by_role("button", name="Try weights live").click()
    page.wait_for_url("**study=live**")
    title = page.locator("h5").nth(1)
    expect(title).to_have_text(re.compile(r"^view \.33 · cart \.33 · buy \.33: HR@100 .*from where you compare$"))
    settled(page)
    page.locator("circle.point").focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    expect(title).to_have_text(
        re.compile(r"buy \.44: HR@100 \S+, [+−]\.\d{3} since you began: (not )?more than chance")
    )
    settled(page)
    enter(page, "live_weight_2", "0.60")
    expect(title).to_have_text(re.compile(r"buy \.60: "))
    settled(page)
    area = page.locator("polygon.area").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] * 0.99, steps=5)
    page.mouse.up()
    expect(title).to_have_text(re.compile(r"buy \.0\d: "))
    expect(page.locator("h5").nth(2)).to_have_text(re.compile("^Shopper u0"))
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
