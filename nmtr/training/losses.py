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
        chance = logits.sigmoid_()
        # softplus(z) = -ln(1 - σ(z)); where σ(z) rounds to 1 the clamp keeps it finite: z > 16.6 counts as 16.6.
        cost = -torch.log1p(chance.neg().clamp_(min=-1 + 6e-8)).sum(1)
        cost = torch.dot(cost, weight)
        on = observed.sigmoid()
        cost += softplus(-observed).sum() - (weight[rows] * softplus(observed).clamp(max=16.6)).sum()
        gradient = chance.mul_(weight[:, None])
        gradient[rows, columns] = on - 1
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(rows, columns)
        return cost

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(outer[0]), None, None, None
