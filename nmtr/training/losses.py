"""The losses, as sums over instances; Eq. 12 is the λ-weighted sum of one log loss a behavior."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from nmtr.native import tensors as kernels


def log_loss(logits: Tensor, positive: int) -> Tensor:
    """The log loss of sampled instances, summed: the first `positive` logits are of label 1, the others of label 0."""
    softplus = torch.nn.functional.softplus
    return softplus(-logits[:positive]).sum() + softplus(logits[positive:]).sum()


def squared_error(scores: Tensor, positive: int) -> Tensor:
    """The squared error of sampled instances, summed; their labels as in `log_loss` (Eq. 3)."""
    return ((scores[:positive] - 1) ** 2).sum() + (scores[positive:] ** 2).sum()


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


def expected_log_loss_of_products(
    p: Tensor, q: Tensor, bias: Tensor, starts: Tensor, columns: Tensor, weight: Tensor
) -> Tensor:
    """`expected_log_loss` of the logits p q' + bias, of which only a few rows exist at a time.

    p: (B, E); q: (N, E); bias: (N,); user b's positives are columns[starts[b]:starts[b + 1]]; weight: (B,). The
    gradient is worked out on the way: the blocks stay in cache, and nothing of size (B, N) is ever held.
    """
    loss = _ExpectedLogLossOfProducts.apply(p, q, bias, starts, columns, weight)  # type: ignore[no-untyped-call]
    return cast(Tensor, loss)


#: Logits that a block of rows holds: 4 MB of float32.
_BLOCK_LOGITS = 1 << 20


class _ExpectedLogLossOfProducts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, p: Tensor, q: Tensor, bias: Tensor, starts: Tensor, columns: Tensor, weight: Tensor
    ) -> Tensor:
        if kernels.usable(p, q, bias, weight):
            worth, *gradients = kernels.exact_block(p, q, bias, starts, columns, weight)
            ctx.save_for_backward(*gradients)
            return p.new_tensor(worth)
        size = max(1, min(len(p), _BLOCK_LOGITS // len(q)))
        space, scratch = p.new_empty(size, len(q)), p.new_empty(size, len(q))
        cost = p.new_zeros(())
        of_p, of_q, of_bias = torch.empty_like(p), torch.zeros_like(q), torch.zeros_like(bias)
        for first in range(0, len(p), size):
            block = slice(first, min(first + size, len(p)))
            logits = torch.addmm(bias, p[block], q.T, out=space[: block.stop - first])
            ends = starts[first : block.stop + 1]
            rows = torch.repeat_interleave(ends.diff())
            cost += _cost_then_gradient(
                logits, rows, columns[ends[0] : ends[-1]], weight[block], scratch[: len(logits)]
            )
            torch.mm(logits, q, out=of_p[block])
            of_q.addmm_(logits.T, p[block])
            of_bias += logits.sum(0)
        ctx.save_for_backward(of_p, of_q, of_bias)
        return cost

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return (*(gradient.mul_(outer[0]) for gradient in ctx.saved_tensors), None, None, None)


class _ExpectedLogLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, rows: Tensor, columns: Tensor, weight: Tensor) -> Tensor:
        cost = _cost_then_gradient(logits, rows, columns, weight)
        ctx.save_for_backward(logits)
        return cost

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(outer[0]), None, None, None


def _cost_then_gradient(
    logits: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, scratch: Tensor | None = None
) -> Tensor:
    """The expected log loss of (B, n) logits, which its gradient then overwrites: they are the bulk of what a step
    moves through memory."""
    observed = logits[rows, columns]
    softplus = torch.nn.functional.softplus
    cost = torch.dot(softplus(logits, out=scratch).sum(1), weight)  # type: ignore[call-arg]
    cost += softplus(-observed).sum() - torch.dot(weight[rows], softplus(observed))
    logits.sigmoid_().mul_(weight[:, None])
    logits[rows, columns] = observed.sigmoid() - 1
    return cost
