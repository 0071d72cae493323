"""Gradients against the paper's equations written out pair by pair, and the exact loss against the sampled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.stats import chisquare
from torch import Tensor, nn
from torch.nn.functional import softplus

from nmtr.config.methods import Unit
from nmtr.models.nmtr import NMTR
from nmtr.training import exact
from nmtr.training.exact import ExactLoss
from nmtr.training.objectives import SampledLoss
from nmtr.training.sampling import Batch
from nmtr.training.shared import Block, SharedLoss
from tests.conftest import in_short

pytestmark = pytest.mark.usefixtures("one_thread", "every_path")

LAMBDAS = (0.2, 0.3, 0.5)
NEGATIVES = 3
MIXES: list[tuple[Unit, ...]] = [("gmf", "gmf", "gmf"), ("mlp", "gmf", "neumf"), ("neumf", "neumf", "mlp")]
in_every_mix = pytest.mark.parametrize("units", MIXES, ids="+".join)


def observations() -> list[csr_array]:
    """Five users, six items: one user viewed everything, another bought nothing."""
    observed = np.random.default_rng(3).random((3, 5, 6)) < 0.35
    observed[0, 1] = True
    observed[2, 4] = False
    return [csr_array(own.astype(np.uint8)) for own in observed]


def model_of(units: Sequence[Unit]) -> NMTR:
    torch.manual_seed(0)
    model = NMTR(5, 6, units, embedding_size=4, layers=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.6)
    return model


def exact_loss(model: NMTR, batch_size: int = 5, dropout: float = 0.0) -> ExactLoss:
    return ExactLoss(model, observations(), LAMBDAS, negatives=NEGATIVES, batch_size=batch_size, dropout=dropout)


def sampled_loss(model: NMTR, batch_size: int = 5, dropout: float = 0.0) -> SampledLoss:
    return SampledLoss(model, observations(), LAMBDAS, negatives=NEGATIVES, batch_size=batch_size, dropout=dropout)


def shared_loss(model: NMTR, batch_size: int = 5, dropout: float = 0.0) -> SharedLoss:
    return SharedLoss(model, observations(), LAMBDAS, negatives=NEGATIVES, batch_size=batch_size, dropout=dropout)


def in_double(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().double().requires_grad_() for name, weight in model.named_parameters()}


def naive_logit(weights: dict[str, Tensor], stage: int, u: int, i: int) -> Tensor:
    """Eq. 6-9 for one pair, up to a stage."""
    p, q = weights["users.weight"][u], weights["items.weight"][i]
    out = torch.zeros((), dtype=torch.float64)
    for r in range(stage + 1):
        unit = {name.removeprefix(f"units.{r}."): w for name, w in weights.items() if name.startswith(f"units.{r}.")}
        out = out + weights["bias"][r, i]
        if "gmf" in unit:
            out = out + (unit["gmf"] * p * q).sum()
        if "tower.project.weight" in unit:
            first = torch.cat([unit["tower.user_half.weight"], unit["tower.item_half.weight"]], 1)  # W_1 of [p; q]
            z = torch.relu(first @ torch.cat([p, q]) + unit["tower.item_half.bias"])
            z = torch.relu(unit["tower.hidden.0.weight"] @ z + unit["tower.hidden.0.bias"])
            out = out + unit["tower.project.weight"][0] @ z
    return out


def assert_gradients(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        expected = weights[name].grad
        assert parameter.grad is not None and expected is not None, name
        assert expected.any(), f"{name} is not exercised"
        torch.testing.assert_close(parameter.grad.to_dense().double(), expected, rtol=1e-4, atol=1e-6)


@in_every_mix
@pytest.mark.parametrize("batch_size", [5, 2], ids=["one batch", "three batches"])
@pytest.mark.parametrize("tower_pairs", [1 << 17, 8], ids=["all items", "blocks of items"])
def test_exact_loss_has_the_gradient_of_every_pair_written_out(
    units: tuple[Unit, ...], batch_size: int, tower_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "_TOWER_PAIRS", tower_pairs)
    model = model_of(units)
    weights = in_double(model)
    losses, instances = [], 0.0
    for r, matrix in enumerate(observations()):
        touched = matrix.toarray().astype(bool)
        loss = torch.zeros((), dtype=torch.float64)
        for u in range(5):
            own, rest = int(touched[u].sum()), int((~touched[u]).sum())
            instances += own * (1 + NEGATIVES) if rest else own
            for i in range(6):
                z = naive_logit(weights, r, u, i)
                loss = loss + (softplus(-z) if touched[u, i] else NEGATIVES * own / rest * softplus(z))
        losses.append(loss)
    objective = exact_loss(model, batch_size)
    # A step's loss is in mean over its share of the instances: those of the epoch over the number of steps.
    scale = objective.steps / instances
    (sum(weight * loss for weight, loss in zip(LAMBDAS, losses, strict=True)) * scale).backward()  # type: ignore[union-attr]

    batches = [*objective.batches(np.random.default_rng(0))]
    assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2, 3, 4] and len(batches) == objective.steps
    actual = sum(objective.backward(batch) for batch in batches)
    np.testing.assert_allclose(actual, [loss.item() for loss in losses], rtol=1e-5)
    assert_gradients(model, weights)


@in_every_mix
def test_sampled_loss_has_the_gradient_of_every_instance_written_out(units: tuple[Unit, ...]) -> None:
    model = model_of(units)
    weights = in_double(model)
    batch = Batch(
        users=[np.array([0, 2, 0, 0, 2, 3]), np.array([4, 1, 1, 1, 1]), np.array([1, 0, 3, 3, 3])],
        items=[np.array([5, 1, 0, 2, 4, 0]), np.array([0, 0, 3, 4, 5]), np.array([1, 2, 0, 4, 5])],
        positives=[2, 1, 2],
    )
    losses = []
    for r, (users, items, positives) in enumerate(zip(batch.users, batch.items, batch.positives, strict=True)):
        loss = torch.zeros((), dtype=torch.float64)
        for instance, (u, i) in enumerate(zip(users, items, strict=True)):
            z = naive_logit(weights, r, int(u), int(i))
            loss = loss + softplus(-z if instance < positives else z)
        losses.append(loss)
    objective = sampled_loss(model)
    scale = objective.steps / objective.instances.sum()
    (sum(weight * loss for weight, loss in zip(LAMBDAS, losses, strict=True)) * scale).backward()  # type: ignore[union-attr]

    np.testing.assert_allclose(objective.backward(batch), [loss.item() for loss in losses], rtol=1e-5)
    assert_gradients(model, weights)


@in_every_mix
def test_shared_loss_has_the_gradient_of_every_pair_written_out(units: tuple[Unit, ...]) -> None:
    """A drawn item stands for 1 / (S q) items: what it counts in the exact loss, so many times."""
    model = model_of(units)
    weights = in_double(model)
    objective = shared_loss(model)
    block = Block(users=np.array([4, 1, 0]), items=np.array([[5, 0], [3, 3], [2, 4]]))
    losses = []
    for r, matrix in enumerate(observations()):
        touched = matrix.toarray().astype(bool)
        loss = torch.zeros((), dtype=torch.float64)
        for u, drawn in zip(block.users, block.items, strict=True):
            own, rest = int(touched[u].sum()), int((~touched[u]).sum())
            for i in np.flatnonzero(touched[u]):
                loss = loss + softplus(-naive_logit(weights, r, int(u), int(i)))
            for i in drawn:
                if not touched[u, i]:
                    stands_for = 1 / (2 * objective.chance[i])
                    z = naive_logit(weights, r, int(u), int(i))
                    loss = loss + stands_for * NEGATIVES * own / rest * softplus(z)
        losses.append(loss)
    scale = objective.steps / objective.instances.sum()
    (sum(weight * loss for weight, loss in zip(LAMBDAS, losses, strict=True)) * scale).backward()  # type: ignore[union-attr]

    np.testing.assert_allclose(objective.backward(block), [loss.item() for loss in losses], rtol=1e-5)
    assert_gradients(model, weights)


def test_shared_epoch_holds_every_user_once_and_goes_through_as_many_stages_as_the_sampled_one() -> None:
    objective = shared_loss(model_of(("gmf", "gmf", "gmf")), batch_size=2)
    blocks = [*objective.batches(np.random.default_rng(0))]
    assert sorted(np.concatenate([block.users for block in blocks]).tolist()) == [0, 1, 2, 3, 4]
    sampled = objective.expected.drawn.sum(1) @ [1, 2, 3]
    assert sum(3 * block.items.size for block in blocks) == pytest.approx(sampled, abs=3 * 5 / 2)


def test_shared_negatives_are_drawn_with_their_chances() -> None:
    objective = shared_loss(model_of(("gmf", "gmf", "gmf")), batch_size=5)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([block.items.ravel() for _ in range(300) for block in objective.batches(rng)])
    assert objective.chance.sum() == pytest.approx(1) and np.ptp(objective.chance) > 0.01
    assert chisquare(np.bincount(drawn, minlength=6), objective.chance * len(drawn)).pvalue > 1e-3


@in_short
@in_every_mix
@pytest.mark.parametrize(("make", "batch_size"), [(sampled_loss, 100), (shared_loss, 2)], ids=["sampled", "shared"])
def test_exact_loss_is_the_mean_of_the_sampled_loss(units: tuple[Unit, ...], make: Any, batch_size: int) -> None:
    """Monte Carlo: the mean of 400 epochs' losses lies within four standard errors, which are under 2 %."""
    model = model_of(units).eval()
    exact, sampled = exact_loss(model), make(model, batch_size=batch_size)
    np.testing.assert_allclose(exact.instances, sampled.instances)
    expected = exact.backward(np.arange(5))
    rng = np.random.default_rng(0)
    epochs = np.array([sum(sampled.backward(batch) for batch in sampled.batches(rng)) for _ in range(400)])
    error = epochs.std(0, ddof=1) / np.sqrt(len(epochs))
    assert (0 < error).all() and (error < 0.02 * expected).all()
    assert (np.abs(epochs.mean(0) - expected) < 4 * error).all()


@pytest.mark.parametrize("make", [exact_loss, sampled_loss, shared_loss])
def test_dropout_changes_the_loss_in_training_only(make: Any) -> None:
    model = model_of(("gmf", "neumf", "gmf"))

    def losses(dropout: float) -> list[float]:
        torch.manual_seed(0)
        objective = make(model, dropout=dropout)
        batches = objective.batches(np.random.default_rng(0))
        return [float(value) for value in sum(objective.backward(batch) for batch in batches)]

    assert losses(0.5) != losses(0.0)
    model.eval()
    assert losses(0.5) == losses(0.0)
