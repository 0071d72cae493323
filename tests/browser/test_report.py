"""A report that was downloaded, opened from the disk with the network off; and the page that makes it."""

from __future__ import annotations

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE, Visit, settled

expect.set_options(timeout=PATIENCE)


def test_report_opens_without_a_network_and_prints(visit: Visit, shop: str, browser: Browser, tmp_path: Path) -> None:
    page = visit(f"/report?data=shop&runs={shop}&shoppers=u1,u2")
    page.get_by_label("Title").fill("What we found")
    page.get_by_label("Title").press("Enter")
    settled(page)
    page.get_by_role("button", name="Make the report").click()
    expect(page.locator("iframe")).to_be_visible()
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="What we found")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    assert file.stat().st_size < 4_000_000

    context = browser.new_context(offline=True)
    report = context.new_page()
    complaints: list[str] = []
    report.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    report.on("pageerror", lambda error: complaints.append(str(error)))
    report.goto(file.as_uri())
    places = report.locator("[data-figure]")
    expect(report.locator(".js-plotly-plot")).to_have_count(places.count())
    assert places.count() >= 6
    for number in range(places.count()):
        assert places.nth(number).locator("svg").first.bounding_box()["height"] > 80  # type: ignore[index]
    with report.expect_download() as image:
        places.first.hover()
        places.first.locator(".modebar-btn").click()
    assert b"<svg" in Path(image.value.path()).read_bytes()
    expect(report.locator(".notifier-note")).to_have_count(0)
    faults = [
        (fault["id"], node["html"])
        for fault in Axe().run(report).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert not faults
    printed = report.pdf(prefer_css_page_size=True)
    assert 3 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 15
    report.set_viewport_size({"width": 390, "height": 800})
    report.reload()
    expect(report.locator(".js-plotly-plot")).to_have_count(places.count())
    assert report.evaluate("document.documentElement.scrollWidth") <= 390
    assert not complaints
    context.close()
