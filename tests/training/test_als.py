"""Alternating least squares: its objective written out pair by pair, never rising, and its steps in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from nmtr.config import Cascade
from nmtr.data.split import split
from nmtr.errors import NmtrError
from nmtr.methods import contract
from nmtr.training.als import LeastSquares
from nmtr.training.report import Stopped
from tests.conftest import in_short, random_dataset, resolved

pytestmark = [pytest.mark.usefixtures("one_thread", "every_path"), in_short]

SHOP = random_dataset(num_users=40, num_items=60)
TRAIN = split(SHOP, "clean", 0).train
LAMBDAS = (0.2, 0.3, 0.5)


def solver(train: tuple[csr_array, ...] = TRAIN, **options: Any) -> LeastSquares:
    """On the shop, or on other matrices as the behaviors of one."""
    config = resolved(
        SHOP, **{"solver": "als", "embedding_size": 6, "unobserved_weight": 0.2, "lambdas": LAMBDAS, **options}
    )
    torch.manual_seed(0)
    method = contract.trained(config)
    learning = method.learning(method.build(config, SHOP.num_users, SHOP.num_items), config, train)
    assert isinstance(learning, LeastSquares)
    return learning


def never() -> bool:
    return False


def sweep(als: LeastSquares, times: int = 1) -> NDArray[np.float64]:
    return [als.epoch(number + 1, never)[0] for number in range(times)][-1]


def written_out(als: LeastSquares, l2: float, lambdas: tuple[float, ...] = LAMBDAS, w: float = 0.2) -> float:
    """The objective, every pair by Eq. 9 and the penalty as the module states it, in float64."""
    model = als.model.double()
    users, items = torch.cartesian_prod(torch.arange(SHOP.num_users), torch.arange(SHOP.num_items)).T
    out = model(users, items).detach().numpy().reshape(len(lambdas), SHOP.num_users, SHOP.num_items)
    heads = model.heads().detach().numpy()
    p, q = model.users.weight.detach().numpy(), model.items.weight.detach().numpy()
    total = 0.0
    scale_u, scale_i = np.zeros(SHOP.num_users), np.zeros(SHOP.num_items)
    for weight, matrix, own in zip(lambdas, TRAIN[-len(lambdas) :], out, strict=True):
        y = matrix.toarray()
        total += weight * (np.where(y > 0, 1, w) * (own - y) ** 2).sum()
        scale_u += weight * (y.sum(1) + w * SHOP.num_items)
        scale_i += weight * (y.sum(0) + w * SHOP.num_users)
    for weight, head in zip(lambdas, heads, strict=True):
        total += l2 * weight * float(scale_u @ ((p * head) ** 2).sum(1))
    total += l2 * float(scale_i @ (q**2).sum(1))
    als.model.float()
    return total


@pytest.mark.parametrize("cascade", ["sum", "mean", "none"])
def test_objective_is_the_one_that_is_stated(cascade: Cascade) -> None:
    als = solver(l2_embeddings=0.02, cascade=cascade)
    sweep(als, 2)
    assert als.objective() == pytest.approx(written_out(als, 0.02), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lambdas": (1 / 3, 1 / 3, 1 / 3), "cascade": "mean"},
        {"lambdas": (0.0, 0.0, 1.0)},
        {"lambdas": (1.0, 0.0, 0.0)},
        {"lambdas": (0.0, 0.5, 0.5), "cascade": "none"},
        {"l2_scaling": False, "l2_embeddings": 0.5},
        {"unobserved_weight": 1.0},
        {"method": "gmf", "lambdas": None},
    ],
    ids=str,
)
def test_objective_never_rises(options: dict[str, Any]) -> None:
    als = solver(**options)
    values = [als.objective()]
    for number in range(12):
        als.epoch(number + 1, never)
        values.append(als.objective())
    assert all(after <= before * (1 + 1e-5) for before, after in zip(values, values[1:], strict=False))
    assert values[-1] < 0.9 * values[0]


def test_of_two_and_of_four_behaviors_the_objective_never_rises() -> None:
    for behaviors in (("cart", "buy"), ("seen", "view", "cart", "buy")):
        shop = random_dataset(40, 60, behaviors)
        config = resolved(shop, solver="als", embedding_size=5)
        method = contract.trained(config)
        als = method.learning(method.build(config, 40, 60), config, split(shop, "clean", 0).train)
        assert isinstance(als, LeastSquares)
        values = []
        for number in range(8):
            als.epoch(number + 1, never)
            values.append(als.objective())
        assert all(after <= before * (1 + 1e-5) for before, after in zip(values, values[1:], strict=False))


def test_each_step_is_the_exact_minimum_in_float64() -> None:
    """One user, one item and one head, solved by hand from the objective while the others stay."""
    als, l2, w = solver(l2_embeddings=0.02), 0.02, 0.2
    sweep(als)
    model = als.model
    q = model.items.weight.detach().double().numpy()
    heads = model.heads().detach().double().numpy()
    user, ones = 7, [matrix[[7]].toarray()[0].astype(float) for matrix in TRAIN]
    a, b = np.zeros((6, 6)), np.zeros(6)
    scale = sum(weight * (y.sum() + w * SHOP.num_items) for weight, y in zip(LAMBDAS, ones, strict=True))
    for weight, y, head in zip(LAMBDAS, ones, heads, strict=True):
        z = q * head
        a += weight * (z.T * np.where(y > 0, 1, w)) @ z + l2 * scale * weight * np.diag(head**2)
        b += weight * z.T @ y
    spread = sum(weight * head**2 for weight, head in zip(LAMBDAS, heads, strict=True))
    ridge = als._l2 * als._user_scale[:, None] * torch.from_numpy(spread).float()
    p = als._solved(als._of_users, model.items.weight.detach() * als._stages()[:, None], ridge, never)
    np.testing.assert_allclose(p[user].numpy(), np.linalg.solve(a, b), rtol=1e-4, atol=1e-5)
    # One item, of the users as they are now.
    p64, item = p.double().numpy(), 11
    ones = [matrix[:, [item]].toarray()[:, 0].astype(float) for matrix in TRAIN]
    scale = sum(weight * (y.sum() + w * SHOP.num_users) for weight, y in zip(LAMBDAS, ones, strict=True))
    a, b = l2 * scale * np.eye(6), np.zeros(6)
    for weight, y, head in zip(LAMBDAS, ones, heads, strict=True):
        z = p64 * head
        a += weight * (z.T * np.where(y > 0, 1, w)) @ z
        b += weight * z.T @ y
    flat = als._l2 * als._item_scale[:, None].expand(-1, 6)
    found = als._solved(als._of_items, p * als._stages()[:, None], flat, never)
    np.testing.assert_allclose(found[item].numpy(), np.linalg.solve(a, b), rtol=1e-4, atol=1e-5)
    # One stage: its weight λ is a factor of all that it has part in.
    q64 = found.double().numpy()
    x = p64[:, None] * q64[None]  # (M, N, E)
    y = TRAIN[1].toarray().astype(float)
    counts = np.where(y > 0, 1, w)
    a = np.einsum("ui,uie,uif->ef", counts, x, x) + np.diag(l2 * als._user_scale.double().numpy() @ p64**2)
    head = als._best_stages(p, found, als._stages())[1]
    np.testing.assert_allclose(head.numpy(), np.linalg.solve(a, np.einsum("ui,uie->e", y, x)), rtol=1e-3, atol=1e-4)


def test_losses_are_those_of_the_squared_loss() -> None:
    als = solver()
    losses = sweep(als)
    users, items = torch.cartesian_prod(torch.arange(SHOP.num_users), torch.arange(SHOP.num_items)).T
    out = als.model(users, items).detach().numpy().reshape(3, SHOP.num_users, SHOP.num_items)
    for loss, matrix, own in zip(losses, TRAIN, out, strict=True):
        y = matrix.toarray()
        assert loss == pytest.approx((np.where(y > 0, 1, 0.2) * (own - y) ** 2).sum() / y.sum(), rel=1e-4)


def test_a_stage_that_weighs_nothing_stays_as_it_is() -> None:
    als = solver(lambdas=(0.0, 0.4, 0.6))
    before = als.model.heads().detach()[0].clone()
    sweep(als, 3)
    torch.testing.assert_close(als.model.heads().detach()[0], before)


def test_one_behavior_is_ials() -> None:
    """As the library implicit solves it, which scales no penalty."""
    from implicit.cpu.als import AlternatingLeastSquares

    als = solver(method="gmf", lambdas=None, l2_scaling=False, l2_embeddings=0.3)
    start = als.model.items.weight.detach().numpy().copy()
    sweep(als)
    with threadpool_limits(1, "blas"):
        theirs = AlternatingLeastSquares(
            factors=6, regularization=1.5, alpha=5.0, iterations=1, use_cg=False, num_threads=1, random_state=0
        )
        theirs.item_factors, theirs.user_factors = start, np.zeros((SHOP.num_users, 6), np.float32)
        theirs.fit(csr_matrix(TRAIN[-1], dtype=np.float32), show_progress=False)
    np.testing.assert_allclose(als.model.users.weight.detach(), theirs.user_factors, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(als.model.items.weight.detach(), theirs.item_factors, rtol=1e-3, atol=1e-4)


def test_a_training_is_stopped_within_a_sweep() -> None:
    als, asked = solver(), iter([False, False, True])
    before = {name: tensor.clone() for name, tensor in als.model.state_dict().items()}
    with pytest.raises(Stopped):
        als.epoch(1, lambda: next(asked))
    assert all(torch.equal(tensor, before[name]) for name, tensor in als.model.state_dict().items())


def test_without_a_penalty_a_user_who_did_little_has_no_one_vector() -> None:
    als = solver(l2_embeddings=0.0)
    with torch.no_grad():
        als.model.items.weight.zero_()
    with pytest.raises(NmtrError, match="have no solution: train with a higher l2_embeddings"):
        sweep(als)
