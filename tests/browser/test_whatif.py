"""A shopper with another history, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Visit, settled
from tests.browser.test_address import shown

expect.set_options(timeout=PATIENCE)


def items(page: Page) -> list[str]:
    return page.locator("[role=row] td.text").all_inner_texts()


def test_a_history_is_changed_and_list_cascade_and_address_follow(visit: Visit, shop: str) -> None:
    page = visit(f"/whatif?run={shop}")
    expect(page.locator(".st-key-why .bars").first).to_be_visible()
    settled(page)
    of_nobody = items(page)
    adder = page.locator(".st-key-whatif_add_cart input")
    adder.fill("Thing 12")  # by the keyboard alone
    page.get_by_role("option", name=re.compile("^Thing 12 ·")).first.wait_for()
    adder.press("ArrowDown")
    adder.press("Enter")
    page.wait_for_url("**add=cart*")
    chip = page.locator(".st-key-whatif_chips_cart button")
    expect(chip).to_have_text("+ Thing 12")
    settled(page)
    with_cart, there = items(page), shown(page)
    assert there["add"] == ["cart:i12"] and with_cart != of_nobody
    expect(page.get_by_role("columnheader", name="vs before")).to_be_visible()

    page.locator(".st-key-whatif_without input").click()
    page.get_by_role("option", name="view (not retrained)").click()
    page.wait_for_url("**without=view*")
    expect(page.get_by_text("Stage view is switched off, not retrained")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Find out").click()
    expect(page.get_by_text(re.compile("without it the score is|No entry of the history"))).to_be_visible()
    settled(page)

    last = items(page)
    page.reload()
    expect(chip).to_have_text("+ Thing 12")
    settled(page)
    assert items(page) == last and shown(page)["without"] == ["view"]

    chip.focus()
    page.keyboard.press("Space")
    page.wait_for_url(lambda url: "add=" not in url)
    settled(page)
    page.go_back()
    page.wait_for_url("**add=cart*")
    expect(chip).to_have_text("+ Thing 12")
