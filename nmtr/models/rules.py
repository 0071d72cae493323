"""Two rules that learn nothing: the floor under every figure."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from nmtr.evaluation.scorer import FloatArray, IndexArray


class Popularity:
    """Items that more users bought stand first, the same list for everyone; the score is the number of buyers."""

    def __init__(self, train: Sequence[csr_array]) -> None:
        self.num_users, self.num_items = train[-1].shape
        self.buyers = np.bincount(train[-1].indices, minlength=self.num_items).astype(np.float32)  # (N,)

    def score(self, users: IndexArray) -> FloatArray:
        """(B, N) float32."""
        return np.tile(self.buyers, (len(users), 1))

    def of(self, history: Sequence[csr_array]) -> Self:
        """The rule for other users, of whom R matrices (B, N) tell, with the same numbers of buyers."""
        other = copy(self)
        other.num_users = history[-1].shape[0]
        return other


class LastBehavior(Popularity):
    """What a user touched under the behavior before the target stands first, then popularity.

    The score of such an item is its number of buyers above that of the most bought item of all.
    """

    def __init__(self, train: Sequence[csr_array]) -> None:
        super().__init__(train)
        self.touched = train[-2]

    def score(self, users: IndexArray) -> FloatArray:
        """(B, N) float32."""
        scores = super().score(users)
        pairs = self.touched[users].tocoo()
        scores[pairs.row, pairs.col] += self.buyers.max() + 1
        return scores

    def of(self, history: Sequence[csr_array]) -> Self:
        other = super().of(history)
        other.touched = history[-2]
        return other
