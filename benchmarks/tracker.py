"""The Runs page and the list of runs, with 2,000 runs in the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.child import call
from benchmarks.core import Case, Figures, Side, Target, figure
from benchmarks.dashboard import SETTLED, chromium, server
from nmtr.config import RunConfig
from nmtr.runs.checkpoint import load_ranks, save_ranks
from nmtr.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page

_RUNS = 2_000
_COMPARED = 20
_TURNS = 5
_MARKS = "wanted => document.querySelectorAll('.st-key-standings .scatterlayer .trace').length >= wanted"
_ROWS = "wanted => document.querySelectorAll('[class*=st-key-runs-] canvas').length >= wanted"


def visit() -> Figures:
    """Seconds to list all runs, and milliseconds from a click on Runs, and from a search, to the settled page."""
    from nmtr.runs.labels import found

    with server() as (address, workspace), chromium() as browser:
        several = _fill(workspace)
        started = time.perf_counter()
        runs = workspace.runs.list()
        listed = time.perf_counter() - started
        started = time.perf_counter()
        found(runs, "try 77")
        searched = time.perf_counter() - started
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/data")
        page.wait_for_function(SETTLED)
        opened, filtered, compared = [], [], []
        for turn in range(_TURNS + 1):
            page.get_by_test_id("stTopNavSection").filter(has_text="Train").click()
            opened.append(_timed(page, page.get_by_role("menuitem", name="Runs").click))
            box = page.locator(".st-key-runs_find input")
            box.fill(f"try {turn}7")
            filtered.append(_timed(page, partial(box.press, "Enter")))
            page.get_by_test_id("stTopNavSection").filter(has_text="Data").click()
            page.get_by_role("menuitem", name="Data", exact=True).click()
            page.wait_for_function(SETTLED)
        for turn in range(_TURNS + 1):  # against another one each time, so that nothing is had from the last turn
            started = time.perf_counter()
            page.goto(f"{address}/compare?data=demo&runs={','.join(several)}&against={several[turn]}")
            compared.append(_drawn(page, started))
    return {
        "list": listed * 1000,
        "search": searched * 1000,
        "open": float(np.median(opened[1:])),  # the first imports the page
        "filter": float(np.median(filtered[1:])),
        "compare": float(np.median(compared[1:])),
    }


def _fill(workspace: Workspace) -> list[str]:
    """Finished runs as a run of the demo is, one in ten with a name and tags; the ids of those that can be compared.

    They are rows alone, but for so many with ranks, each of another size of embedding, so each a model of its own.
    """
    model = next(run for run in workspace.runs.list("done") if run.config.method == "nmtr" and run.result)
    assert model.result is not None
    options, ranks = model.config.to_json(), load_ranks(workspace.runs.folder(model.id))
    random = np.random.default_rng(0)
    several = []
    for number in range(_RUNS):
        size = {"embedding_size": 33 + number} if number < _COMPARED else {}
        run = workspace.runs.create(
            RunConfig.parse({**options, "seed": number, **size}), model.fingerprint, foreground=True
        )
        if number < _COMPARED:
            moved = ranks["test"] + random.integers(-20, 21, ranks["test"].shape)
            save_ranks(workspace.runs.folder(run.id), {**ranks, "test": np.maximum(moved, 0)})
            several.append(run.id)
        workspace.runs.finish(run.id, model.result)
        if number % 10 == 7:
            workspace.runs.label(run.id, name=f"try {number}", tags=["tried", f"group {number % 7}"])
    return several


def _timed(page: Page, click: Callable[[], object]) -> float:
    """Milliseconds from a click until the table is there and nothing is left to do."""
    started = time.perf_counter()
    click()
    page.wait_for_timeout(50)  # until it is known to run
    page.wait_for_function(_ROWS, arg=1)
    page.wait_for_function(SETTLED)
    return (time.perf_counter() - started) * 1000


def _drawn(page: Page, started: float) -> float:
    """Milliseconds until the comparison is drawn and nothing is left to do."""
    page.wait_for_function(_MARKS, arg=_COMPARED)
    page.wait_for_function(SETTLED)
    return (time.perf_counter() - started) * 1000


_TRACKER = Side("tracker", lambda: call(visit))

CASES = (
    Case(
        "tracker",
        "The Runs page with 2,000 runs",
        "The demo's runs and 2,000 others of one data set, finished, one in ten with a name and tags. Open: a click on "
        "Runs until nothing is left to do. Filter: words typed into Find. Compared: a link to "
        "the comparison of 20 runs, from its first byte. Medians of five turns after the first.",
        (_TRACKER,),
        (
            figure(_TRACKER, "list", "all runs read from the store", "ms"),
            figure(_TRACKER, "search", "searched", "ms"),
            figure(_TRACKER, "open", "page opens", "ms", Target(1000)),
            figure(_TRACKER, "filter", "page filters", "ms", Target(300)),
            figure(_TRACKER, "compare", "20 runs compared", "ms", Target(2000)),
        ),
    ),
)
