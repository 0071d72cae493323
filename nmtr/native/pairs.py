"""Scores of listed pairs from two tables of vectors, with gradients: kernels where there are, else PyTorch.

Pairs are two int32 vectors, `rows` of the first table and `columns` of the second. The kernels gather nothing into one
vector a pair, so a pair costs its arithmetic and little else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from nmtr.native import tensors as kernels


def embed(table: nn.Embedding, rows: Tensor) -> Tensor:
    """The rows (m,) int64, each but once, of a table, (m, E); its gradient holds these rows only."""
    return nn.functional.embedding(rows, table.weight, sparse=True)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x weight': (n, in), (out, in) -> (n, out)."""
    if not kernels.usable(x, weight):
        return nn.functional.linear(x, weight)
    return cast(Tensor, _Linear.apply(x, weight))  # type: ignore[no-untyped-call]


def dots(p: Tensor, k: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """p[rows] . k[columns]: (m, E), (n, E), (B,), (B,) -> (B,)."""
    if not kernels.usable(p, k):
        return (p.index_select(0, rows) * k.index_select(0, columns)).sum(1)
    return cast(Tensor, _Dots.apply(p, k, rows, columns))  # type: ignore[no-untyped-call]


def towers(
    of_users: Tensor,
    of_items: Tensor,
    rows: Tensor,
    columns: Tensor,
    hidden: Sequence[tuple[Tensor, Tensor]],
    project: Tensor,
    *,
    half_precision: bool = False,
) -> Tensor:
    """h . z_L (Eq. 7) of each pair, from the halves of the first layer: (m, W), (n, W), (B,), (B,) -> (B,).

    hidden: the weight (out, in) and bias (out,) of each layer after the first; project: (last,). Half precision is for
    the kernels and without gradients: see `kernels.tower`.
    """
    if not kernels.usable(of_users, of_items):
        z = (of_users.index_select(0, rows) + of_items.index_select(0, columns)).relu_()
        for weight, bias in hidden:
            z = torch.nn.functional.linear(z, weight, bias).relu_()
        return z @ project
    if half_precision:
        weights = kernels.TowerWeights([weight for weight, _ in hidden], [bias for _, bias in hidden], project)
        return kernels.tower(of_users, of_items, rows, columns, weights, half_precision=True)
    flat = [tensor for layer in hidden for tensor in layer]
    return cast(Tensor, _Towers.apply(of_users, of_items, rows, columns, project, *flat))  # type: ignore[no-untyped-call]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return kernels.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, *slope: Tensor) -> tuple[Tensor, ...]:
        x, weight = ctx.saved_tensors
        return kernels.linear_backward(x, weight, slope[0])


class _Dots(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, p: Tensor, k: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(p, k, rows, columns)
        return kernels.dots(p, k, rows, columns)

    @staticmethod
    def backward(ctx: Any, *slope: Tensor) -> tuple[Tensor | None, ...]:
        p, k, rows, columns = ctx.saved_tensors
        return (*kernels.dots_backward(p, k, rows, columns, slope[0]), None, None)


class _Towers(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, of_users: Tensor, of_items: Tensor, rows: Tensor, columns: Tensor, project: Tensor, *hidden: Tensor
    ) -> Tensor:
        ctx.save_for_backward(of_users, of_items, rows, columns, project, *hidden)
        return kernels.tower(
            of_users, of_items, rows, columns, kernels.TowerWeights(hidden[::2], hidden[1::2], project)
        )

    @staticmethod
    def backward(ctx: Any, *slope: Tensor) -> tuple[Tensor | None, ...]:
        of_users, of_items, rows, columns, project, *hidden = ctx.saved_tensors
        weights = kernels.TowerWeights(hidden[::2], hidden[1::2], project)
        d_users, d_items, d = kernels.tower_backward(of_users, of_items, rows, columns, weights, slope[0])
        of_hidden = [tensor for layer in zip(d.weights, d.biases, strict=True) for tensor in layer]
        return d_users, d_items, None, None, d.project, *of_hidden
