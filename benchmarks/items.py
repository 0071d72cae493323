"""What the Item page waits for: the table of all items, the same again, and one item."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.child import call
from benchmarks.core import Case, Figures, Measure, Side, Target, figure
from benchmarks.data import LIBRARY, ensure
from benchmarks.workers import resolved
from nmtr.data.library import Library

_DATA = "beibei-shaped"


def listing(unit: str, data: str = _DATA, items: int = 100, folder: str = str(LIBRARY)) -> Figures:
    """Seconds of the first table of all items, milliseconds of its rows once it is there, and of one item after it.

    `busy`: processor seconds of the first table, which say what it takes where other work shares the cores. `shoppers`:
    over how many it is. The weights are untrained, which changes no step of it.
    """
    from nmtr.experiment import Experiment, load_scorer
    from nmtr.explain import Fitted
    from nmtr.items import all_items, one_item

    dataset = Library(Path(folder)).load(data)
    config = resolved(dataset, {"unit": unit})
    scorer, parts = load_scorer(config, dataset, Experiment(config, dataset).state()["model"])
    fitted = Fitted("untrained", config, dataset, parts, scorer)
    started, busy = time.perf_counter(), time.process_time()
    every = all_items(fitted)
    every.rows()
    first, busy = time.perf_counter() - started, time.process_time() - busy
    started = time.perf_counter()
    every.rows()
    again = time.perf_counter() - started
    seconds = []
    for item in np.random.default_rng(0).choice(dataset.items, items):
        started = time.perf_counter()
        one_item(fitted, every, str(item))
        seconds.append(time.perf_counter() - started)
    p50, p95 = np.quantile(np.array(seconds) * 1000, (0.5, 0.95)).tolist()
    return {"first": first, "busy": busy, "again": again * 1000, "p50": p50, "p95": p95, "shoppers": every.shoppers}


def _side(unit: str) -> Side:
    def measure() -> Figures:
        call(ensure, name=_DATA)
        return call(listing, unit=unit)

    return Side(f"items {unit}", measure)


def _measures(side: Side, name: str) -> tuple[Measure, ...]:
    return (
        figure(side, "first", f"{name}, all items, first time", "s", Target(3)),
        figure(side, "busy", f"{name}, all items, first time, processor time", "s"),
        figure(side, "again", f"{name}, all items, again", "ms", Target(300)),
        figure(side, "p50", f"{name}, one item, median", "ms"),
        figure(side, "p95", f"{name}, one item, p95", "ms", Target(300)),
        figure(side, "shoppers", f"{name}, shoppers asked", ""),
        figure(side, "peak_mb", f"{name}, peak memory", "MB"),
    )


GMF, NEUMF = _side("gmf"), _side("neumf")

CASES = (
    Case(
        "items",
        "All items, and one item, over all shoppers",
        "Beibei-shaped (invented; 21,716 users x 7,977 items), view + cart + buy; untrained weights. First time: "
        "counts, mean scores and expected numbers, and their rows; of towers over shoppers drawn at random. Again: the "
        "rows of the table that the caller kept. One item: 100 random ones, one by one, over all shoppers.",
        (GMF, NEUMF),
        (*_measures(GMF, "NMTR-GMF"), *_measures(NEUMF, "NMTR-NeuMF")),
    ),
)
