"""The address bar, the browser's history and the tab's title."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Visit, enter, navigate, settled

expect.set_options(timeout=PATIENCE)


def shown(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_back_takes_one_selection_back_and_then_leaves(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    page.wait_for_url("**item=*")
    first = page.url
    expect(page).to_have_title("Shopper u3 · item " + shown(page)["item"][0] + " · shop · NMTR Studio")
    settled(page)
    page.get_by_role("button", name="Heavy").first.click()
    page.wait_for_url(lambda url: "user=u3&" not in url and "item=" in url)
    expect(page.locator(".st-key-pick_user input")).not_to_have_value("u3")
    settled(page)
    page.go_back()
    page.wait_for_url(first)
    expect(page.locator(".st-key-pick_user input")).to_have_value("u3")
    settled(page)
    page.go_back()
    page.wait_for_url("about:blank")


def test_a_click_in_the_navigation_keeps_the_selection_and_back_returns(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    page.wait_for_url("**item=*")
    before, selected = page.url, shown(page)
    settled(page)
    navigate(page, "Explore", "Cascade")
    page.wait_for_url("**/cascade?*item=*")
    assert shown(page) == selected
    settled(page)
    page.go_back()
    page.wait_for_url(before)
    expect(page.get_by_text("History", exact=True)).to_be_visible()


def test_an_old_link_opens_the_shopper_page_and_leaves_no_entry(visit: Visit, shop: str) -> None:
    page = visit(f"/?run={shop}&user=u3")
    page.wait_for_url(f"**/shopper?data=shop&run={shop}&user=u3&item=*")
    expect(page.locator(".st-key-pick_user input")).to_have_value("u3")
    settled(page)
    page.go_back()
    page.wait_for_url("about:blank")


def test_an_old_link_to_the_sparsity_page_opens_groups(visit: Visit, shop: str) -> None:
    page = visit("/sparsity?data=shop&metric=HR%4010")
    page.wait_for_url("**/groups?data=shop&runs=*&metric=HR%4010")
    expect(page.locator("h5").first).to_contain_text("best with")
    settled(page)
    page.go_back()
    page.wait_for_url("about:blank")


def test_home_keeps_the_selection_and_carries_the_data_set_alone(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    page.wait_for_url("**item=*")
    selected = shown(page)
    settled(page)
    page.get_by_role("link", name="Home").click()
    page.wait_for_url("**/?data=shop")
    expect(page).to_have_title("Home · shop · NMTR Studio")
    settled(page)
    page.locator(".st-key-to_shopper button").click()
    page.wait_for_url("**/shopper?*item=*")
    assert shown(page) == selected


def test_the_tour_is_walked_by_keys_and_back_takes_a_step_back(visit: Visit, shop: str) -> None:
    page = visit("/?data=shop")
    settled(page)
    page.locator(".st-key-to_tour button").focus()
    page.keyboard.press("Enter")
    for step in range(1, 7):
        page.wait_for_url(f"**/tour?data=shop&run={shop}&step={step}")
        expect(page.get_by_text(f"Step {step} of 6")).to_be_visible()
        settled(page)
        if step < 6:
            page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**step=5")
    settled(page)
    page.go_back()
    expect(page.get_by_text("Step 6 of 6")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Step 5 of 6")).to_be_visible()
    settled(page)
    page.reload()
    expect(page.get_by_text("Step 5 of 6")).to_be_visible()


def test_what_was_entered_on_train_is_there_after_a_reload(visit: Visit, shop: str, home: Path) -> None:
    page = visit("/train?data=shop")
    page.get_by_text("Advanced").click()
    enter(page, "train_epochs", "17")
    enter(page, "train_weight_2", "0.50")
    page.wait_for_url(lambda url: "epochs%22%3A17" in url and "0.25%2C0.25%2C0.5" in url)
    settled(page)
    page.reload()
    page.get_by_text("Advanced").click()
    expect(page.locator(".st-key-train_epochs input")).to_have_value("17")
    expect(page.locator(".st-key-train_weight_2 input")).to_have_value("0.50")
    expect(page.locator(".st-key-train_weight_0 input")).to_have_value("0.25")


def test_options_in_the_address_that_no_run_can_have_are_a_sentence(visit: Visit, shop: str) -> None:
    page = visit("/train?data=shop&options=%7B%22epochs%22%3A-1%7D")
    expect(page.get_by_text("epochs must be").first).to_be_visible()
    page.get_by_role("button", name="Start from the first view").click()
    expect(page.locator(".st-key-start button")).to_be_enabled()
