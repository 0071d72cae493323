"""Where an epoch's time goes, by cProfile: to read, not to keep."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.data import LIBRARY, ensure
from benchmarks.workers import resolved
from nmtr.data.library import Library

_SHOWN = 10


def profile(data: str, options: Mapping[str, Any], say: Callable[[str], None], folder: str = str(LIBRARY)) -> None:
    """Says what the second epoch took in all and in its slowest functions, in microseconds an observed pair."""
    from nmtr.experiment import Experiment

    ensure(data, folder)
    dataset = Library(Path(folder)).load(data)
    config = resolved(dataset, options, epochs=2, patience=0)
    epochs = Experiment(config, dataset).epochs()
    next(epochs)
    profiler = cProfile.Profile()
    report = profiler.runcall(next, epochs)
    pairs = sum(dataset.matrix(behavior).nnz for behavior in config.behaviors)
    say(f"{data}, {config.label}, {config.loss}: {report.seconds:.2f} s, {report.seconds / pairs * 1e6:.3f} µs a pair")
    stats: dict[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    slowest = sorted(((row[2], where) for where, row in stats.items()), reverse=True)[:_SHOWN]
    for seconds, (file, line, name) in slowest:
        say(f"{seconds / pairs * 1e6:8.3f} µs  {seconds:6.2f} s  {Path(file).name}:{line} {name}")
