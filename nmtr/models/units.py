"""Interaction units: the functions f(p, q) of Eq. 6-8, of which NMTR learns one for each behavior."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from nmtr.config.methods import Unit
from nmtr.native.pairs import linear, towers


class Tower(nn.Module):
    """The MLP of Eq. 7: hidden layers that halve in width from 2E, then a projection to one number.

    The first layer acts on [p; q] as ``W_1 [p; q] = W_user p + W_item q``, so it is kept as two halves, which cost
    once a user and once an item, not once a pair.
    """

    def __init__(self, embedding_size: int, layers: int) -> None:
        super().__init__()
        widths = [max(1, 2 * embedding_size >> layer) for layer in range(1, layers + 1)]
        self.user_half = nn.Linear(embedding_size, widths[0], bias=False)
        self.item_half = nn.Linear(embedding_size, widths[0])  # its bias is b_1
        hidden = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(widths))
        self.hidden = cast(Sequence[nn.Linear], hidden)  # a ModuleList does not say what it holds
        self.project = nn.Linear(widths[-1], 1, bias=False)  # its part of h

    @torch.no_grad()
    def initialize(self) -> None:
        """He initialization, with the first layer's fan-in that of the whole [p; q]."""
        first = self.user_half.weight
        for half in (self.user_half, self.item_half):
            half.weight.normal_(0.0, (2.0 / (2 * first.shape[1])) ** 0.5)
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.project.weight, nonlinearity="linear")
        for layer in (self.item_half, *self.hidden):
            layer.bias.zero_()

    def forward(self, p: Tensor, q: Tensor) -> Tensor:
        """h . z_L of Eq. 7 for B pairs, (B, E) each -> (B,)."""
        z = (self.user_half(p) + self.item_half(q)).relu()  # z_1 = a(W_1 [p; q] + b_1)
        for layer in self.hidden:
            z = layer(z).relu()
        projected: Tensor = self.project(z)
        return projected.squeeze(-1)

    def of_pairs(self, p: Tensor, q: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """`forward` of the pairs p[rows], q[columns]: (m, E), (n, E), int32 (B,), int32 (B,) -> (B,)."""
        return self.of_halves(self.of_users(p), self.of_items(q), rows, columns)

    def of_users(self, p: Tensor) -> Tensor:
        """W_user p: (m, E) -> (m, W)."""
        return linear(p, self.user_half.weight)

    def of_items(self, q: Tensor) -> Tensor:
        """W_item q + b_1: (n, E) -> (n, W)."""
        return linear(q, self.item_half.weight) + self.item_half.bias

    def of_halves(
        self, of_users: Tensor, of_items: Tensor, rows: Tensor, columns: Tensor, *, half_precision: bool = False
    ) -> Tensor:
        """`of_pairs` from the halves of the first layer, W_user p (m, W) and W_item q + b_1 (n, W)."""
        hidden = [(layer.weight, layer.bias) for layer in self.hidden]
        project = self.project.weight[0]
        return towers(of_users, of_items, rows, columns, hidden, project, half_precision=half_precision)


class InteractionUnit(nn.Module):
    """f(p, q) = h_gmf . (p * q) + h_mlp . z_L(p, q): GMF has the first part, MLP the second, NeuMF both.

    NeuMF's h (Eq. 8) is the two h side by side; both parts read the same embeddings, as in the paper.
    """

    def __init__(self, kind: Unit, embedding_size: int, layers: int) -> None:
        super().__init__()
        self.kind = kind
        self.gmf = nn.Parameter(torch.empty(embedding_size)) if kind in ("gmf", "neumf") else None
        self.tower = Tower(embedding_size, layers) if kind in ("mlp", "neumf") else None

    def forward(self, p: Tensor, q: Tensor) -> Tensor:
        """f(p, q) of B pairs, (B, E) each -> (B,)."""
        f = p.new_zeros(len(p)) if self.gmf is None else (p * q) @ self.gmf  # Eq. 6
        return f if self.tower is None else f + self.tower(p, q)  # Eq. 7; both are Eq. 8

    @torch.no_grad()
    def initialize(self) -> None:
        if self.gmf is not None:
            self.gmf.fill_(1.0)  # starts as the inner product of matrix factorization
        if self.tower is not None:
            self.tower.initialize()
