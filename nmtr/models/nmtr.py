"""NMTR: one embedding a user and item, one interaction unit a behavior, added up along the cascade (Eq. 4-9)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.config import Unit
from nmtr.models.pairs import dots, embed
from nmtr.models.units import InteractionUnit


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

    def forward(
        self, users: Tensor, items: Tensor, rows: Tensor, columns: Tensor, sizes: Sequence[int], dropout: float = 0.0
    ) -> list[Tensor]:
        """The logit of each pair under its own behavior, computed through the stages up to that behavior only.

        users: (m,) int64, items: (n,) int64, each but once. rows, columns: (B,) int32, the pairs as positions in them,
        those of the target first and those of the lowest behavior last, so that the pairs which need stage r are a
        prefix. sizes: R, the number of pairs of each behavior, lowest first. Returns R tensors of logits, lowest
        behavior first. Dropout acts on a user's vector as a whole. The gradient of the tables is sparse.
        """
        p = nn.functional.dropout(embed(self.users, users), dropout, self.training)
        return self.of_pairs(p, embed(self.items, items), self.bias.index_select(1, items), rows, columns, sizes)

    def of_pairs(
        self,
        p: Tensor,
        q: Tensor,
        bias: Tensor,
        rows: Tensor,
        columns: Tensor,
        sizes: Sequence[int],
        *,
        everywhere: int = 0,
    ) -> list[Tensor]:
        """`forward` of vectors: p (m, E), q (n, E), bias (R, n). The first `everywhere` pairs, which `sizes` do not
        count, are wanted under every behavior: their logits come first in each of the R tensors.
        """
        ends = [
            len(rows) - sum(sizes[:r]) for r in range(len(sizes))
        ]  # of the pairs whose behavior is r or a later one
        wanted = [
            partial(_wanted, everywhere=everywhere, own=slice(end - size, end))
            for end, size in zip(ends, sizes, strict=True)
        ]
        # GMF parts and biases of all stages in one go: to each stage its own user vectors p * (h^1 + ... + h^r).
        users = torch.cat([of_stage(rows) + r * len(p) for r, of_stage in enumerate(wanted)])
        items = [of_stage(columns) for of_stage in wanted]
        places = torch.cat([own + r * len(q) for r, own in enumerate(items)])
        out = bias.cumsum(0).flatten().index_select(0, places)
        if any(unit.gmf is not None for unit in self.units):
            out = out + dots((p * self.summed_gmf()[:, None]).flatten(0, 1), q, users, torch.cat(items))
        logits = list(torch.tensor_split(out, np.cumsum([len(own) for own in items])[:-1].tolist()))
        inherited: Tensor | None = None  # the towers' part of the pairs that are left
        for r, (unit, end, of_stage) in enumerate(zip(self.units, ends, wanted, strict=True)):
            if unit.tower is not None:
                own = unit.tower(p, q, rows[:end], columns[:end])
                inherited = own if inherited is None else inherited[:end] + own
            if inherited is not None:
                logits[r] = logits[r] + of_stage(inherited)
        return logits

    def summed_gmf(self) -> Tensor:
        """h^1 + ... + h^r of each stage, (R, E); a unit without a GMF part adds nothing."""
        size = self.items.embedding_dim
        return torch.stack([torch.zeros(size) if unit.gmf is None else unit.gmf for unit in self.units]).cumsum(0)

    def folded(self, q: Tensor, bias: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The GMF parts and biases of the stages up to r as one product: p . k + b with k = q * (h^1 + ... + h^r) and
        b = b^1 + ... + b^r.

        q: (n, E); bias: (R, n). R of k (n, E) and b (n,).
        """
        return [(q * h, b) for h, b in zip(self.summed_gmf(), bias.cumsum(0), strict=True)]

    def over_items(self, p: Tensor, q: Tensor, bias: Tensor) -> list[Tensor]:
        """The logits of every stage for all pairs of vectors: p (B, E), q (n, E), bias (R, n) -> R of (B, n)."""
        logits: list[Tensor] = []
        inherited: Tensor | None = None
        rows, columns = grid(len(p), len(q))
        for unit, (k, b) in zip(self.units, self.folded(q, bias), strict=True):
            if unit.tower is not None:
                own = unit.tower(p, q, rows, columns).view(len(p), len(q))
                inherited = own if inherited is None else inherited + own
            out = torch.addmm(b, p, k.T)
            logits.append(out if inherited is None else out + inherited)
        return logits

    @property
    def has_towers(self) -> bool:
        return any(unit.tower is not None for unit in self.units)


def _wanted(pairs: Tensor, everywhere: int, own: slice) -> Tensor:
    return torch.cat([pairs[:everywhere], pairs[own]]) if everywhere else pairs[own]


def grid(users: int, items: int) -> tuple[Tensor, Tensor]:
    """All pairs as rows and columns, a user's items one after the other: int32 (B * n,) each."""
    rows, columns = torch.arange(users, dtype=torch.int32), torch.arange(items, dtype=torch.int32)
    return rows.repeat_interleave(items), columns.repeat(users)
