"""The dashboard in a real Chromium, on the demo: what a visitor waits for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from benchmarks.child import call
from benchmarks.core import Case, Figures, Side, Target, figure
from benchmarks.errors import BenchmarkError
from benchmarks.places import ROOT
from nmtr.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Each page: its menu in the navigation, its name there, and what only it shows once its content is there.
_PAGES = (
    ("Explore", "Cascade", ".st-key-waterfall"),
    ("Explore", "What if", "[class*=st-key-whatif-]"),
    ("Explore", "Item", ".st-key-spread"),
    ("Train", "Train", ".st-key-start"),
    ("Train", "Runs", "[class*=st-key-runs-]"),
    ("Judge", "Compare", ".st-key-standings"),
    ("Judge", "Groups", ".st-key-groups"),
    ("Judge", "Lists", ".st-key-list_popularity"),
    ("Judge", "Calibration", ".st-key-reliability_buy"),
    ("Data", "Data", ".st-key-funnel"),
    ("Explore", "Shopper", "[class*=st-key-top-]"),
)
#: "{port}" is a free one.
DASHBOARD_COMMAND = ("nmtr", "dashboard", "--port={port}", "--no-demo")
_TURNS = 6  # through all pages
_SHOPPERS = 30
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
#: Nothing runs, nothing is stale, and what the page before left of the same key is gone.
SETTLED = """() => {
    const app = document.querySelector('[data-testid="stApp"][data-test-connection-state="CONNECTED"]')
    const keys = [...document.querySelectorAll('[class*=st-key-]')].map(e => e.className.match(/st-key-\\S+/)[0])
    return app?.dataset.testScriptState === 'notRunning' && new Set(keys).size === keys.length
        && !document.querySelector('[data-stale="true"], [data-testid=stSkeleton]')
}"""
_SHOWN = "selector => document.querySelector(selector)"
_USER = "() => new URLSearchParams(location.search).get('user')"
_OTHER_USER = """before => {
    const user = new URLSearchParams(location.search).get('user')
    return user !== before && document.querySelector(`[class*=st-key-top-][class*="-${user}-"]`)
}"""
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def visit() -> Figures:
    """One visit of a server that was just started: milliseconds to the first contentful paint, of page and user
    switches (click to the settled page), p50 and p95."""
    with server() as (address, _), chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address)
        paint = page.wait_for_function(_FIRST_PAINT).json_value()
        page.wait_for_function(SETTLED)

        def timed(click: Callable[[], object], done: str, argument: str) -> float:
            """Milliseconds from a click until what it asked for is there and nothing is left to do."""
            started = time.perf_counter()
            click()
            page.wait_for_function(done, arg=argument)
            page.wait_for_function(SETTLED)
            return (time.perf_counter() - started) * 1000

        switches = []
        for menu, name, shown in _PAGES * _TURNS:
            page.get_by_test_id("stTopNavSection").filter(has_text=menu).click()
            link = page.get_by_role("menuitem", name=name, exact=True)
            link.wait_for()
            switches.append(timed(link.click, _SHOWN, shown))
        button = page.locator(".st-key-shopper_any button").first
        shoppers = [timed(button.click, _OTHER_USER, page.evaluate(_USER)) for _ in range(_SHOPPERS)]
    return {
        "first_paint": float(paint),
        **_quantiles("page", switches[len(_PAGES) :]),  # each page's first visit imports it
        **_quantiles("user", shoppers),
    }


def _quantiles(name: str, values: list[float]) -> Figures:
    return {f"{name}_p{percent}": float(np.percentile(values, percent)) for percent in (50, 95)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that was just started, with nothing in its cache; BenchmarkError where there is none."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        path = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
        try:
            browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        except Error as error:
            raise BenchmarkError(
                f"the dashboard's benchmark needs Chromium: install it, or set CHROME to its path "
                f"({str(error).splitlines()[0]})."
            ) from None
        yield browser
        browser.close()


@contextmanager
def server() -> Iterator[tuple[str, Workspace]]:
    """The address of a dashboard on the demo, and the home of its own that it serves."""
    from nmtr.demo import install

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        workspace = Workspace(Path(home))
        install(workspace)
        with served(DASHBOARD_COMMAND, Path(home)) as address:
            yield address, workspace


@contextmanager
def served(command: Sequence[str], home: Path) -> Iterator[str]:
    """The address of a web server that was just started on a home; "{port}" in the command is a free one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *(part.format(port=port) for part in command)],
        cwd=ROOT,
        env={**os.environ, "NMTR_HOME": str(home), "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://localhost:{port}"
        _wait(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(health: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(health, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise BenchmarkError("the dashboard must start within a minute, and did not.")


DASHBOARD = Side("dashboard", lambda: call(visit))

CASES = (
    Case(
        "dashboard",
        "The dashboard",
        "The demo's data and runs; a server that was just started and a browser without a cache, both on this machine. "
        "Page switch: a click in the navigation until nothing is left to do, 25 of them after each page's first. User "
        "switch: the same for 30 random shoppers on Shopper. Before the pages were built, an empty Streamlit page "
        "took 1.8-2.0 s to its first contentful paint, cold, and 140-530 ms to switch.",
        (DASHBOARD,),
        (
            figure(DASHBOARD, "first_paint", "first contentful paint, cold", "ms", Target(2000)),
            figure(DASHBOARD, "page_p50", "page switch, median", "ms"),
            figure(DASHBOARD, "page_p95", "page switch, p95", "ms", Target(500)),
            figure(DASHBOARD, "user_p50", "user switch, median", "ms"),
            figure(DASHBOARD, "user_p95", "user switch, p95", "ms", Target(300)),
        ),
    ),
)
