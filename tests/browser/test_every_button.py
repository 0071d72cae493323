"""Every page is opened and each button on it clicked once: none may end in an error screen, an error in the browser's
console, or a request to another host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from dashboard.address import PAGES, path
from nmtr import sweeps
from nmtr.config import RunConfig
from nmtr.workspace import Workspace
from tests.browser.conftest import PATIENCE, serving, settled
from tests.dashboard.conftest import shops, studied

#: What can be clicked: not Streamlit's own helps, arrows of selects and steps of numbers, which are all alike.
CLICKABLE = (
    ':is([data-testid="stMain"], [data-testid="stDialog"], [data-testid="stPopoverBody"])'
    ' :is(button, summary, [role="tab"]):not([disabled], [aria-label^="Help"], [aria-label="Open"],'
    ' [data-testid^="stNumberInputStep"], [data-testid="stElementToolbarButton"] button)'
)
BROKEN = '[data-testid="stException"], [data-testid="stCustomComponentError"]'
DEFECT = "Something failed here that should not have"
MOST = 80  # clicks on a page; more would be a loop
ROWS, ROW = 3, 35  # of a table that are selected, and how high one is in pixels
#: What a button is known by: the key of its widget without a run's id, and its words without the icon's.
NAME = """e => (e.closest('[class*=st-key-]')?.className.match(/st-key-[^ ]+/)?.[0].replace(/-[a-z2-7]{8}$/, '') ?? '')
    + ' ' + (e.ariaLabel || e.innerText || e.title || e.tagName).trim().split('\\n').pop()"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three data sets, finished runs, a study, a run that waits and one that was cancelled; nothing trains."""
    workspace = shops(tmp_path_factory.mktemp("clicked"))
    small = {"method": "nmtr", "epochs": 2, "embedding_size": 4, "threads": 1}
    for options in (small, {**small, "protocol": "clean"}, {"method": "popularity"}):
        workspace.train(RunConfig.parse({"data": "shop", **options}))
    studied(workspace, {"data": "shop", "embedding_size": 4}, step=1.0)
    workspace.runs.queue.pause()
    for _ in range(2):
        waits = workspace.submit(RunConfig.parse({"data": "shop", **small, "seed": 7}))
    workspace.cancel(waits.id)
    yield workspace.home
    for study in sweeps.studies(workspace):
        sweeps.stop(workspace, study.id)
    for run in workspace.runs.list("queued", "running"):
        workspace.cancel(run.id)


@pytest.fixture(scope="module")
def address(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(home, tmp_path_factory.mktemp("clicking") / "log.txt") as address:
        yield address


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, browser: Browser, address: str, path: str) -> None:
        self.address, self.path = address, path
        self.faults, self.missed, self.seen = list[str](), 0, set[str]()
        self.context = browser.new_context(viewport={"width": 1440, "height": 1200})
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error in the page: {error}"))
        self.page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.netloc != urlsplit(self.address).netloc:
            self.faults.append(f"request to {request.url}")

    def open(self) -> None:
        self.page.goto(f"{self.address}/{self.path}")
        settled(self.page)

    def visible(self) -> dict[int, str]:
        """The place and name of all that can be clicked: of what is in an open dialog or popover only, which covers
        the others."""
        over = "e.closest('[data-testid=stDialog], [data-testid=stPopoverBody]') !== null"
        shown = f"places => places.map(e => [e.checkVisibility() ? ({NAME})(e) : '', {over}])"
        found = [(name, inside) for name, inside in self.page.locator(CLICKABLE).evaluate_all(shown)]
        covered = any(inside for _, inside in found)
        return {place: name for place, (name, inside) in enumerate(found) if name and (inside or not covered)}

    def next(self, clicked: Counter[str]) -> str | None:
        """Click the first thing that was not clicked yet; its name, None where all were."""
        shown = self.visible()
        self.seen |= {*shown.values()}
        for number, name in shown.items():
            if clicked[name]:
                continue
            try:
                self.page.locator(CLICKABLE).nth(number).click(timeout=5_000)
            except Error as error:  # it went away while the page was drawn anew, or something else covers it
                self.missed += 1
                if self.missed > 20:
                    self.faults.append(f"cannot be clicked: {error}")
                    return "a button"
                continue
            clicked[name] += 1
            return name
        return self._row(clicked)

    def _row(self, clicked: Counter[str]) -> str | None:
        """Select a row of a table, which shows what can be done with it, and click the first of that."""
        if self.page.locator('[data-testid="stPopoverBody"]').count():
            self.page.keyboard.press("Escape")  # or the click closes it, and selects nothing
            settled(self.page)
        for number, table in enumerate(self.page.locator('[data-testid="stDataFrame"]:has(canvas)').all()):
            box = table.bounding_box()
            for row in range(ROWS) if box else ():
                name = f"row {row} of table {number}"
                if clicked[name] or not box or box["height"] < ROW * (row + 2):
                    continue
                self.page.mouse.click(box["x"] + 22, box["y"] + ROW * (row + 1.5))
                self.page.wait_for_timeout(400)  # a table tells of its selection a moment later
                settled(self.page)
                if not {*self.visible().values()} - {*clicked}:
                    clicked[name] += 1
                return name
        return None

    def check(self, after: str) -> None:
        settled(self.page)
        broken = self.page.locator(BROKEN).all_inner_texts()
        if broken or DEFECT in self.page.locator("body").inner_text():
            self.faults.append(f"error screen: {broken}")
        assert not self.faults, f"after {after} on /{self.path}: {self.faults}"


@pytest.mark.parametrize("name", PAGES)
def test_every_button_of_a_page_is_clicked(browser: Browser, address: str, home: Path, name: str) -> None:
    asked = f"run={Workspace(home).runs.list('done')[-1].id}" if name == "run" else "data=shop"
    watched = Watched(browser, address, f"{path(name)}?{asked}")
    watched.open()
    watched.check("opening")
    clicked = Counter[str]()
    for _ in range(MOST):
        here = urlsplit(watched.page.url).path
        what = watched.next(clicked)
        if what is None and not watched.seen - {*clicked}:
            break
        if what is None:  # what a click has hidden is there again when the page is opened anew, or gone for good
            watched.seen = {*clicked}
            watched.open()
            continue
        watched.check(what)
        if urlsplit(watched.page.url).path != here:
            watched.open()
    else:
        pytest.fail(f"more than {MOST} clicks on /{watched.path}: {sorted(clicked)}")
    print(f"/{watched.path}: {sorted(clicked)}")
    assert clicked or name == "calibration"  # where so few shoppers let nothing be checked
    watched.context.close()
