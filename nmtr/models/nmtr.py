"""NMTR: one embedding a user and item, one interaction unit a behavior, added up along the cascade (Eq. 4-9)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nmtr.config import Cascade, Embedding
from nmtr.config.methods import Unit
from nmtr.models.units import InteractionUnit
from nmtr.native.pairs import dots, embed

#: What a stage after the first keeps of the score before it, and of its own interaction.
_KEPT: dict[Cascade, tuple[float, float]] = {"sum": (1.0, 1.0), "mean": (0.5, 0.5), "none": (0.0, 1.0)}


class NMTR(nn.Module):
    """The cascade of Eq. 9. M users, N items, R behaviors (the target last), E embedding size.

    out^1 = f^1(p_u, q_i) + b_i^1
    out^r = kept out^(r-1) + own f^r(p_u, q_i) + b_i^r

    with kept = own = 1 for a cascade that sums (the paper), 1/2 for one that takes the mean with the stage before (the
    authors' code), and kept = 0, own = 1 for stages that know nothing of each other.

    Separate embeddings are one block of E numbers for each behavior, side by side in a row of the table: unit r reads
    block r, so everything else works as on shared ones.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        units: Sequence[Unit],
        *,
        embedding_size: int = 64,
        layers: int = 3,
        cascade: Cascade = "sum",
        embedding: Embedding = "shared",
        scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_users, self.num_items = num_users, num_items
        self.kept, self.own = _KEPT[cascade]
        self._size, self._separate = embedding_size, embedding == "separate"
        width = embedding_size * (len(units) if self._separate else 1)
        self.users = nn.Embedding(num_users, width)  # P, Eq. 4
        self.items = nn.Embedding(num_items, width)  # Q, Eq. 4
        modules = nn.ModuleList(InteractionUnit(kind, embedding_size, layers) for kind in units)
        self.units = cast(Sequence[InteractionUnit], modules)  # a ModuleList does not say what it holds
        self.bias = nn.Parameter(torch.zeros(len(units), num_items))  # (R, N)
        self.initialize(scale)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """y_ui^r of B pairs (u, i) under every behavior, (R, B), as the paper writes it; users, items: (B,) int64.

        Training and ranking go other ways, which cost less: `of_batch`, `over_items` and `scoring`. Each is tested
        against this one.
        """
        p_u, q_i, b_i = self.users(users), self.items(items), self.bias[:, items]  # Eq. 4
        y: list[Tensor] = []
        for r, f in enumerate(self.units):  # Eq. 9, and Eq. 5 for its first stage; f: Eq. 6, 7 or 8
            own = f(self.block(p_u, r), self.block(q_i, r))
            y.append(own + b_i[r] if r == 0 else self.kept * y[r - 1] + self.own * own + b_i[r])
        return torch.stack(y)

    @torch.no_grad()
    def initialize(self, scale: float) -> None:
        for table in (self.users, self.items):
            table.weight.normal_(0.0, scale)
        for unit in self.units:
            unit.initialize()
        self.bias.zero_()

    @property
    def num_behaviors(self) -> int:
        return len(self.units)

    def of_batch(
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
        """`of_batch` of vectors: p (m, E), q (n, E), bias (R, n). The first `everywhere` pairs, which `sizes` do not
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
        out = self.biases(bias).flatten().index_select(0, places)
        if any(unit.gmf is not None for unit in self.units):
            out = out + dots((p * self.heads()[:, None]).flatten(0, 1), q, users, torch.cat(items))
        logits = list(torch.tensor_split(out, np.cumsum([len(own) for own in items])[:-1].tolist()))
        inherited: Tensor | None = None  # the towers' part of the pairs that are left
        for r, (unit, end, of_stage) in enumerate(zip(self.units, ends, wanted, strict=True)):
            inherited = None if inherited is None else inherited[:end]
            if unit.tower is not None:
                own = unit.tower.of_pairs(self.block(p, r), self.block(q, r), rows[:end], columns[:end])
                inherited = self.next_stage(r, inherited, own)
            elif inherited is not None:
                inherited = self.next_stage(r, inherited, None)
            if inherited is not None:
                logits[r] = logits[r] + of_stage(inherited)
        return logits

    def next_stage(self, r: int, inherited: Tensor | None, own: Tensor | None) -> Tensor:
        """The towers' part of stage r, from that of the stage before and its own; one of them may be missing."""
        parts = []
        if inherited is not None:
            parts.append(inherited if self.kept == 1 else self.kept * inherited)
        if own is not None:
            parts.append(own if r == 0 or self.own == 1 else self.own * own)
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _added_up(self, parts: Tensor, own: float) -> Tensor:
        """What parts (R, ...) of the stages come to along the cascade, those after the first counted `own` times."""
        if self.kept == own == 1:
            return parts.cumsum(0)
        stages = [parts[0]]
        for part in parts[1:]:
            stages.append(self.kept * stages[-1] + own * part)
        return torch.stack(stages)

    def block(self, vectors: Tensor, r: int) -> Tensor:
        """What unit r reads of vectors (..., E) or, of separate embeddings, (..., R E)."""
        return vectors[..., r * self._size : (r + 1) * self._size] if self._separate else vectors

    def biases(self, bias: Tensor) -> Tensor:
        """The item biases of the stages up to r, added up: (R, n) -> (R, n)."""
        return self._added_up(bias, 1.0)

    def heads(self) -> Tensor:
        """h^1 + ... + h^r of each stage, added up as its cascade does, (R, E); a unit without a GMF part adds nothing.

        Separate embeddings have (R, R E), each h in its block.
        """
        own = [torch.zeros(self._size) if unit.gmf is None else unit.gmf for unit in self.units]
        parts = torch.block_diag(*own) if self._separate else torch.stack(own)  # type: ignore[no-untyped-call]
        return self._added_up(parts, self.own)

    def heads_of(self, stages: Tensor) -> Tensor:
        """The h^1, …, h^R (R, E) whose cascade adds up to these `heads` (R, E), of shared embeddings."""
        before = nn.functional.pad(stages[:-1], (0, 0, 1, 0))
        own = stages - self.kept * before
        own[1:] /= self.own
        return own

    def products(self, users: Tensor, dropout: float) -> tuple[Tensor, Tensor, Tensor]:
        """The logits of GMF units as products, for `SquaredLoss`: z (R, B, E), q (N, E), bias (R, N)."""
        p = nn.functional.dropout(embed(self.users, users), dropout, self.training)
        return p * self.heads()[:, None], self.items.weight, self.biases(self.bias)

    def tower_weights(self, stage: int = -1) -> list[float]:
        """How often each unit counts in a stage's logit, R numbers: 1 up to it where the cascade sums, 0 beyond."""
        each = torch.eye(len(self.units))
        return [float(weight) for weight in self._added_up(each, self.own)[stage]]

    def folded(self, q: Tensor, bias: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The GMF parts and biases of the stages up to r as one product: p . k + b with k = q * (h^1 + ... + h^r) and
        b = b^1 + ... + b^r.

        q: (n, E); bias: (R, n). R of k (n, E) and b (n,).
        """
        return [(q * h, b) for h, b in zip(self.heads(), self.biases(bias), strict=True)]

    def over_items(self, p: Tensor, q: Tensor, bias: Tensor) -> list[Tensor]:
        """The logits of every stage for all pairs of vectors: p (B, E), q (n, E), bias (R, n) -> R of (B, n)."""
        logits: list[Tensor] = []
        inherited: Tensor | None = None
        rows, columns = grid(len(p), len(q))
        for r, (unit, (k, b)) in enumerate(zip(self.units, self.folded(q, bias), strict=True)):
            if unit.tower is not None:
                own = unit.tower.of_pairs(self.block(p, r), self.block(q, r), rows, columns).view(len(p), len(q))
                inherited = self.next_stage(r, inherited, own)
            elif inherited is not None:
                inherited = self.next_stage(r, inherited, None)
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
