"""What the browser is sent, before any page of ours is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PATIENCE, serving, settled


@pytest.mark.parametrize("base", ["", "/shop"])
def test_deep_link_asks_for_nothing_that_is_not_there(browser: Browser, tmp_path: Path, base: str) -> None:
    with serving(tmp_path / "home", tmp_path / "log.txt", base=base) as address:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        missing = list[str]()
        page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
        page.goto(f"{address}/data?data=nowhere")
        settled(page)
        assert page.url.startswith(f"{address}/data")
        assert "nowhere" in page.locator('[data-testid="stMain"]').inner_text()
        assert not missing
        page.close()
