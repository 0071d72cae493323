"""Ranks of rules that learn nothing, worked out from the pairs alone: no user is scored against all items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.data.dataset import pairs_of
from nmtr.data.split import Split, stands_in
from nmtr.evaluation.ranking import Ranks


def rule_ranks(split: Split, touched: csr_array | None = None) -> Ranks:
    """(M,) the rank of each user's held-out item by popularity, from 0; NaN for users with none.

    As `rank_held_out` gives for `models.rules`: items with more buyers first, ties count half, what the user bought is
    left out. touched: (M, N) pairs that stand before all others, by popularity among themselves.
    """
    held_out = split.test_item
    tested = held_out >= 0
    buyers = np.bincount(split.known.indices, minlength=split.known.shape[1]).astype(np.int64)
    own = np.where(tested, buyers[held_out], -1)  # (M,)
    in_order = np.sort(buyers)
    ahead = len(buyers) - np.searchsorted(in_order, own, side="right")
    level = len(buyers) - np.searchsorted(in_order, own, side="left") - ahead
    bought = _beside(split.known, own, buyers)
    ahead, level = ahead - bought[0], level - bought[1]
    if touched is not None:
        new = touched - touched.multiply(split.known)  # what was bought is no candidate
        new.eliminate_zeros()
        first = _beside(new, own, buyers)
        among = stands_in(new, held_out)
        ahead = np.where(among, first[0], ahead - first[0] + np.diff(new.indptr))
        level = np.where(among, first[1], level - first[1])
    return np.where(tested, ahead + (level - 1) / 2, np.nan)


def _beside(pairs: csr_array, own: NDArray[np.int64], buyers: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, M) how many of each user's items have more buyers than its held-out one, and how many have as many."""
    users, items = pairs_of(pairs)
    found = buyers[items]
    return np.stack(
        [np.bincount(users[mask], minlength=len(own)) for mask in (found > own[users], found == own[users])]
    )
