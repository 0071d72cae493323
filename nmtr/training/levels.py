"""Multi-Channel BPR: behaviors as levels of feedback (Loni et al., RecSys 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.training.pairwise import Triples
from nmtr.training.sampling import Ints, NegativeSampler


class LevelSampler:
    """Positives of every level, each with negatives from the levels below it and from what was never touched.

    A pair's level is its highest behavior. Of an epoch's positives, as many as there are pairs of any behavior, the
    share λ^r is of level r, drawn from its pairs again and again where that is more than it has. A negative is an item
    that the user never touched with the chance `unseen_share`, else one of the user's items at a lower level; who has
    none of one kind gets the other.
    """

    def __init__(
        self, train: Sequence[csr_array], lambdas: Sequence[float], unseen_share: float, negatives: int, batch_size: int
    ) -> None:
        self.negatives, self.batch_size, self.unseen_share = negatives, batch_size, unseen_share
        self.num_users, self.num_items = train[-1].shape
        keys = [_keys(matrix) for matrix in train]
        levels: list[Ints] = []  # the pairs of each level, lowest first
        higher = np.empty(0, np.int64)
        for own in keys[::-1]:
            levels.insert(0, np.setdiff1d(own, higher, assume_unique=True))
            higher = np.union1d(higher, own)
        self.touched = NegativeSampler(_matrix(higher, train[-1].shape))
        # All pairs below each level, sorted, with where each user's begin.
        below = [np.sort(np.concatenate([np.empty(0, np.int64), *levels[:r]])) for r in range(len(levels))]
        self.below = [pairs % self.num_items for pairs in below]
        self.starts = [
            np.searchsorted(pairs, np.arange(self.num_users + 1, dtype=np.int64) * self.num_items) for pairs in below
        ]
        self.levels = [self._usable(r, pairs) for r, pairs in enumerate(levels)]
        wanted = np.array([weight if len(pairs) else 0.0 for weight, pairs in zip(lambdas, self.levels, strict=True)])
        share = wanted / wanted.sum() if wanted.any() else wanted
        self.counts: Ints = np.round(share * len(higher)).astype(np.int64)
        self.positives = int(self.counts.sum())
        self.steps = -(-self.positives // batch_size)

    def _usable(self, r: int, pairs: Ints) -> Ints:
        """The pairs whose users have a negative."""
        users = pairs // self.num_items
        return pairs[self.touched.possible[users] | (np.diff(self.starts[r])[users] > 0)]

    def batches(self, rng: np.random.Generator) -> Iterator[Triples]:
        drawn = [_drawn(pairs, count, rng) for pairs, count in zip(self.levels, self.counts, strict=True)]
        chosen = np.concatenate(drawn)
        level = np.repeat(np.arange(len(self.levels)), self.counts)
        order = rng.permutation(len(chosen))
        for start in range(0, len(order), self.batch_size):
            own = order[start : start + self.batch_size]
            users, items = np.divmod(chosen[own], self.num_items)
            each = np.repeat(users, self.negatives), np.repeat(level[own], self.negatives)
            yield users, items, self._negatives(*each, rng).reshape(len(own), self.negatives)

    def _negatives(self, users: Ints, levels: NDArray[np.integer], rng: np.random.Generator) -> Ints:
        """One item for each user and level."""
        drawn = np.empty(len(users), np.int64)
        unseen = (rng.random(len(users)) < self.unseen_share) & self.touched.possible[users]
        for r in range(len(self.levels)):
            at = np.flatnonzero(~unseen & (levels == r))
            first, end = self.starts[r][users[at]], self.starts[r][users[at] + 1]
            has = end > first
            unseen[at[~has]] = True
            drawn[at[has]] = self.below[r][rng.integers(first[has], end[has])]
        at = np.flatnonzero(unseen)
        drawn[at] = self.touched.draw(users[at], rng)
        return drawn


def _keys(matrix: csr_array) -> Ints:
    """The pairs of a matrix as ascending numbers u N + i."""
    users = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: Ints = users * matrix.shape[1] + matrix.indices
    return keys


def _matrix(keys: Ints, shape: tuple[int, int]) -> csr_array:
    users, items = np.divmod(keys, shape[1])
    starts = np.searchsorted(users, np.arange(shape[0] + 1))
    return csr_array((np.ones(len(keys), np.uint8), items, starts), shape=shape)


def _drawn(pairs: Ints, count: int, rng: np.random.Generator) -> Ints:
    """So many of the pairs in random order: each as often as any other, but for one."""
    whole, rest = divmod(int(count), max(len(pairs), 1))
    return np.concatenate([np.tile(pairs, whole), rng.permutation(pairs)[:rest]])
