"""The losses, as sums over instances; Eq. 12 is the λ-weighted sum of one log loss a behavior."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


def log_loss(logits: Tensor, positive: int) -> Tensor:
    """The log loss of sampled instances, summed: the first `positive` logits are of label 1, the others of label 0."""
    softplus = torch.nn.functional.softplus
    return softplus(-logits[:positive]).sum() + softplus(logits[positive:]).sum()


def bpr_loss(differences: Tensor) -> Tensor:
    """-ln σ of how much better the purchase scores than the negative, summed (the log loss of BPR)."""
    return torch.nn.functional.softplus(-differences).sum()


def expected_log_loss(logits: Tensor, rows: Tensor, columns: Tensor, weight: Tensor) -> Tensor:
    """The expectation of `log_loss` over the sampled negatives, with nothing sampled.

    logits: (B, n), overwritten; rows, columns: where the positives stand; weight: (B,), what each unobserved item
    counts, ρ n_u / (N - n_u). Every positive of u draws ρ negatives uniformly from u's N - n_u unobserved items, so an
    unobserved item is drawn that many times on average.
    """
    return cast(Tensor, _ExpectedLogLoss.apply(logits, rows, columns, weight))  # type: ignore[no-untyped-call]


class _ExpectedLogLoss(torch.autograd.Function):
    """Writes the gradient over the logits: (B, n) blocks are the bulk of the memory that a step moves."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, rows: Tensor, columns: Tensor, weight: Tensor) -> Tensor:
        observed = logits[rows, columns]
        softplus = torch.nn.functional.softplus
        cost = torch.dot(softplus(logits).sum(1), weight)
        cost += softplus(-observed).sum() - torch.dot(weight[rows], softplus(observed))
        gradient = logits.sigmoid_().mul_(weight[:, None])
        gradient[rows, columns] = observed.sigmoid() - 1
        ctx.save_for_backward(gradient)
        return cost

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(outer[0]), None, None, None
