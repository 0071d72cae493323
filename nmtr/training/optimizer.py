"""Optimizers that touch only what changed, where that gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nmtr.config import RunConfig, given
from nmtr.native import tensors as kernels


class Adagrad(torch.optim.Adagrad):
    """Adagrad for which a sparse gradient's rows are distinct: only these rows are read and written.

    A row without a gradient would not move: the result is that of dense gradients.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is not None and gradient.is_sparse and not group["weight_decay"]:
                    sums = self.state[parameter]["sum"]
                    _step(parameter, sums, gradient._indices()[0], gradient._values(), group["lr"], group["eps"])
                    parameter.grad = None
        densify(self)
        return super().step(closure)


def _step(table: Tensor, sums: Tensor, rows: Tensor, values: Tensor, rate: float, epsilon: float) -> None:
    if kernels.usable(table, values):
        return kernels.adagrad_rows(table, sums, rows, values, rate, epsilon)
    squares = sums.index_select(0, rows).addcmul_(values, values)
    sums.index_copy_(0, rows, squares)
    table.index_add_(0, rows, values / squares.sqrt_().add_(epsilon), alpha=-rate)


def densify(optimizer: torch.optim.Optimizer) -> None:
    """Fills up the sparse gradients: a penalty, or Adam's momentum, moves every row."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()


class Adam(torch.optim.Adam):
    """Adam, whose momentum moves every row at every step."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        densify(self)
        return super().step(closure)


def optimizer_of(model: nn.Module, config: RunConfig) -> torch.optim.Optimizer:
    """Adagrad or Adam, with an L2 penalty of its own for embeddings (and item biases) and for towers."""
    tables: list[nn.Parameter] = []
    units: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (units if name.startswith("units.") else tables).append(parameter)
    groups = [
        {"params": tables, "weight_decay": given(config.l2_embeddings)},
        {"params": units, "weight_decay": config.l2_towers},
    ]
    groups = [group for group in groups if group["params"]]
    kind = Adagrad if config.optimizer == "adagrad" else Adam
    return kind(groups, lr=given(config.learning_rate), fused=True)
