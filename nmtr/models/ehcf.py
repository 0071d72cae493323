"""EHCF: one weighted product of embeddings a behavior, whose weights come from those of the lower behaviors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.evaluation.scorer import FloatArray, IndexArray
from nmtr.native.pairs import embed


class EHCF(nn.Module):
    """score^r(u, i) = h^r . (p_u * q_i), h^r = sum_{s < r} (T^sr h^s + t^sr) (Chen et al., AAAI 2020, Eq. 3-5)."""

    def __init__(
        self, num_users: int, num_items: int, num_behaviors: int, *, embedding_size: int = 64, scale: float = 0.01
    ) -> None:
        super().__init__()
        self.num_users, self.num_items, self.num_behaviors = num_users, num_items, num_behaviors
        self.users, self.items = nn.Embedding(num_users, embedding_size), nn.Embedding(num_items, embedding_size)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, 0.0, scale)
        self.lowest = nn.Parameter(torch.full((embedding_size,), 1.0))  # h^1
        steps = [(s, r) for r in range(1, num_behaviors) for s in range(r)]
        # T starts so that every h starts as h^1: each behavior hands on its share.
        self.transfer = nn.ParameterList(torch.eye(embedding_size) / r for _, r in steps)
        self.shift = nn.ParameterList(torch.zeros(embedding_size) for _ in steps)

    def heads(self) -> Tensor:
        """h of each behavior, (R, E)."""
        heads: list[Tensor] = [self.lowest]
        step = 0
        for r in range(1, self.num_behaviors):
            parts = [self.transfer[step + s] @ heads[s] + self.shift[step + s] for s in range(r)]
            heads.append(torch.stack(parts).sum(0))
            step += r
        return torch.stack(heads)

    def products(self, users: Tensor, dropout: float) -> tuple[Tensor, Tensor, Tensor]:
        """The scores as products, for `SquaredLoss`: z (R, B, E), q (N, E), bias (R, N), which is 0."""
        p = nn.functional.dropout(embed(self.users, users), dropout, self.training)
        q = self.items.weight
        return p * self.heads()[:, None], q, q.new_zeros(self.num_behaviors, self.num_items)

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """Target scores of all items, (B, N) float32."""
        rows = torch.from_numpy(np.asarray(users, dtype=np.int64))
        scores: FloatArray = (self.users.weight[rows] * self.heads()[-1] @ self.items.weight.T).numpy()
        return scores

    @torch.inference_mode()
    def pairs(self, users: IndexArray, items: IndexArray) -> FloatArray:
        """Target scores of listed pairs, (B,) float32."""
        rows, columns = (torch.from_numpy(np.asarray(index, dtype=np.int64)) for index in (users, items))
        scores: FloatArray = ((self.users.weight[rows] * self.items.weight[columns]) @ self.heads()[-1]).numpy()
        return scores

    @property
    def item_vectors(self) -> FloatArray:
        """(N, E) float32."""
        vectors: FloatArray = self.items.weight.detach().numpy()
        return vectors
