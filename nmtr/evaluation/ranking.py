"""Where each held-out item stands among all items: counted in blocks of users, never sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.data.dataset import IntArray
from nmtr.errors import NmtrError
from nmtr.evaluation.scorer import FloatArray, RoughScorer, Scorer
from nmtr.native.counting import count_ahead

#: Scores held at once: 8 MB of float32, which stay near the processor; far smaller blocks cost more in calls.
_BLOCK_SCORES = 1 << 21

Ranks = NDArray[np.float64]


def rank_held_out(scorer: Scorer, held_out: IntArray, left_out: csr_array) -> Ranks:
    """(M,) float64: the rank of each user's held-out item, from 0; NaN for users with none.

    All items are ranked except the user's pairs in `left_out` (M, N). Ties count half: a scorer that cannot tell
    items apart gets the middle, not the top. Raises NmtrError where a score is not a finite number.
    """
    ranks = np.full(scorer.num_users, np.nan)
    users = np.flatnonzero(held_out >= 0)
    size = max(1, _BLOCK_SCORES // max(1, scorer.num_items))
    for start in range(0, len(users), size):
        block = users[start : start + size]
        scores, own = _scores(scorer, block, held_out[block])
        counts = count_ahead(scores, own)
        if counts is None:
            raise NmtrError("scores must be finite numbers; the model gives others: train with a lower learning rate.")
        ahead, level = (count.astype(np.float64) for count in counts)
        # Take back what was counted of the items that are left out.
        rows = np.repeat(np.arange(len(block)), np.diff(left_out.indptr)[block])
        pairs = left_out[block]
        out = scores[rows, pairs.indices]
        ahead -= np.bincount(rows[out > own[rows]], minlength=len(block))
        other = (out == own[rows]) & (pairs.indices != held_out[block][rows])
        level -= np.bincount(rows[other], minlength=len(block))
        ranks[block] = ahead + (level - 1) / 2  # level counts the held-out item itself
    return ranks


def _scores(scorer: Scorer, users: NDArray[np.intp], held_out: IntArray) -> tuple[FloatArray, FloatArray]:
    """The scores (B, N) of all items and (B,) of the held-out ones.

    Where rough scores are to be had, those that could stand on either side of the held-out item's are scored in full,
    and so is that: the rank is what full scores give.
    """
    if not isinstance(scorer, RoughScorer):
        scores = scorer.score(users)
        return scores, scores[np.arange(len(users)), held_out]
    scores, error = scorer.rough(users)
    own = scorer.pairs(users, held_out)
    rows, columns = np.nonzero(np.abs(scores - own[:, None]) <= error)
    scores[rows, columns] = scorer.pairs(users[rows], columns)
    return scores, own
