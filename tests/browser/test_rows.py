"""The list of items on Shopper in a real browser: by mouse, by keys, as a file."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from playwright.sync_api import Locator, Page, expect

from nmtr.chances import about
from nmtr.config import RunConfig
from nmtr.explain import recommend
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, settled
from tests.dashboard.conftest import HOSTILE

expect.set_options(timeout=PATIENCE)


def rows(page: Page) -> Locator:
    return page.get_by_role("grid", name="Top 20 items").locator("tbody tr")


def opened(page: Page, rank: int) -> None:
    """The row of this rank is the selected one, its cascade is beside it, and nothing else is selected."""
    expect(page.get_by_text(f"Rank {rank} of")).to_be_visible()
    expect(rows(page).nth(rank - 1)).to_have_attribute("aria-selected", "true")
    assert rows(page).and_(page.locator("[aria-selected=true]")).count() == 1


def test_a_click_on_a_name_opens_its_cascade_and_the_address_follows(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    opened(page, 1)
    settled(page)
    first = page.url
    row = rows(page).nth(2)
    name = row.get_by_role("gridcell").nth(1)
    title = name.inner_text()
    name.locator("span").click()
    opened(page, 3)
    settled(page)
    assert page.url != first and "item=" in page.url
    expect(page.locator(".st-key-why").locator("xpath=ancestor::*[3]")).to_contain_text(title)

    page.go_back()
    opened(page, 1)
    page.go_forward()
    opened(page, 3)
    link = page.url
    opened(visit(link[link.index("/", 8) :]), 3)


def test_any_place_of_a_row_is_as_good_as_its_name(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    opened(page, 1)
    for rank, share in ((2, 0.01), (5, 0.6), (4, 0.99)):
        settled(page)
        box = rows(page).nth(rank - 1).bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] - 2)
        opened(page, rank)


def test_rows_are_reached_and_selected_by_keys_alone(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    opened(page, 1)
    settled(page)
    page.locator(".st-key-top_k input").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement?.shadowRoot?.activeElement?.tagName") == "TR":
            break
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("ArrowUp")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(rows(page).nth(3)).to_be_focused()
    outline = rows(page).nth(3).evaluate("(row) => getComputedStyle(row).outlineStyle")
    assert outline == "solid", "the row with the focus is seen"
    opened(page, 1)
    before = page.url
    page.keyboard.press("Enter")
    opened(page, 4)
    settled(page)
    assert page.url != before
    page.keyboard.press("End")  # the focus is where it was: the page ran, the list stayed
    expect(rows(page).nth(19)).to_be_focused()
    expect(rows(page).nth(19)).to_be_in_viewport()
    page.keyboard.press(" ")
    opened(page, 20)
    settled(page)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    opened(page, 1)


def test_a_title_from_outside_is_text_and_the_row_of_a_link_is_in_sight(visit: Visit, shop: str, home: Path) -> None:
    fitted = Workspace(home).fitted(shop)
    ranks = {
        user: item.rank + 1
        for user in fitted.dataset.users.tolist()
        for item in recommend(fitted, user, 20).items
        if item.item == "i7"
    }
    user = max(ranks, key=ranks.__getitem__)
    assert ranks[user] > 14, "further down than what is seen at first"
    page = visit(f"/shopper?run={shop}&user={user}&item=i7")
    opened(page, ranks[user])
    row = rows(page).nth(ranks[user] - 1)
    expect(row.get_by_role("gridcell").nth(1)).to_have_text(re.compile(rf"^(★ )?{re.escape(HOSTILE)}$"))
    expect(row).to_be_in_viewport(ratio=0.95)  # heights are no whole pixels
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop") == 0


def test_the_list_is_downloaded_as_a_table(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    opened(page, 1)
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    table = pd.read_csv(download.value.path())
    stages = [f"{behavior} {what}" for behavior in ("view", "cart", "buy") for what in ("score", "chance")]
    columns = [name for name in table.columns if name != "vs Popularity"]  # where that has been trained, too
    assert columns == ["rank", "item", "title", "held out", *stages]
    assert list(table["rank"]) == [*range(1, 21)]
    names = [cell.removeprefix("★ ") for cell in rows(page).locator("td.text").all_inner_texts()]
    assert list(table["title"]) == names
    shown = [about(value).removeprefix("about ") for value in table["buy chance"]]
    assert [text.strip() for text in rows(page).locator("td:nth-child(5)").all_inner_texts()] == shown


def test_what_a_column_means_is_told_to_keys_and_mouse(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3")
    opened(page, 1)
    heading = page.get_by_role("columnheader", name="buy").get_by_role("button")
    tip = page.get_by_role("tooltip").filter(has_text="The chance that the shopper's next buy is of this item")
    for ask, leave in ((heading.focus, heading.blur), (heading.hover, page.locator("h5").first.hover)):
        expect(tip).to_be_hidden()
        ask()
        expect(tip).to_be_visible()
        leave()
    expect(tip).to_be_hidden()


def test_the_list_fits_a_phone_and_is_used_by_touch(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}&user=u3", width=390, height=844)
    opened(page, 1)
    settled(page)
    grid = page.get_by_role("grid", name="Top 20 items")
    assert grid.evaluate("(table) => table.scrollWidth <= table.parentElement.clientWidth")
    numbers = rows(page).nth(1).get_by_role("gridcell")
    for place in range(5):
        expect(numbers.nth(place)).to_be_visible()
    numbers.nth(1).click()
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Rank 2 of")).to_be_attached()


def test_a_click_on_who_gains_opens_that_shopper(visit: Visit, shop: str, home: Path) -> None:
    other = Workspace(home).train(RunConfig.parse({"data": "shop", "method": "popularity"})).id
    page = visit(f"/groups?data=shop&runs={shop},{other}&against={other}&by=user&metric=HR%4010")
    first = page.get_by_role("grid", name="Shoppers who gain most").locator("tbody tr").first
    user = first.inner_text().split(" · ")[0].strip()
    settled(page)
    first.click()
    page.wait_for_url(f"**/shopper?*user={user}&item=*")
    expect(page.locator(".st-key-pick_user input")).to_have_value(user)
