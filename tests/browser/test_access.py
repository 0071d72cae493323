"""Every page, light and dark, by the rules of axe-core: contrast, names, roles, focus."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from dashboard.address import PAGES, path
from tests.browser.conftest import Theme, Visit, settled


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault(visit: Visit, shop: str, theme: Theme) -> None:
    page = visit(f"/shopper?run={shop}", theme=theme)
    server = page.url.split("/shopper")[0]
    faults = []
    for name in PAGES:
        page.goto(f"{server}/{path(name)}?{f'run={shop}' if name == 'run' else 'data=shop'}")
        settled(page)
        expect(page.locator("h5").first).to_be_visible()
        faults += [
            (name, fault["id"], node["target"], node["html"])
            for fault in Axe().run(page).response["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
    assert not faults
