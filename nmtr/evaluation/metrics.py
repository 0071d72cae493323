"""HR@K and NDCG@K of per-user ranks: everything here comes from the rank array, nothing is scored again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nmtr.evaluation.ranking import Ranks

CUTOFFS = (10, 50, 80, 100, 200)
#: What validation chooses the epoch by; the second decides among equals, which on 100 items or fewer all epochs are.
SELECTION = ("HR@100", "NDCG@100")


def hit_rate_per_user(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """1 for each user whose held-out item is among the first k, else 0; NaN ranks are dropped."""
    ranks = ranks[~np.isnan(ranks)]
    return (ranks < k).astype(np.float64)


def ndcg_per_user(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """The NDCG@k of each user: 1 / log2(rank + 2) within the first k, else 0; NaN ranks are dropped."""
    ranks = ranks[~np.isnan(ranks)]
    return np.where(ranks < k, 1 / np.log2(ranks + 2), 0.0)


def per_user(ranks: Ranks, cutoffs: Iterable[int] = CUTOFFS) -> dict[str, NDArray[np.float64]]:
    """ "HR@50" and the like -> one value for each user with a held-out item."""
    cutoffs = tuple(cutoffs)
    return {f"HR@{k}": hit_rate_per_user(ranks, k) for k in cutoffs} | {
        f"NDCG@{k}": ndcg_per_user(ranks, k) for k in cutoffs
    }


def summarize(ranks: Ranks, cutoffs: Iterable[int] = CUTOFFS) -> dict[str, float]:
    """ "HR@50" and the like -> mean over the users with a held-out item; empty where there are none."""
    return {name: float(values.mean()) for name, values in per_user(ranks, cutoffs).items() if len(values)}


def intervals(ranks: Ranks, cutoffs: Iterable[int] = CUTOFFS) -> dict[str, float]:
    """Half width of the 95 % normal interval of each mean over users; of two users or more."""
    return {
        name: float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))
        for name, values in per_user(ranks, cutoffs).items()
        if len(values) > 1
    }
