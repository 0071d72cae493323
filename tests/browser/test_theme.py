"""The theme changes while a page is open, by the operating system or by the settings menu: figures change with it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, WebSocket, expect

from dashboard import charts
from tests.browser.conftest import PATIENCE, Visit, settled

expect.set_options(timeout=PATIENCE)

INKS = """() => [...new Set([...document.querySelectorAll('.js-plotly-plot svg text')]
    .filter((text) => text.textContent.trim()).map((text) => getComputedStyle(text).fill))]"""


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))})"


def drawn_for(page: Page, theme: charts.Theme) -> None:
    """Wait until every text of every figure has the inks of this theme, and none the other's."""
    other = charts.LIGHT if theme.dark else charts.DARK
    page.wait_for_function(
        f"""([wanted, unwanted]) => {{
            const inks = ({INKS})();
            return wanted.some((ink) => inks.includes(ink)) && !unwanted.some((ink) => inks.includes(ink));
        }}""",
        arg=[[rgb(theme.ink), rgb(theme.soft)], [rgb(other.ink), rgb(other.soft)]],
    )


def wishes(page: Page) -> list[bytes]:
    """What the open page will ask of the server because of its theme, as it comes."""
    sent: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda data: sent.append(bytes(data)) if b'"shown"' in bytes(data) else None)

    page.on("websocket", listen)
    return sent


@pytest.mark.parametrize(
    "path",
    [
        "/?data=shop",
        "/tour?run={run}&step=4",
        "/shopper?run={run}",
        "/cascade?run={run}",
        "/item?run={run}",
        "/item?run={run}&item=i3",
        "/whatif?run={run}&add=buy:i3",
        "/calibration?run={run}",
        "/train?run={run}",
        "/run?run={run}",
        "/item?run={run}&color=stuck",
        "/compare?data=shop",
        "/data?data=shop",
    ],
)
def test_figures_follow_the_operating_systems_theme(visit: Visit, shop: str, path: str) -> None:
    page = visit(path.format(run=shop))
    drawn_for(page, charts.LIGHT)
    settled(page)
    sent = wishes(page)
    page.reload()
    drawn_for(page, charts.LIGHT)
    settled(page)
    assert not sent, "a page that opens is not drawn twice"
    page.emulate_media(color_scheme="dark")
    drawn_for(page, charts.DARK)
    settled(page)
    assert len(sent) == 1
    page.emulate_media(color_scheme="light")
    drawn_for(page, charts.LIGHT)
    assert len(sent) == 2


def test_a_page_that_opens_in_the_dark_is_drawn_once(visit: Visit, shop: str) -> None:
    page = visit("/lab", theme="dark")  # any other
    settled(page)
    sent = wishes(page)
    page.goto(page.url.split("/lab")[0] + f"/shopper?run={shop}")
    drawn_for(page, charts.DARK)
    settled(page)
    assert not sent


def test_figures_follow_the_settings_menu(visit: Visit, shop: str) -> None:
    page = visit(f"/shopper?run={shop}")
    drawn_for(page, charts.LIGHT)
    settled(page)
    page.get_by_test_id("stMainMenu").get_by_role("button").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    drawn_for(page, charts.DARK)
    caption = page.get_by_test_id("stCaptionContainer").first
    expect(caption).to_have_css("color", rgb(charts.DARK.soft))
