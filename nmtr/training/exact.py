"""The expectation of the sampled loss: every user-item pair counts, nothing is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.models.nmtr import NMTR
from nmtr.native.pairs import embed
from nmtr.training.losses import expected_log_loss, expected_log_loss_of_products
from nmtr.training.objectives import ExpectedNegatives, weighted

#: User-item pairs whose logits are held at once where units have towers.
_TOWER_PAIRS = 1 << 17


class ExactLoss:
    """The expectation of `SampledLoss`, over every user-item pair: a batch is a block of users with all items."""

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
        expected = ExpectedNegatives(train, negatives)
        self.weight, self.instances = expected.weight, expected.instances
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        order = rng.permutation(self.weight.shape[1])
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def backward(self, batch: NDArray[np.int64]) -> NDArray[np.float64]:
        users = torch.from_numpy(batch)
        weights = torch.from_numpy(self.weight[:, batch])
        positives = [matrix[batch] for matrix in self.train]
        if not self.model.has_towers:
            z, q, bias = self.model.products(users, self.dropout)
            losses = [
                expected_log_loss_of_products(
                    z[r], q, bias[r], torch.from_numpy(own.indptr), torch.from_numpy(own.indices), weight
                )
                for r, (own, weight) in enumerate(zip(positives, weights, strict=True))
            ]
            (weighted(self.lambdas, losses) * self.scale).backward()
            return np.array([float(loss.detach()) for loss in losses])
        p = torch.nn.functional.dropout(embed(self.model.users, users), self.dropout, self.model.training)
        items, bias = self.model.items.weight, self.model.bias
        # Blocks of items share one user vector: its gradient is gathered over them and goes on to the table once.
        leaf = p.detach().requires_grad_()
        sums = np.zeros(len(self.lambdas))
        of_items, of_bias = torch.empty_like(items), torch.empty_like(bias)
        size = max(1, _TOWER_PAIRS // len(batch))
        for chosen in (slice(start, start + size) for start in range(0, len(items), size)):
            q, b = items[chosen].detach().requires_grad_(), bias[:, chosen].detach().requires_grad_()
            losses = [
                expected_log_loss(logits, *_within(own, chosen), weight)
                for logits, own, weight in zip(self.model.over_items(leaf, q, b), positives, weights, strict=True)
            ]
            (weighted(self.lambdas, losses) * self.scale).backward()
            of_items[chosen], of_bias[:, chosen] = cast(Tensor, q.grad), cast(Tensor, b.grad)
            sums += [float(loss.detach()) for loss in losses]
        torch.autograd.backward([p, items, bias], [cast(Tensor, leaf.grad), of_items, of_bias])
        return sums


def _within(positives: csr_array, chosen: slice) -> tuple[Tensor, Tensor]:
    """The rows and columns of the positives that stand in a block of items, columns counted from its start."""
    pairs = positives.tocoo()
    rows, columns = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
    inside = (columns >= chosen.start) & (columns < chosen.stop)
    return torch.from_numpy(rows[inside]), torch.from_numpy(columns[inside] - chosen.start)
