"""Counting scores, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtr.native.build import library

Counts = NDArray[np.int64]


def count_ahead(scores: NDArray[np.float32], own: NDArray[np.float32]) -> tuple[Counts, Counts] | None:
    """How many of each row's scores are above `own`, and level with it: (B, N), (B,) -> (B,), (B,).

    None where a score is not a finite number.
    """
    kernels = library()
    if kernels is None or scores.dtype != np.float32 or not scores.flags.c_contiguous:
        if not (np.isfinite(scores.min()) and np.isfinite(scores.max())):
            return None
        return np.count_nonzero(scores > own[:, None], axis=1), np.count_nonzero(scores == own[:, None], axis=1)
    own = np.ascontiguousarray(own)
    ahead, level = np.empty(len(scores), np.int64), np.empty(len(scores), np.int64)
    arrays = (array.ctypes.data for array in (scores, own, ahead, level))
    return (ahead, level) if kernels.count_ahead(*scores.shape, *arrays) else None
