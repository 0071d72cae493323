"""An unbiased estimate of the exact loss, as cheap as sampling: a user's negatives serve all behaviors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import dropout, softplus

from nmtr.models.nmtr import NMTR
from nmtr.native.pairs import embed
from nmtr.training.objectives import ExpectedNegatives, weighted
from nmtr.training.sampling import Distinct, Ints, NegativeSampler

#: An item is drawn with a chance that grows with (its interactions + _MIX of the mean) to the power of _POWER: popular
#: negatives have the larger gradients, so drawing them more often lowers the variance. With these two, an unpopular
#: item counts about twice as much as under uniform drawing, never more.
_MIX, _POWER = 0.5, 0.75


@dataclass(frozen=True)
class Block:
    """Users, whose positives all count, and S items drawn for each of them."""

    users: Ints  # (B,)
    items: Ints  # (B, S)


class SharedLoss:
    """`ExactLoss` with each user's sum over unobserved items estimated from S items that all behaviors share.

    An item drawn with chance q_i stands for 1 / (S q_i) items: under a behavior it counts so many times what it counts
    in the exact loss, and nothing where it was observed, which makes the exact loss the mean. Positives count in full.
    The sampled loss draws for each behavior, and takes a negative of behavior r through r stages for a single term;
    here each stage that a negative goes through is a term. S is such that an epoch has as many stages to go through.
    """

    def __init__(
        self,
        model: NMTR,
        train: Sequence[csr_array],
        lambdas: Sequence[float],
        *,
        negatives: int,
        batch_size: int,
        dropout: float,
    ) -> None:
        self.model, self.train, self.lambdas = model, train, lambdas
        self.batch_size, self.dropout = batch_size, dropout
        self.steps = -(-model.num_users // batch_size)
        self.expected = ExpectedNegatives(train, negatives)
        self.instances = self.expected.instances
        self.scale = self.steps / self.instances.sum()
        stages = self.expected.drawn.sum(1) @ np.arange(1, len(train) + 1)
        self.drawn = max(1, round(stages / (len(train) * model.num_users)))
        self.samplers = [NegativeSampler(matrix) for matrix in train]
        self.distinct = Distinct(model.num_items)
        counts = sum(np.bincount(matrix.indices, minlength=model.num_items) for matrix in train)
        likely = (counts + _MIX * np.mean(counts)) ** _POWER
        self.chance = likely / likely.sum()  # q, (N,)

    def batches(self, rng: np.random.Generator) -> Iterator[Block]:
        order = rng.permutation(self.model.num_users)
        upper = np.cumsum(self.chance)
        for start in range(0, len(order), self.batch_size):
            users = order[start : start + self.batch_size]
            drawn = np.searchsorted(upper, rng.random((len(users), self.drawn)) * upper[-1], side="right")
            yield Block(users, drawn)

    def backward(self, batch: Block) -> NDArray[np.float64]:
        touched = [matrix[batch.users].tocoo() for matrix in self.train]
        shape, drawn = batch.items.shape, batch.items.ravel()
        # The target's positives first: those that need stage r are a prefix, as in `NMTR.of_pairs`.
        items, columns = self.distinct.of(np.concatenate([drawn, *(own.col for own in touched[::-1])]))
        rows = np.concatenate([np.repeat(np.arange(shape[0]), shape[1]), *(own.row for own in touched[::-1])])
        logits = self.model.of_pairs(
            dropout(embed(self.model.users, torch.from_numpy(batch.users)), self.dropout, self.model.training),
            embed(self.model.items, items),
            self.model.bias.index_select(1, items),
            torch.from_numpy(rows.astype(np.int32)),
            columns,
            [own.nnz for own in touched],
            everywhere=len(drawn),
        )
        losses = [
            (softplus(out[: len(drawn)]) * weight).sum() + softplus(-out[len(drawn) :]).sum()
            for out, weight in zip(logits, self._weights(batch), strict=True)
        ]
        (weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])

    def _weights(self, batch: Block) -> list[Tensor]:
        """R of (B S,): what each drawn item counts under each behavior."""
        users, items = np.repeat(batch.users, batch.items.shape[1]), batch.items.ravel()
        stands_for = 1 / (batch.items.shape[1] * self.chance[items])
        weights = []
        for sampler, weight in zip(self.samplers, self.expected.weight, strict=True):
            counts = np.where(sampler.observed(users, items), 0, weight[users] * stands_for)
            weights.append(torch.from_numpy(counts.astype(np.float32)))
        return weights
