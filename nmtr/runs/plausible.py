"""Whether what an archive says of a run can be: figures those of its ranks, names known, numbers in range, times past.

Each function raises ValueError, with a few words, where it cannot.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from nmtr.config import RunConfig
from nmtr.evaluation.metrics import CUTOFFS, intervals, summarize
from nmtr.evaluation.ranking import Ranks
from nmtr.evaluation.result import Result, Slice
from nmtr.training.report import EpochReport

METRICS = frozenset(summarize(np.zeros(1), CUTOFFS))
_SKEW = 86_400.0  # seconds that another machine's clock may be ahead
_MOST_SECONDS = 1e11
_MOST_MB = 1e9


def check_times(times: Mapping[str, float | None]) -> None:
    """That none is in the future; seconds since 1970."""
    for name, value in times.items():
        if value is not None and value > time.time() + _SKEW:
            raise ValueError(f"{name} is in the future")


def check_result(config: RunConfig, result: Result, ranks: Mapping[str, Ranks]) -> None:
    """That the figures are those of the ranks, and all else in range."""
    lower = {f"lower:{behavior}": said for behavior, said in result.behaviors.items()}
    widths = {f"lower:{behavior}": said for behavior, said in result.behavior_intervals.items()}
    parts = {"valid": result.valid, "test": result.test, **lower}
    if parts.keys() != ranks.keys() or widths.keys() != lower.keys():
        raise ValueError("run.json has figures of other parts than there are ranks of")
    for part, said in parts.items():
        _same(f"the {part} figures in run.json are not those of its ranks", said, summarize(ranks[part]))
    for part, said in {"test": result.intervals, **widths}.items():
        _same(f"the {part} intervals in run.json are not those of its ranks", said, intervals(ranks[part]))
    if result.test_users != int((~np.isnan(ranks["test"])).sum()):
        raise ValueError("run.json counts other test users than have ranks")
    _check_slices(result)
    _within("epochs", result.epochs, 2 * config.epochs)
    _within("best_epoch", result.best_epoch, config.epochs)
    _within("seconds", result.seconds, _MOST_SECONDS)
    _within("seconds_per_epoch", result.seconds_per_epoch or 0.0, _MOST_SECONDS)
    _within("peak_memory_mb", result.peak_memory_mb or 0.0, _MOST_MB)
    if result.best_test is not None:
        _within("best_test", result.best_test.epoch, config.epochs)
        _check_metrics("best_test", result.best_test.metrics)


def check_reports(config: RunConfig, reports: Sequence[EpochReport]) -> None:
    """That each epoch is there once, with figures that there are."""
    epochs = {(report.phase, report.epoch) for report in reports if 0 < report.epoch <= report.epochs <= config.epochs}
    if len(epochs) < len(reports):
        raise ValueError(f"reports.json must have each epoch, of {config.epochs} at most, once")
    for report in reports:
        _within("best_epoch of an epoch", report.best_epoch, config.epochs)
        _within("seconds of an epoch", report.seconds, _MOST_SECONDS)
        _check_metrics("validation of an epoch", report.valid or {})
        _check_metrics("test of an epoch", report.test or {})
        if not set(report.loss) <= set(config.learned):
            raise ValueError("an epoch has the loss of a behavior that is not learned")


def _check_slices(result: Result) -> None:
    """That those who had visited their item and the others are all test users, and their figures those of all."""
    slices: tuple[Slice, Slice] = (result.visited, result.not_visited)
    if min(part.users for part in slices) < 0 or sum(part.users for part in slices) != result.test_users:
        raise ValueError("visited and not_visited in run.json are not the test users")
    for part in slices:
        if set(part.metrics) != (set(result.test) if part.users else set()):
            raise ValueError("visited and not_visited in run.json have other metrics than all test users")
        _check_metrics("visited and not_visited", part.metrics)
    for name, value in result.test.items():
        total = sum(part.users * part.metrics.get(name, 0.0) for part in slices)
        if not math.isclose(total, value * result.test_users, abs_tol=1e-6 * result.test_users):
            raise ValueError(f"{name} of visited and not_visited in run.json is not that of all test users")


def _check_metrics(what: str, metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        if name not in METRICS:
            raise ValueError(f"{what} has a metric that there is not")
        _within(f"{name} of {what}", value, 1.0)


def _within(what: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{what} must be 0 to {most:g}")


def _same(refusal: str, said: Mapping[str, float], found: Mapping[str, float]) -> None:
    if said.keys() != found.keys() or any(not math.isclose(said[n], found[n], abs_tol=1e-9) for n in found):
        raise ValueError(refusal)
