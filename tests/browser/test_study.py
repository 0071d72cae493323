"""The λ lab in a real browser: a mark is looked at, a place is queued and trained, and weights are taken over."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from dashboard.views.lab import findings
from nmtr import sweeps
from nmtr.data.importing import read
from nmtr.sweeps import Study
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, Visit, settled
from tests.dashboard.conftest import events, studied
from tests.runs.fakes import eventually

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def study(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study of six weights on a small data set."""
    path = tmp_path_factory.mktemp("weighed") / "events.csv"
    events(("view", "cart", "buy")).to_csv(path, index=False)
    workspace = Workspace(home)
    workspace.data.save(read(path, name="weighed"))
    return studied(workspace, {"data": "weighed", "embedding_size": 8})


def click(page: Page, place: int) -> None:
    """Click a mark of the picture, by its place in the order in which they are drawn."""
    mark = page.locator(".st-key-lab_picture .scatterlayer .trace").last.locator(".point").nth(place).bounding_box()
    assert mark is not None
    page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)


def test_a_click_shows_a_mark_and_queues_a_place_and_weights_are_taken_over(
    visit: Visit, study: Study, home: Path
) -> None:
    page = visit(f"/lab?study={study.id}")
    expect(page.locator(".st-key-lab_picture .scatterlayer .trace").last).to_be_visible()
    settled(page)
    places = page.locator(".st-key-lab_picture .scatterlayer .trace").last.locator(".point").count() - len(study.points)
    assert places > 0  # around the best
    click(page, places + 2)
    page.wait_for_url("**point=2**")
    expect(page.locator("h5").nth(1)).to_have_text(findings.name_of(study, study.point(2)))

    settled(page)
    click(page, 0)
    page.wait_for_url("**point=6**")
    queued = sweeps.read(Workspace(home), study.id)
    expect(page.locator("h5").nth(1)).to_have_text(findings.name_of(queued, queued.point(6)))
    expect(page.locator(".st-key-lab_study input")).to_have_value(re.compile("7 weights · done"))
    expect(page.locator(".st-key-lab_use button").first).to_be_enabled()
    eventually(lambda: sweeps.read(Workspace(home), study.id).point(6).state == "done")
    trained = sweeps.read(Workspace(home), study.id).point(6)
    assert trained.lambdas is not None

    address = urlsplit(page.url)
    again = visit(f"{address.path}?{address.query}")
    expect(again.locator("h5").nth(1)).to_have_text(page.locator("h5").nth(1).inner_text())
    again.get_by_role("button", name="Use these weights").click()
    expect(again.locator(".st-key-train_weight_2 input")).to_have_value(f"{trained.lambdas[2]:.2f}")
