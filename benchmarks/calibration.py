"""What this machine reaches now, in the same run: the floors are work over these."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from benchmarks.child import call
from benchmarks.core import Figures, Round, Side

_SECONDS = 1.5  # for each figure
_BLOCK, _ITEMS, _SIZE = 512, 7_977, 64  # of the exact loss on Beibei


def calibrate() -> Figures:
    """On all threads: GFLOP/s of torch.mm, of large squares (`peak`) and at the shapes of the exact loss's three
    products (`products`); GB/s read and written by copies that no cache holds (`bandwidth`)."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    square = torch.randn(2048, 2048)
    p, q, gradient = torch.randn(_BLOCK, _SIZE), torch.randn(_ITEMS, _SIZE), torch.randn(_BLOCK, _ITEMS)
    large = torch.zeros(64 << 20)
    copy = torch.zeros_like(large)

    def products() -> None:
        _, _, _ = p @ q.T, gradient @ q, gradient.T @ p

    return {
        "peak": 2 * 2048**3 / _best(lambda: square @ square) / 1e9,
        "products": 3 * 2 * _BLOCK * _ITEMS * _SIZE / _best(products) / 1e9,
        "bandwidth": 2 * 4 * len(large) / _best(lambda: copy.copy_(large)) / 1e9,
    }


def _best(call: Callable[[], object]) -> float:
    """The fewest seconds that a call took."""
    call()
    fewest, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        fewest = min(fewest, time.perf_counter() - started)
    return fewest


CALIBRATION = Side("machine", lambda: call(calibrate))


def seconds_at(figures: Round, rate: str, work: float) -> float:
    """The least seconds for so many operations (or bytes, at the bandwidth), as calibrated in the same round."""
    return work / (figures[CALIBRATION.name][rate] * 1e9)
