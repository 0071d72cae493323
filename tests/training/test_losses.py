"""The losses, against the same written out naively in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from nmtr.training.losses import bpr_loss, expected_log_loss, log_loss

pytestmark = pytest.mark.usefixtures("one_thread")


def softplus(z: float) -> float:
    """-ln(1 - σ(z))"""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def expected(logits: Tensor, positives: set[tuple[int, int]], weight: Tensor) -> tuple[float, Tensor]:
    """The loss and its gradient, pair by pair."""
    total, gradient = 0.0, torch.zeros(logits.shape)
    for (u, i), z in np.ndenumerate(logits.double().numpy()):
        chance = 1 / (1 + math.exp(-z))
        if (u, i) in positives:
            total, gradient[u, i] = total + softplus(-z), chance - 1
        else:
            total, gradient[u, i] = total + float(weight[u]) * softplus(z), float(weight[u]) * chance
    return total, gradient


@pytest.mark.parametrize("spread", [0.01, 3.0, 50.0], ids=lambda spread: f"logits about {spread}")
def test_expected_log_loss_and_its_gradient_are_exact_for_any_logits(spread: float) -> None:
    logits = (torch.randn(6, 9, generator=torch.Generator().manual_seed(0)) * spread).requires_grad_()
    rows, columns = torch.tensor([0, 0, 2, 5]), torch.tensor([0, 7, 3, 8])
    weight = torch.tensor([0.5, 0.0, 4.0, 1e-3, 1.0, 0.25])
    pairs = set(zip(rows.tolist(), columns.tolist(), strict=True))
    loss, gradient = expected(logits.detach(), pairs, weight)
    actual = expected_log_loss(logits * 1, rows, columns, weight)
    (3 * actual).backward()  # type: ignore[no-untyped-call]
    assert actual.item() == pytest.approx(loss, rel=1e-5)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, 3 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("z", [50.0, -50.0])
def test_losses_of_saturated_logits_count_in_full(z: float) -> None:
    """A confident mistake costs its logit, a confident hit nothing, and neither overflows."""
    mistakes = expected_log_loss(torch.full((1, 2), z), torch.tensor([0]), torch.tensor([0]), torch.tensor([2.0]))
    assert mistakes.item() == pytest.approx(100.0 if z > 0 else 50.0)
    sampled = log_loss(torch.full((3,), z), 1)
    assert sampled.item() == pytest.approx(100.0 if z > 0 else 50.0)
    assert bpr_loss(torch.tensor([z])).item() == pytest.approx(0.0 if z > 0 else 50.0)


def test_expected_log_loss_allows_users_without_positives() -> None:
    nobody = torch.empty(0, dtype=torch.int64)
    loss = expected_log_loss(torch.zeros(2, 3), nobody, nobody, torch.tensor([1.0, 0.0]))
    assert loss.item() == pytest.approx(3 * math.log(2))


def test_log_loss_counts_positives_first() -> None:
    # -ln σ(2) - ln(1 - σ(-1)) - ln(1 - σ(0))
    assert log_loss(torch.tensor([2.0, -1.0, 0.0]), 1).item() == pytest.approx(
        softplus(-2.0) + softplus(-1.0) + math.log(2)
    )


def test_bpr_loss_is_the_log_loss_of_the_difference() -> None:
    differences = torch.tensor([[2.0, -1.0], [0.0, 0.5]])
    expected = -sum(math.log(1 / (1 + math.exp(-d))) for d in differences.flatten().tolist())
    assert bpr_loss(differences).item() == pytest.approx(expected)
