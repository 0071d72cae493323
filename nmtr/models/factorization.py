"""Matrix factorization of one behavior or of several, which then share the users or the items (Eq. 1 and 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.config import Side
from nmtr.evaluation.scorer import FloatArray, IndexArray
from nmtr.native.pairs import dots, embed


class Factorization(nn.Module):
    """score^r(u, i) = p_u^r . q_i^r + b_i^r, where the shared side has one embedding for all R behaviors.

    The other side's embedding of a behavior stands in row u R + r (or i R + r) of its table.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        num_behaviors: int = 1,
        *,
        shared: Side = "item",
        embedding_size: int = 64,
        scale: float = 0.01,
        item_bias: bool = False,
    ) -> None:
        super().__init__()
        self.num_users, self.num_items, self.num_behaviors = num_users, num_items, num_behaviors
        #: Rows that a user and an item have.
        self._of_user, self._of_item = (num_behaviors, 1) if shared == "item" else (1, num_behaviors)
        self.users = nn.Embedding(num_users * self._of_user, embedding_size)
        self.items = nn.Embedding(num_items * self._of_item, embedding_size)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, 0.0, scale)
        self.bias = nn.Parameter(torch.zeros(num_behaviors, num_items)) if item_bias else None  # (R, N)

    def of_batch(
        self, users: Tensor, items: Tensor, rows: Tensor, columns: Tensor, sizes: Sequence[int], dropout: float = 0.0
    ) -> list[Tensor]:
        """The score of each pair under its own behavior; the pairs are given as to `NMTR.of_batch`.

        Returns R tensors of scores, lowest behavior first. Dropout acts on each of a user's vectors as a whole.
        """
        p = embed(self.users, _rows(users, self._of_user))
        p = nn.functional.dropout(p, dropout, self.training)
        q = embed(self.items, _rows(items, self._of_item))
        behavior = torch.repeat_interleave(torch.arange(len(sizes) - 1, -1, -1), torch.tensor([*sizes][::-1])).int()
        own, other = rows * self._of_user, columns * self._of_item
        if len(sizes) > 1:
            own, other = (own + behavior, other) if self._of_user > 1 else (own, other + behavior)
        scores = dots(p, q, own, other)
        if self.bias is not None:
            scores = scores + self.bias[behavior, items[columns]]
        return list(torch.split(scores, [*sizes][::-1]))[::-1]

    def products(self, users: Tensor, dropout: float) -> tuple[Tensor, Tensor, Tensor]:
        """The scores as products, for `SquaredLoss`: z (R, B, E), q (N, E) or (R, N, E), bias (R, N)."""
        p = nn.functional.dropout(embed(self.users, _rows(users, self._of_user)), dropout, self.training)
        z = p.view(len(users), self._of_user, -1).transpose(0, 1).expand(self.num_behaviors, -1, -1)
        q = self.items.weight
        if self._of_item > 1:
            q = q.view(self.num_items, self._of_item, -1).transpose(0, 1)
        return z, q, q.new_zeros(self.num_behaviors, self.num_items) if self.bias is None else self.bias

    def of_vector(self) -> tuple[Tensor, Tensor, Tensor]:
        """How scores come of a user's last vector p, with the items as they are: out^r = q^r . (h^r * p) + b^r.

        q (R, N, E), h (R, E), b (R, N), of all behaviors where the user has one vector for them, else of the target.
        """
        each = self.num_behaviors if self._of_user == 1 else 1
        q = self.items.weight.view(self.num_items, self._of_item, -1).transpose(0, 1)
        bias = q.new_zeros(each, self.num_items) if self.bias is None else self.bias[-each:]
        return q, q.new_ones(each, q.shape[2]), bias

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """Target scores of all items, (B, N) float32."""
        rows = torch.from_numpy(np.asarray(users, dtype=np.int64))
        # The target is the last behavior: of each user's (or item's) rows the last.
        p = self.users.weight[rows * self._of_user + self._of_user - 1]
        q = self.items.weight[self._of_item - 1 :: self._of_item]
        bias = q.new_zeros(self.num_items) if self.bias is None else self.bias[-1]
        scores: FloatArray = torch.addmm(bias, p, q.T).numpy()
        return scores

    @torch.inference_mode()
    def pairs(self, users: IndexArray, items: IndexArray) -> FloatArray:
        """Target scores of listed pairs, (B,) float32."""
        rows, columns = (torch.from_numpy(np.asarray(index, dtype=np.int64)) for index in (users, items))
        p = self.users.weight[rows * self._of_user + self._of_user - 1]
        q = self.items.weight[columns * self._of_item + self._of_item - 1]
        scores = (p * q).sum(1)
        result: FloatArray = (scores if self.bias is None else scores + self.bias[-1, columns]).numpy()
        return result

    @property
    def item_vectors(self) -> FloatArray:
        """(N, E) float32; where each behavior has its own, the target's."""
        vectors: FloatArray = self.items.weight.detach()[self._of_item - 1 :: self._of_item].numpy()
        return vectors


def _rows(entities: Tensor, each: int) -> Tensor:
    """The rows of entities that have so many each: (m,) -> (m each,)."""
    return entities if each == 1 else (entities[:, None] * each + torch.arange(each)).flatten()
