"""The squared loss in closed form, against every user-item pair written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.models.ehcf import EHCF
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.training.losses import squared_error
from nmtr.training.objectives import SampledLoss
from nmtr.training.squared import SquaredLoss

pytestmark = pytest.mark.usefixtures("one_thread")

WEIGHT = 0.3


def observations() -> NDArray[np.bool_]:
    """Three behaviors, six users, seven items: one user viewed everything, another never did anything."""
    observed = np.random.default_rng(0).random((3, 6, 7)) < 0.3
    observed[0, 1] = True
    observed[:, 4] = False
    return observed


def model_of(behaviors: int, users: int, items: int) -> NMTR:
    torch.manual_seed(0)
    model = NMTR(users, items, ("gmf",) * behaviors, embedding_size=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.6)
    return model


def squared_loss(model: NMTR, observed: NDArray[np.bool_], *, batch_size: int = 4, dropout: float = 0.0) -> SquaredLoss:
    train = [csr_array(own.astype(np.uint8)) for own in observed]
    lambdas = np.arange(1, len(observed) + 1) / np.arange(1, len(observed) + 1).sum()
    return SquaredLoss(model, train, lambdas.tolist(), unobserved_weight=WEIGHT, batch_size=batch_size, dropout=dropout)


def epoch(objective: SquaredLoss) -> NDArray[np.float64]:
    return np.sum([objective.backward(batch) for batch in objective.batches(np.random.default_rng(0))], 0)


def written_out(model: NMTR, observed: NDArray[np.bool_]) -> Tensor:
    """(R,) pair by pair, the stages added up as Eq. 9 has them."""
    losses = []
    for r, own in enumerate(observed):
        loss = torch.zeros((), dtype=torch.float64)
        for (u, i), touched in np.ndenumerate(own):
            out = torch.zeros((), dtype=torch.float64)
            for unit, bias in zip(model.units[: r + 1], model.bias, strict=False):
                assert unit.gmf is not None
                out = out + (unit.gmf * model.users.weight[u] * model.items.weight[i]).sum() + bias[i]
            loss = loss + ((out - 1) ** 2 if touched else WEIGHT * out**2)
        losses.append(loss)
    return torch.stack(losses)


@pytest.mark.parametrize("batch_size", [6, 4, 1], ids=["one block", "two blocks", "a block a user"])
@pytest.mark.parametrize("behaviors", [3, 1])
def test_loss_and_gradient_are_those_of_every_pair_written_out(behaviors: int, batch_size: int) -> None:
    observed = observations()[:behaviors]
    model = model_of(behaviors, 6, 7).double()
    objective = squared_loss(model, observed, batch_size=batch_size)
    expected = written_out(model, observed)
    # In mean over a step's share of the observed pairs.
    cost = (expected.new_tensor(objective.lambdas) * expected).sum() * objective.steps / observed.sum()
    gradients = torch.autograd.grad(cost, [*model.parameters()])

    np.testing.assert_allclose(epoch(objective), expected.detach().numpy(), rtol=1e-12)
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert parameter.grad is not None and gradient.any(), f"{name} is not exercised"
        torch.testing.assert_close(parameter.grad.to_dense(), gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("every_path")
@pytest.mark.parametrize("batch_size", [6, 1], ids=["one block", "a block a user"])
def test_single_precision_gives_the_same(batch_size: int) -> None:
    observed = observations()
    model, double = model_of(3, 6, 7), model_of(3, 6, 7).double()
    losses, expected = (epoch(squared_loss(own, observed, batch_size=batch_size)) for own in (model, double))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for parameter, reference in zip(model.parameters(), double.parameters(), strict=True):
        assert parameter.grad is not None and reference.grad is not None
        torch.testing.assert_close(parameter.grad.double().to_dense(), reference.grad.to_dense(), rtol=1e-4, atol=1e-5)


def test_two_stages_worked_out_by_hand() -> None:
    """One user, two items, two behaviors, p = 2, q = (1, -1), h = (0.5, 0.25), no bias but 0.5 for item 0's second.

    Stage 1: out = (1, -1), item 0 observed: (1 - 1)^2 + 0.3 * (-1)^2 = 0.3.
    Stage 2: out = (2, -1.5), the bias of both stages (0.5, 0) added: (2, -1.5), item 1 observed:
    0.3 * 2^2 + (-1.5 - 1)^2 = 1.2 + 6.25 = 7.45.
    """
    model = NMTR(1, 2, ("gmf", "gmf"), embedding_size=1)
    values = {"users.weight": [[2.0]], "items.weight": [[1.0], [-1.0]], "units.0.gmf": [0.5], "units.1.gmf": [0.25]}
    model.load_state_dict(
        {name: torch.tensor(value) for name, value in (values | {"bias": [[0.0] * 2, [0.5, 0]]}).items()}
    )
    observed = np.array([[[True, False]], [[False, True]]])
    np.testing.assert_allclose(epoch(squared_loss(model, observed)), [0.3, 7.45], rtol=1e-6)


def test_a_model_that_says_nothing_has_loss_one_an_observed_pair() -> None:
    observed = observations()
    model = model_of(3, 6, 7)
    with torch.no_grad():
        model.items.weight.zero_()
        model.bias.zero_()
    objective = squared_loss(model, observed)
    np.testing.assert_allclose(epoch(objective) / objective.instances, 1.0)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 10_000), st.data())
def test_relabeling_users_and_items_and_cutting_blocks_change_nothing(
    users: int, items: int, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    observed = rng.random((2, users, items)) < 0.4
    observed[0, 0, 0] = True
    model = model_of(2, users, items).double()
    size = data.draw(st.integers(1, users))
    expected = epoch(squared_loss(model, observed, batch_size=users))
    by_user, by_item = rng.permutation(users), rng.permutation(items)
    with torch.no_grad():
        model.users.weight.copy_(model.users.weight[by_user].clone())
        model.items.weight.copy_(model.items.weight[by_item].clone())
        model.bias.copy_(model.bias[:, by_item].clone())
    relabeled = observed[:, by_user][:, :, by_item]
    np.testing.assert_allclose(epoch(squared_loss(model, relabeled, batch_size=size)), expected, rtol=1e-9)


def test_dropout_changes_the_loss_in_training_only() -> None:
    model = model_of(3, 6, 7)

    def losses(dropout: float) -> list[float]:
        torch.manual_seed(0)
        return [float(loss) for loss in epoch(squared_loss(model, observations(), dropout=dropout))]

    assert losses(0.5) != losses(0.0)
    model.eval()
    assert losses(0.5) == losses(0.0)


@pytest.mark.parametrize("name", ["items shared", "users shared", "EHCF", "NMTR, mean", "NMTR, separate"])
def test_every_model_of_products_has_the_loss_of_every_pair_written_out(name: str) -> None:
    torch.manual_seed(0)
    made: dict[str, Any] = {
        "items shared": Factorization(6, 7, 3, shared="item", embedding_size=4, item_bias=True),
        "users shared": Factorization(6, 7, 3, shared="user", embedding_size=4, item_bias=True),
        "EHCF": EHCF(6, 7, 3, embedding_size=4),
        "NMTR, mean": NMTR(6, 7, ("gmf",) * 3, embedding_size=4, cascade="mean"),
        "NMTR, separate": NMTR(6, 7, ("gmf",) * 3, embedding_size=4, embedding="separate"),
    }
    model = made[name].double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.6)
    observed = observations()
    z, q, bias = model.products(torch.arange(6), 0.0)
    losses = torch.zeros(3, dtype=torch.float64)
    for (r, u, i), touched in np.ndenumerate(observed):
        out = z[r, u] @ (q if q.dim() == 2 else q[r])[i] + bias[r, i]
        losses[r] = losses[r] + ((out - 1) ** 2 if touched else WEIGHT * out**2)
    objective = squared_loss(model, observed, batch_size=4)
    cost = (losses.new_tensor(objective.lambdas) * losses).sum() * objective.steps / observed.sum()
    gradients = torch.autograd.grad(cost, [*model.parameters()])
    np.testing.assert_allclose(epoch(objective), losses.detach().numpy(), rtol=1e-12)
    for (part, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        assert parameter.grad is not None and gradient.to_dense().any(), f"{part} is not exercised"
        torch.testing.assert_close(parameter.grad.to_dense(), gradient.to_dense(), rtol=1e-10, atol=1e-12)


def test_sampled_squared_error_is_that_of_labels_0_and_1() -> None:
    """CMF as the paper trained it: Eq. 3 over what was drawn."""
    model = Factorization(6, 7, 3, embedding_size=4)
    train = [csr_array(own.astype(np.uint8)) for own in observations()]
    objective = SampledLoss(model, train, (0.2, 0.3, 0.5), negatives=2, batch_size=100, dropout=0.0, loss=squared_error)
    (batch,) = objective.batches(np.random.default_rng(0))
    z, q, _ = model.products(torch.arange(6), 0.0)
    expected = []
    for r, (users, items, positives) in enumerate(zip(batch.users, batch.items, batch.positives, strict=True)):
        labels = np.arange(len(users)) < positives
        error = (z[r] @ q.T).detach()[users, items] - torch.from_numpy(labels).float()
        expected.append(float((error**2).sum()))
    np.testing.assert_allclose(objective.backward(batch), expected, rtol=1e-5)
