"""A real Chromium on a real server with a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect, sync_playwright

from nmtr.config import RunConfig
from nmtr.data.importing import read
from nmtr.workspace import Workspace
from tests.dashboard.conftest import events

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVER = (sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "server.py"), "--server.port={port}")
IDLE = '[data-testid="stApp"][data-test-connection-state="CONNECTED"][data-test-script-state="notRunning"]'
PATIENCE = 60_000  # milliseconds for anything to appear: two busy cores

Visit = Callable[..., Page]
Theme = Literal["light", "dark"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _launch(playwright: Playwright) -> Browser:
    """CHROME, else the system's Chromium, else Playwright's own; a missing one is a failure that says what to do."""
    candidates = [os.environ.get("CHROME"), shutil.which("chromium"), shutil.which("google-chrome"), None]
    for path in dict.fromkeys(candidates):
        if path is None and candidates[0] is not None:
            continue
        try:
            return playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            reason = str(error).splitlines()[0]
    pytest.fail(
        "the browser tests need Chromium: install it (apt-get install chromium, or playwright install chromium) "
        f"or set CHROME to its path ({reason})."
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running dashboard."""
    with serving(home, tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


@contextmanager
def serving(
    home: Path, log: Path, command: Sequence[str] = SERVER, packages: Path = ROOT, cwd: Path = ROOT, base: str = ""
) -> Iterator[str]:
    """The address of a dashboard of its own, on a home; nothing is fetched from outside.

    command: "{port}" stands for a free one. packages: the folder that `nmtr` and `dashboard` are imported from.
    base: what the path of each page begins with.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}{base}"
    surroundings = {
        "NMTR_HOME": str(home),
        "NMTR_MIRROR": "http://127.0.0.1:9",
        "PYTHONPATH": str(packages),
        "STREAMLIT_SERVER_BASE_URL_PATH": base,
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=cwd,
            env={**os.environ, **surroundings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_healthy(address, process, log)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def shop(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run on a small data set."""
    path = tmp_path_factory.mktemp("shop") / "events.csv"
    events(("view", "cart", "buy")).to_csv(path, index=False)
    workspace = Workspace(home)
    workspace.data.save(read(path, name="shop"))
    config = RunConfig.parse({"data": "shop", "epochs": 2, "embedding_size": 8, "threads": 1})
    return workspace.train(config, lambda report: None).id


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Visit]:
    """Open a path in a new browser session."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, width: int = 1440, height: int = 900, theme: Theme = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(server + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def settled(page: Page) -> None:
    """Wait until the page has nothing left to do."""
    page.wait_for_selector(IDLE)
    page.wait_for_function("() => !document.querySelector('[data-stale=\"true\"], [data-testid=stSkeleton]')")


def navigate(page: Page, section: str, name: str) -> None:
    """Open a page by the navigation, as a visitor does: the menu of its section, then its name."""
    page.get_by_test_id("stTopNavSection").filter(has_text=section).click()
    page.get_by_role("menuitem", name=name).click()


def enter(page: Page, key: str, value: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")
    settled(page)
    expect(field).to_have_value(value)


def start(page: Page, epochs: str) -> None:
    """Start a training that does not stop early."""
    page.get_by_text("Advanced").click()
    enter(page, "train_epochs", epochs)
    enter(page, "train_patience", "0")
    page.locator(".st-key-start button").click()
