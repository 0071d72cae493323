"""BPR-MF: matrix factorization on the target behavior alone, trained pairwise (Rendle et al., 2009)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.evaluation.scorer import FloatArray, IndexArray
from nmtr.models.pairs import dots, embed


class BPR(nn.Module):
    """score(u, i) = p_u . q_i"""

    def __init__(self, num_users: int, num_items: int, *, embedding_size: int = 64) -> None:
        super().__init__()
        self.num_users, self.num_items = num_users, num_items
        self.users = nn.Embedding(num_users, embedding_size)
        self.items = nn.Embedding(num_items, embedding_size)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, 0.0, 0.01)

    def forward(
        self, users: Tensor, items: Tensor, rows: Tensor, bought: Tensor, other: Tensor, dropout: float = 0.0
    ) -> Tensor:
        """How much better each purchase scores than each of its negatives: (B,), (B,), (B, ρ) -> (B, ρ).

        users: (m,) int64, items: (n,) int64, each but once; rows: (B,) int32, of users, bought and other: of items.
        """
        p, q = nn.functional.dropout(embed(self.users, users), dropout, self.training), embed(self.items, items)
        others = dots(p, q, rows.repeat_interleave(other.shape[1]), other.flatten())
        return dots(p, q, rows, bought)[:, None] - others.view(other.shape)

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """Scores of all items, (B, N) float32."""
        rows = torch.from_numpy(np.asarray(users, dtype=np.int64))
        scores: FloatArray = (self.users(rows) @ self.items.weight.T).numpy()
        return scores
