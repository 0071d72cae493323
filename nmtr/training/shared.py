"""An estimate of the exact loss that is as cheap as sampling and varies less: a block of users shares its negatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from torch import Tensor
from torch.nn.functional import dropout, softplus

from nmtr.models.nmtr import NMTR, grid
from nmtr.models.pairs import embed
from nmtr.training.objectives import ExpectedNegatives, weighted
from nmtr.training.sampling import Distinct, Ints


@dataclass(frozen=True)
class Block:
    """Users with all that they touched, and the items that stand for all the others."""

    users: Ints
    items: Ints


class SharedLoss:
    """`ExactLoss` with its sum over unobserved items estimated from S items that a block of users shares.

    They are drawn uniformly, none twice, so an item stands for N / S: an unobserved pair counts N / S times its weight
    where its item was drawn and 0 elsewhere, which is its weight in the mean. Positives count in full. Every pair of a
    user and a shared item serves all behaviors at once, and S is such that a block has as many instances as the sampled
    loss gives it. A stage then costs once for all the negatives of the behaviors above, and no user's negatives depend
    on how many he has, so the estimate varies less.
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
        drawn = self.expected.drawn.sum()
        self.shared = min(max(1, round(drawn / (len(train) * model.num_users))), model.num_items)
        self.items = Distinct(model.num_items)
        self.place = np.full(model.num_items, -1, np.int64)  # of a shared item among those of the block

    def batches(self, rng: np.random.Generator) -> Iterator[Block]:
        order = rng.permutation(self.model.num_users)
        for start in range(0, len(order), self.batch_size):
            items = rng.choice(self.model.num_items, self.shared, replace=False, shuffle=False)
            yield Block(order[start : start + self.batch_size], items)

    def backward(self, batch: Block) -> NDArray[np.float64]:
        touched = [matrix[batch.users].tocoo() for matrix in self.train]
        # The target's positives first: those that need stage r are a prefix, as in `NMTR.of_pairs`.
        items, positions = self.items.of(np.concatenate([batch.items, *(own.col for own in touched[::-1])]))
        count = len(batch.items)
        rows, columns = grid(len(batch.users), count)
        own_rows = [torch.from_numpy(own.row.astype(np.int32)) for own in touched[::-1]]
        p = dropout(embed(self.model.users, torch.from_numpy(batch.users)), self.dropout, self.model.training)
        logits = self.model.of_pairs(
            p,
            embed(self.model.items, items),
            self.model.bias.index_select(1, items),
            torch.cat([rows, *own_rows]),
            torch.cat([positions[columns.long()], positions[count:]]),
            [own.nnz for own in touched],
            everywhere=len(rows),
        )
        losses = [
            (softplus(out[: len(rows)]) * weight.flatten()).sum() + softplus(-out[len(rows) :]).sum()
            for out, weight in zip(logits, self._weights(batch, touched), strict=True)
        ]
        (weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])

    def _weights(self, batch: Block, touched: Sequence[coo_array]) -> list[Tensor]:
        """R of (B, S): what each shared item counts for each user, 0 where it was touched."""
        self.place[batch.items] = np.arange(len(batch.items))
        stands_for = self.model.num_items / len(batch.items)
        weights = []
        for own, weight in zip(touched, self.expected.weight[:, batch.users], strict=True):
            counts = np.repeat((weight * stands_for)[:, None], len(batch.items), axis=1)
            place = self.place[own.col]
            counts[own.row[place >= 0], place[place >= 0]] = 0
            weights.append(torch.from_numpy(counts))
        self.place[batch.items] = -1
        return weights
