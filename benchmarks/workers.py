"""NMTR's side: what runs in the child processes, through public functions only."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import NOTHING, call, peak_mb
from benchmarks.core import Figures, Side
from benchmarks.data import LIBRARY, ensure
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.library import Library
from nmtr.data.split import split
from nmtr.estimate import estimate


def training(
    name: str,
    data: str,
    options: Mapping[str, Any],
    *,
    epochs: int = 2,
    ranked: bool = False,
    environment: Mapping[str, str] = NOTHING,
) -> Side:
    """The side that calls `train` in a process of its own; its data set is generated in another one."""

    def measure() -> Figures:
        call(ensure, name=data)
        return call(train, environment, data=data, options=options, epochs=epochs, ranked=ranked)

    return Side(name, measure)


def train(
    data: str, options: Mapping[str, Any], epochs: int = 2, ranked: bool = False, folder: str = str(LIBRARY)
) -> Figures:
    """The last of a few epochs of NMTR on a data set of the library.

    `seconds` is that epoch's, without its validation; `instances`: observed pairs x (1 + negatives) of all behaviors;
    `stages`: the stages that these go through, each up to its behavior's; `terms`: user-item pairs x behaviors;
    `size`: users + items + observed pairs; `estimated_mb`: what NMTR says beforehand that it needs. With `ranked`,
    `rank_seconds` is the time to rank every test user's held-out item among all items in float32.
    """
    library = Library(Path(folder))
    dataset, info = library.load(data), library.info(data)
    config = resolved(dataset, options, epochs=epochs, patience=0)
    from nmtr.evaluation.ranking import rank_held_out
    from nmtr.experiment import Experiment, load_scorer
    from nmtr.native.tensors import use_threads

    use_threads(config.threads)  # the process is the benchmark's own
    experiment = Experiment(config, dataset)
    *_, report = experiment.epochs()
    trained = peak_mb()
    observed = [m.nnz for m in split(dataset.select(config.behaviors), config.protocol, config.seed).train]
    pairs = sum(observed)
    figures = {
        "seconds": report.seconds,
        "pairs": pairs,
        "instances": pairs * (1 + config.negatives),
        "stages": sum(count * stage for stage, count in enumerate(observed, 1)) * (1 + config.negatives),
        "terms": dataset.num_users * dataset.num_items * len(config.behaviors),
        "loss": sum(report.loss.values()),
        "size": dataset.num_users + dataset.num_items + pairs,
        "trained_mb": trained,
        "estimated_mb": estimate(config, info, ()).bytes / 2**20,
    }
    if ranked:
        scorer, parts = load_scorer(config, dataset, experiment.state()["model"])
        started = time.perf_counter()
        ranks = rank_held_out(scorer, parts.test_item, parts.known)
        figures |= {
            "rank_seconds": time.perf_counter() - started,
            "rank_users": int(np.isfinite(ranks).sum()),
            "rank_pairs": dataset.num_users * dataset.num_items,
        }
    return figures


def resolved(dataset: Dataset, options: Mapping[str, Any], **more: Any) -> RunConfig:
    """A config for a data set, standard, on all threads; raises ConfigError where this version has no such option."""
    threads = os.cpu_count() or 1
    return RunConfig.parse(
        {"data": dataset.name, "protocol": "standard", "threads": threads, **more, **options}
    ).resolve(dataset.behaviors, dataset.num_users)
