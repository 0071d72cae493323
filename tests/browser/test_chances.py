"""Chances in a real browser: worked out beside the list, and checked on test pairs on a page of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from playwright.sync_api import expect

from nmtr.chances import kept
from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, settled

expect.set_options(timeout=PATIENCE)


def test_scores_turn_into_chances_without_anybody_asking_and_stay_so(visit: Visit, shop: str, home: Path) -> None:
    config = RunConfig.parse({"data": "shop", "epochs": 2, "embedding_size": 8, "threads": 1, "seed": 5})
    workspace = Workspace(home)
    run = workspace.train(config, lambda report: None).id
    place = workspace.runs.folder(run) / kept.NAME
    assert not place.exists()
    page = visit(f"/shopper?run={run}&user=u3")
    first = page.get_by_role("grid", name="Top 20 items").locator("tbody tr").first
    expect(first.get_by_role("gridcell").nth(4)).to_contain_text("1 in")
    expect(page.get_by_text("that the next buy is of this item.")).to_be_visible()
    expect(page.get_by_text("meanwhile there are scores")).to_be_hidden()
    assert place.exists()
    workspace.delete(run)


def test_calibration_is_reached_by_keys_and_downloaded(visit: Visit, shop: str) -> None:
    page = visit(f"/calibration?run={shop}")
    expect(page.locator("h5").first).to_contain_text("When it says 1 in")
    expect(page.locator(".st-key-reliability_buy .scatterlayer .trace")).to_have_count(2)
    expect(page.get_by_text("cart: not checked")).to_be_visible()
    settled(page)
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").focus()
        page.keyboard.press("Enter")
    table = pd.read_csv(download.value.path())
    assert set(table["behavior"]) == {"buy"} and (table["found"].sum(), table["low"].min() >= 0) == (60, True)
    page.locator(".st-key-check_view button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 · What to learn from")).to_be_visible()
    page.get_by_text("Advanced").click()
    expect(page.locator(".st-key-train_hold_out_lower input")).to_be_checked()
