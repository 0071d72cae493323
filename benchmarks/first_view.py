"""From opening the page to the first recommendations, beside an empty Streamlit page."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import call
from benchmarks.core import Case, Figures, Measure, Round, Side, Target, figure
from benchmarks.dashboard import DASHBOARD_COMMAND, chromium, served
from nmtr.workspace import Workspace

#: Notes in the page itself when something is there, within the shadow of a list too: to ask from outside costs time.
_WATCH = """(() => {
  const find = (root, what) => root.querySelector(what)
    || [...root.querySelectorAll("*")].some((part) => part.shadowRoot && find(part.shadowRoot, what));
  const timer = setInterval(() => {
    if (![...document.querySelectorAll(%r)].some((box) => find(box, %r))) return;
    clearInterval(timer);
    requestAnimationFrame(() => requestAnimationFrame(() => { window.shown = performance.now(); }));
  }, 20);
})()"""
_EMPTY = "import streamlit as st\n\nst.text('empty')\n"
_SETTLE = 3.0  # seconds that a server has to itself before the second opening: a visitor who comes later
_DROP = Path("/proc/sys/vm/drop_caches")


def empty() -> Figures:
    """Seconds from opening a page with one word on it until that is there."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(_EMPTY)
        command = ("streamlit", "run", str(script), "--server.port={port}", "--browser.gatherUsageStats=false")
        return _openings(command, Path(folder), "", '[data-testid="stMain"]', '[data-testid="stText"]')


def recommendations() -> Figures:
    """Seconds from opening the page of the demo's shopper until the first recommended item is there."""
    from nmtr.demo import install

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        workspace = Workspace(Path(home))
        install(workspace)
        workspace.runs.close()
        return _openings(DASHBOARD_COMMAND, Path(home), "/shopper", "[class*=st-key-top-]", "tbody tr")


def _openings(command: Sequence[str], home: Path, path: str, box: str, shown: str) -> Figures:
    """With a disk cache that was just emptied, with a warm one, and of the same server some time later."""
    with chromium() as browser:  # which is there already, as a visitor's is
        figures: Figures = {"emptied": float(_empty_disk_cache())}
        for name in ("cold", "warm"):
            with served(command, home) as address:
                for opening in (name, "later") if name == "warm" else (name,):
                    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
                    page.set_default_timeout(300_000)
                    page.add_init_script(_WATCH % (box, shown))
                    page.goto(address + path, wait_until="commit")
                    while (shown_at := page.evaluate("window.shown")) is None:
                        time.sleep(0.1)
                    figures[opening] = shown_at / 1000
                    page.context.close()
                    time.sleep(_SETTLE)
    return figures


def _empty_disk_cache() -> bool:
    """Whether that was allowed: only root may."""
    os.sync()
    try:
        _DROP.write_text("3\n")
    except OSError:
        return False
    return True


EMPTY = Side("empty page", lambda: call(empty))
FIRST_VIEW = Side("first view", lambda: call(recommendations))


def _times(name: str) -> Measure:
    def of(figures: Round) -> float:
        return figures[FIRST_VIEW.name][name] / figures[EMPTY.name][name]

    limits = {"cold": Target(3.0), "warm": Target(1.5)}
    return Measure(f"{name}: times the empty page's", "x", of, limits.get(name))


CASES = (
    Case(
        "first-view",
        "The first view",
        "The demo's data and runs. Seconds from opening the page of a shopper, in a browser that is there already and "
        "has nothing in its cache, until the first recommended item can be seen; beside a Streamlit page with one word "
        "on it, opened in the same way. Cold and warm: as soon as a server that was just started answers, with a disk "
        "cache that was emptied before and with one that was not; later: a second visitor, three seconds after the "
        "first was served.",
        (EMPTY, FIRST_VIEW),
        (
            figure(FIRST_VIEW, "emptied", "the disk cache was emptied (1: yes)", "", Target(1, at_least=True)),
            *(figure(FIRST_VIEW, name, name, "s") for name in ("cold", "warm", "later")),
            *(_times(name) for name in ("cold", "warm", "later")),
        ),
    ),
)
