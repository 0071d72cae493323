"""The paper's mini-batches: observed pairs, and negatives drawn under each behavior of the pair, vectorised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

#: Bits of a behavior's bitmap of observed pairs, at most. More pairs than that share bits: what their bit says to be
#: observed is looked up in the sorted list, the few percent of it that the bit is wrong about included.
_BITMAP_BITS = 1 << 31

Ints = NDArray[np.int64]


class NegativeSampler:
    """Draws items uniformly from those that a user did not touch under one behavior, by exact rejection."""

    def __init__(self, matrix: csr_array) -> None:
        num_users, self.num_items = matrix.shape
        counts = np.diff(matrix.indptr)
        self.possible: NDArray[np.bool_] = counts < self.num_items  # (M,) users with something left to draw
        self.keys = np.repeat(np.arange(num_users, dtype=np.int64), counts) * self.num_items + matrix.indices
        self._shared = num_users * self.num_items > _BITMAP_BITS
        self._bitmap = np.zeros((min(num_users * self.num_items, _BITMAP_BITS) >> 3) + 1, np.uint8)
        bits = self._bits(self.keys)
        np.bitwise_or.at(self._bitmap, bits >> 3, (1 << (bits & 7)).astype(np.uint8))

    def _bits(self, keys: Ints) -> Ints:
        return keys & (_BITMAP_BITS - 1) if self._shared else keys

    def observed(self, users: Ints, items: Ints) -> NDArray[np.bool_]:
        """Whether each pair was observed."""
        keys = users * self.num_items + items
        bits = self._bits(keys)
        found: NDArray[np.bool_] = (self._bitmap[bits >> 3] >> (bits & 7).astype(np.uint8) & 1).astype(np.bool_)
        if self._shared:
            unsure = np.flatnonzero(found)
            position = np.minimum(np.searchsorted(self.keys, keys[unsure]), len(self.keys) - 1)
            found[unsure] = self.keys[position] == keys[unsure]
        return found

    def draw(self, users: Ints, rng: np.random.Generator) -> Ints:
        """One unobserved item for each user; the users must have one (`possible`)."""
        items = rng.integers(0, self.num_items, len(users))
        again = np.flatnonzero(self.observed(users, items))
        while len(again):
            items[again] = rng.integers(0, self.num_items, len(again))
            again = again[self.observed(users[again], items[again])]
        return items


class Distinct:
    """Numbers the distinct ones of many indices below `size`, in time linear in how many they are."""

    def __init__(self, size: int) -> None:
        self._seen, self._position = np.zeros(size, np.bool_), np.zeros(size, np.int32)

    def of(self, indices: Ints) -> tuple[Tensor, Tensor]:
        """The distinct indices in ascending order, int64 (m,), and where each of the given stands among them, int32."""
        self._seen[indices] = True
        distinct = np.flatnonzero(self._seen)
        self._seen[distinct] = False
        self._position[distinct] = np.arange(len(distinct), dtype=np.int32)
        return torch.from_numpy(distinct), torch.from_numpy(self._position[indices])


@dataclass(frozen=True)
class Batch:
    """The instances of one step, lowest behavior first: for each, its positives and then its negatives."""

    users: list[Ints]
    items: list[Ints]
    positives: list[int]


class PairSampler:
    """Batches by the paper's rule (its section III-D, "Training").

    An epoch goes once, in random order, over the pairs that were observed under any behavior. Each behavior of a pair
    gives one positive instance and ρ negatives from the items that the user did not touch under *that* behavior.
    """

    def __init__(self, train: Sequence[csr_array], negatives: int, batch_size: int) -> None:
        self.negatives, self.batch_size = negatives, batch_size
        self.samplers = [NegativeSampler(matrix) for matrix in train]
        keys = [sampler.keys for sampler in self.samplers]
        # The keys of each behavior ascend already: a stable sort merges them in linear time.
        merged = np.sort(np.concatenate(keys), kind="stable")
        union = merged[np.diff(merged, prepend=-1) > 0]
        self.users, self.items = np.divmod(union, train[-1].shape[1])
        self.observed = np.zeros((len(train), len(union)), np.bool_)  # (R, pairs)
        for r, own in enumerate(keys):
            self.observed[r, np.searchsorted(union, own)] = True

    @property
    def steps(self) -> int:
        return -(-len(self.users) // self.batch_size)

    def instances(self) -> NDArray[np.float64]:
        """(R,) how many instances an epoch has of each behavior, positives and negatives."""
        return np.array(
            [
                observed.sum() + self.negatives * sampler.possible[self.users[observed]].sum()
                for sampler, observed in zip(self.samplers, self.observed, strict=True)
            ],
            dtype=np.float64,
        )

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self.users))
        for start in range(0, len(order), self.batch_size):
            pairs = order[start : start + self.batch_size]
            users: list[Ints] = []
            items: list[Ints] = []
            positives: list[int] = []
            for sampler, observed in zip(self.samplers, self.observed, strict=True):
                own = pairs[observed[pairs]]
                drawing = np.repeat(self.users[own[sampler.possible[self.users[own]]]], self.negatives)
                users.append(np.concatenate([self.users[own], drawing]))
                items.append(np.concatenate([self.items[own], sampler.draw(drawing, rng)]))
                positives.append(len(own))
            yield Batch(users, items, positives)
