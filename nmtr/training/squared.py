"""The squared error over all user-item pairs in closed form: what nobody touched is never visited (beyond the paper).

Chen et al., "Efficient Heterogeneous Collaborative Filtering without Negative Sampling for Recommendation" (AAAI 2020),
give the idea; here it is applied to the cascade of NMTR.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.models.scoring import Products
from nmtr.native.pairs import dots
from nmtr.training.objectives import weighted


class SquaredLoss:
    """sum_u sum_i c (out^r - y^r)^2 of behavior r, with c = 1 where y^r = 1 and c = w where y^r = 0.

    Each score is a product, out^r = z . q + b; NMTR's with GMF units has z = p * (h^1 + ... + h^r) and
    b = b^1 + ... + b^r. So over all items

        sum_i (z . q_i + b_i)^2 = z' (Q'Q) z + 2 z . (Q'b) + b . b,

    which costs E^2 a user once Q'Q is there. Only observed pairs are taken one by one: each adds (out - 1)^2 - w out^2.
    An epoch costs (N steps + M R) E^2 and E an observed pair, whatever M N is. A batch is a block of users with all
    items. Losses are in mean over the observed pairs, so a model that says 0 to everything has loss 1.
    """

    def __init__(
        self,
        model: Products,
        train: Sequence[csr_array],
        lambdas: Sequence[float],
        *,
        unobserved_weight: float,
        batch_size: int,
        dropout: float,
    ) -> None:
        self.model, self.train, self.lambdas = model, train, lambdas
        self.unobserved_weight, self.batch_size, self.dropout = unobserved_weight, batch_size, dropout
        self.steps = -(-model.num_users // batch_size)
        self.instances = np.array([matrix.nnz for matrix in train], np.float64)
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        order = rng.permutation(self.model.num_users)
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def backward(self, batch: NDArray[np.int64]) -> NDArray[np.float64]:
        losses = self.losses(*self.model.products(torch.from_numpy(batch), self.dropout), batch)
        (weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])

    def losses(self, z: Tensor, q: Tensor, bias: Tensor, users: NDArray[np.int64]) -> list[Tensor]:
        """R sums over the pairs of B users with all items: z (R, B, E), q (N, E) or (R, N, E), bias (R, N)."""
        of_items = (bias[:, None] @ q)[:, 0]
        squares = (z @ (q.mT @ q) * z).sum((1, 2)) + 2 * (z.sum(1) * of_items).sum(1) + z.shape[1] * (bias**2).sum(1)
        touched = [matrix[users].tocoo() for matrix in self.train]
        # One list of pairs for all behaviors, with the R vectors of a user and the R biases of an item each a row.
        rows = _joined([own.row + r * z.shape[1] for r, own in enumerate(touched)])
        at = _joined([own.col + r * bias.shape[1] for r, own in enumerate(touched)])
        columns = at if q.dim() == 3 else _joined([own.col for own in touched])
        out = dots(z.flatten(0, 1), q.flatten(0, -2), rows, columns) + bias.flatten()[at]
        corrections = (out - 1) ** 2 - self.unobserved_weight * out**2
        each = torch.split(corrections, [own.nnz for own in touched])
        return [self.unobserved_weight * all_items + own.sum() for all_items, own in zip(squares, each, strict=True)]


def _joined(positions: Sequence[NDArray[np.integer]]) -> Tensor:
    return torch.from_numpy(np.concatenate(positions).astype(np.int32))
