"""BPR's loss: of two items the one that was touched is to stand first (Rendle et al., 2009)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.training.losses import bpr_loss
from nmtr.training.objectives import PairModel
from nmtr.training.sampling import Distinct, Ints, NegativeSampler

#: Users (B,), the item that each touched (B,), and ρ items to stand behind it (B, ρ).
Triples = tuple[Ints, Ints, Ints]


class Triplets(Protocol):
    """Deals out an epoch's users with a positive and ρ negatives each."""

    steps: int  # batches an epoch
    positives: int  # of an epoch
    negatives: int  # ρ

    def batches(self, rng: np.random.Generator) -> Iterator[Triples]: ...


class TripleSampler:
    """Each pair of one behavior once an epoch, in random order, with ρ items that the user did not touch under it."""

    def __init__(self, matrix: csr_array, negatives: int, batch_size: int) -> None:
        self.negatives, self.batch_size = negatives, batch_size
        self.sampler = NegativeSampler(matrix)
        pairs = matrix.tocoo()
        usable = self.sampler.possible[pairs.row]
        self.users, self.items = pairs.row[usable].astype(np.int64), pairs.col[usable].astype(np.int64)
        self.positives = len(self.users)
        self.steps = -(-self.positives // batch_size)

    def batches(self, rng: np.random.Generator) -> Iterator[Triples]:
        order = rng.permutation(len(self.users))
        for start in range(0, len(order), self.batch_size):
            own = order[start : start + self.batch_size]
            drawn = self.sampler.draw(np.repeat(self.users[own], self.negatives), rng)
            yield self.users[own], self.items[own], drawn.reshape(len(own), self.negatives)


class PairwiseLoss:
    """-ln σ(score of a positive - score of its negative), in mean over a batch's pairs of items."""

    lambdas: Sequence[float] = (1.0,)

    def __init__(self, model: PairModel, sampler: Triplets, *, dropout: float) -> None:
        self.model, self.sampler, self.dropout = model, sampler, dropout
        self.distinct_users, self.distinct_items = Distinct(model.num_users), Distinct(model.num_items)
        self.steps = sampler.steps
        self.instances = np.array([float(sampler.positives * sampler.negatives)])

    def batches(self, rng: np.random.Generator) -> Iterator[Triples]:
        return self.sampler.batches(rng)

    def backward(self, batch: Triples) -> NDArray[np.float64]:
        positives, negatives = batch[1], batch[2]
        users, rows = self.distinct_users.of(batch[0])
        items, columns = self.distinct_items.of(np.concatenate([positives, negatives.ravel()]))
        each = rows.repeat_interleave(negatives.shape[1])
        pairs = rows.new_empty(len(columns))
        pairs[: len(rows)], pairs[len(rows) :] = rows, each
        (scores,) = self.model.of_batch(users, items, pairs, columns, [len(columns)], self.dropout)
        own, others = scores.tensor_split([len(rows)])
        loss = bpr_loss(own[:, None] - others.view(negatives.shape))
        (loss / negatives.size).backward()  # type: ignore[no-untyped-call]
        return np.array([float(loss.detach())])
