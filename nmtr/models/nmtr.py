"""NMTR: one embedding a user and item, one interaction unit a behavior, added up along the cascade (Eq. 4-9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.config import Unit
from nmtr.evaluation.scorer import FloatArray, IndexArray, Stages
from nmtr.models.units import InteractionUnit

#: User-item pairs that a tower is asked for at once: about 8 MB of activations a layer, which stays in cache.
_TOWER_PAIRS = 1 << 15


class NMTR(nn.Module):
    """The cascade of Eq. 9. M users, N items, R behaviors (the target last), E embedding size.

    out^1 = f^1(p_u, q_i) + b_i^1
    out^r = out^(r-1) + f^r(p_u, q_i) + b_i^r
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        units: Sequence[Unit],
        *,
        embedding_size: int = 64,
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.num_users, self.num_items = num_users, num_items
        self.users = nn.Embedding(num_users, embedding_size)  # P, Eq. 4
        self.items = nn.Embedding(num_items, embedding_size)  # Q, Eq. 4
        modules = nn.ModuleList(InteractionUnit(kind, embedding_size, layers) for kind in units)
        self.units = cast(Sequence[InteractionUnit], modules)  # a ModuleList does not say what it holds
        self.bias = nn.Parameter(torch.zeros(len(units), num_items))  # (R, N)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        for table in (self.users, self.items):
            table.weight.normal_(0.0, 0.1)
        for unit in self.units:
            unit.initialize()
        self.bias.zero_()

    @property
    def num_behaviors(self) -> int:
        return len(self.units)

    def forward(self, users: Tensor, items: Tensor, sizes: Sequence[int], dropout: float = 0.0) -> list[Tensor]:
        """The logit of each pair under its own behavior, computed through the stages up to that behavior only.

        users, items: (B,) int64, the pairs of the target first and those of the lowest behavior last, so that the pairs
        which need stage r are a prefix; sizes: R, the number of pairs of each behavior, lowest first. Returns R tensors
        of logits, lowest behavior first.
        """
        p, q = nn.functional.dropout(self.users(users), dropout, self.training), self.items(items)
        logits: list[Tensor] = []
        out: Tensor | None = None
        need = len(users)  # the pairs whose behavior is r or a later one
        for r, unit in enumerate(self.units):
            own = unit(p[:need], q[:need]) + self.bias[r].index_select(0, items[:need])
            out = own if out is None else out[:need] + own
            need -= sizes[r]
            logits.append(out[need:])
        return logits

    def folded(self, chosen: slice = slice(None)) -> list[tuple[Tensor, Tensor]]:
        """The GMF parts and biases of the stages up to r as one product, for a slice of n items.

        R of k (n, E) and b (n,): p . k + b with k = q * (h^1 + ... + h^r) and b = b^1 + ... + b^r.
        """
        q, bias = self.items.weight[chosen], self.bias[:, chosen].cumsum(0)
        h = torch.zeros_like(q[0])
        folds: list[tuple[Tensor, Tensor]] = []
        for unit, b in zip(self.units, bias, strict=True):
            if unit.gmf is not None:
                h = h + unit.gmf
            folds.append((q * h, b))
        return folds

    def over_items(self, p: Tensor, chosen: slice = slice(None)) -> list[Tensor]:
        """The logits of every stage for all pairs of user vectors p (B, E) and a slice of n items: R of (B, n)."""
        q = self.items.weight[chosen]
        logits: list[Tensor] = []
        towers: Tensor | None = None
        for unit, (k, b) in zip(self.units, self.folded(chosen), strict=True):
            if unit.tower is not None:
                own = unit.tower(p[:, None], q)
                towers = own if towers is None else towers + own
            out = torch.addmm(b, p, k.T)
            logits.append(out if towers is None else out + towers)
        return logits

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """Target logits of all items, (B, N) float32."""
        p = self.users(_index(users))
        step = max(1, _TOWER_PAIRS // self.num_items if self.has_towers else len(p))
        scores = np.empty((len(p), self.num_items), dtype=np.float32)
        for start in range(0, len(p), step):
            block = p[start : start + step]
            torch.from_numpy(scores[start : start + step]).copy_(self._target(block))
        return scores

    def _target(self, p: Tensor) -> Tensor:
        """The last of `over_items`, without making the ones before: (B, N)."""
        k, b = self.folded()[-1]
        out = torch.addmm(b, p, k.T)
        for unit in self.units:
            if unit.tower is not None:
                out += unit.tower(p[:, None], self.items.weight)
        return out

    @torch.inference_mode()
    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        """The stages of B pairs, taken apart."""
        rows, columns = _index(users), _index(items)
        p, q = self.users(rows), self.items(columns)
        own = torch.stack([unit(p, q) for unit in self.units], dim=1)  # (B, R)
        return Stages(own=own.numpy(), bias=self.bias[:, columns].T.numpy())  # indexing copied the bias

    @property
    def has_towers(self) -> bool:
        return any(unit.tower is not None for unit in self.units)


def _index(rows: IndexArray) -> Tensor:
    return torch.from_numpy(np.asarray(rows, dtype=np.int64))
