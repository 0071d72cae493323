"""NMTR's side: what runs in the child processes, through public functions only."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.child import peak_mb
from benchmarks.core import Figures
from benchmarks.data import BEIBEI, funnel
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.split import split


def train(
    options: Mapping[str, Any], sizes: Mapping[str, Any] | None = None, epochs: int = 2, ranked: bool = False
) -> Figures:
    """The last of a few epochs of NMTR on a Beibei-shaped data set (or one of other `sizes`, as `funnel` takes them).

    `seconds` is that epoch's, without its validation; `instances`: observed pairs x (1 + negatives) of all behaviors;
    `stages`: the stages that these go through, each up to its behavior's; `terms`: user-item pairs x behaviors. With
    `ranked`, `rank_seconds` is the time to rank every test user's held-out item among all items in float32.
    """
    dataset = funnel(**(sizes or BEIBEI))
    config = resolved(dataset, options, epochs=epochs, patience=0)
    from nmtr.evaluation.ranking import rank_held_out
    from nmtr.experiment import Experiment, load_scorer

    experiment = Experiment(config, dataset)
    held = peak_mb()
    *_, report = experiment.epochs()
    train = split(dataset.select(config.behaviors), config.protocol, config.seed).train
    pairs = sum(matrix.nnz for matrix in train)
    figures = {
        "seconds": report.seconds,
        "pairs": pairs,
        "instances": pairs * (1 + config.negatives),
        "stages": sum(matrix.nnz * stage for stage, matrix in enumerate(train, 1)) * (1 + config.negatives),
        "terms": dataset.num_users * dataset.num_items * len(config.behaviors),
        "loss": sum(report.loss.values()),
        "held_mb": held,
        "trained_mb": peak_mb(),
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
    """A config for a data set on all threads; raises ConfigError where this version has no such option."""
    threads = os.cpu_count() or 1
    return RunConfig.parse({"data": dataset.name, "threads": threads, **more, **options}).resolve(dataset.behaviors)
