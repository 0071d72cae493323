"""Alternating least squares: its objective written out pair by pair, never rising, and its steps in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from nmtr.config import Side
from nmtr.data.split import split
from nmtr.errors import NmtrError
from nmtr.methods import contract
from nmtr.models.factorization import Factorization
from nmtr.training.als import LeastSquares, SharedLeastSquares
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


def objective(als: LeastSquares, train: Sequence[csr_array] = TRAIN) -> float:
    """What a sweep makes smaller, as the module states it: every pair by Eq. 9, in float64."""
    model, lambdas = als.model, {r: float(w) for r, w in enumerate(als._lambdas) if w}
    w, l2 = als._weight, als._l2
    train = train[-model.num_behaviors :]
    users, items = torch.cartesian_prod(torch.arange(model.num_users), torch.arange(model.num_items)).T
    out = model(users, items).double().detach().numpy().reshape(-1, model.num_users, model.num_items)
    heads = model.heads().detach().double().numpy()
    p, q = (table.weight.detach().double().numpy() for table in (model.users, model.items))
    ones = [matrix.toarray().astype(float) for matrix in train]
    of_users, of_items = np.ones(model.num_users), np.ones(model.num_items)
    if als._scaled:
        of_users = sum(weight * (ones[r].sum(1) + w * model.num_items) for r, weight in lambdas.items())
        of_items = sum(weight * (ones[r].sum(0) + w * model.num_users) for r, weight in lambdas.items())
    total = l2 * float(of_items @ (q**2).sum(1))
    for r, weight in lambdas.items():
        total += weight * (np.where(ones[r] > 0, 1, w) * (out[r] - ones[r]) ** 2).sum()
        total += weight * l2 * float(of_users @ ((p * heads[r]) ** 2).sum(1))
    return total


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
    values = [objective(als)]
    for number in range(12):
        als.epoch(number + 1, never)
        values.append(objective(als))
    assert all(after <= before * (1 + 1e-5) for before, after in zip(values, values[1:], strict=False))
    assert values[-1] < 0.9 * values[0]


def test_of_two_and_of_four_behaviors_the_objective_never_rises() -> None:
    for behaviors in (("cart", "buy"), ("seen", "view", "cart", "buy")):
        shop = random_dataset(40, 60, behaviors)
        config = resolved(shop, solver="als", embedding_size=5)
        method = contract.trained(config)
        train = split(shop, "clean", 0).train
        als = method.learning(method.build(config, 40, 60), config, train)
        assert isinstance(als, LeastSquares)
        values = []
        for number in range(8):
            als.epoch(number + 1, never)
            values.append(objective(als, train))
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
    p = als._users(model.items.weight.detach(), als.model.heads().detach(), never)
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
    found = als._solved(als._of_items, p * als.model.heads().detach()[:, None], als._lambdas, flat, never)
    np.testing.assert_allclose(found[item].numpy(), np.linalg.solve(a, b), rtol=1e-4, atol=1e-5)
    # One stage: its weight λ is a factor of all that it has part in.
    q64 = found.double().numpy()
    x = p64[:, None] * q64[None]  # (M, N, E)
    y = TRAIN[1].toarray().astype(float)
    counts = np.where(y > 0, 1, w)
    a = np.einsum("ui,uie,uif->ef", counts, x, x) + np.diag(l2 * als._user_scale.double().numpy() @ p64**2)
    head = als._best_stages(p, found, als.model.heads().detach())[1]
    np.testing.assert_allclose(head.numpy(), np.linalg.solve(a, np.einsum("ui,uie->e", y, x)), rtol=1e-3, atol=1e-4)


def test_losses_are_those_of_the_squared_loss() -> None:
    als = solver()
    losses = sweep(als)
    users, items = torch.cartesian_prod(torch.arange(SHOP.num_users), torch.arange(SHOP.num_items)).T
    out = als.model(users, items).detach().numpy().reshape(3, SHOP.num_users, SHOP.num_items)
    for loss, matrix, own in zip(losses, TRAIN, out, strict=True):
        y = matrix.toarray()
        assert loss == pytest.approx((np.where(y > 0, 1, 0.2) * (own - y) ** 2).sum() / y.sum(), rel=1e-4)


def test_a_stage_that_weighs_nothing_changes_nothing_of_the_others() -> None:
    whole = solver(lambdas=(0.0, 0.4, 0.6), cascade="none")
    without = solver(TRAIN[1:], behaviors=("cart", "buy"), lambdas=(0.4, 0.6), cascade="none")
    for als in (whole, without):
        sweep(als, 3)
    for name in ("users", "items"):
        torch.testing.assert_close(getattr(whole.model, name).weight, getattr(without.model, name).weight)
    torch.testing.assert_close(whole.model.heads()[1:], without.model.heads())


def test_another_lambda_goes_on_to_where_a_cold_start_ends() -> None:
    cold, warm = solver(lambdas=(0.1, 0.2, 0.7)), solver(lambdas=(0.6, 0.3, 0.1))
    sweep(warm, 30)
    warm.weigh((0.1, 0.2, 0.7))
    moved = objective(warm)
    sweep(warm, 3)
    near = objective(warm)
    sweep(warm, 60)
    sweep(cold, 60)
    assert moved - near > 0.7 * (moved - objective(warm)) > 0
    assert objective(warm) == pytest.approx(objective(cold), rel=0.1)  # of noise there are many minima, about as deep


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


@pytest.mark.parametrize("side", ["item", "user"])
def test_cmf_is_solved_exactly_and_its_objective_never_rises(side: Side) -> None:
    config = resolved(
        SHOP, method="cmf", solver="als", embedding_size=5, shared_side=side, lambdas=LAMBDAS, unobserved_weight=0.2
    )
    torch.manual_seed(0)
    method = contract.trained(config)
    model = method.build(config, SHOP.num_users, SHOP.num_items)
    als = method.learning(model, config, TRAIN)
    assert isinstance(model, Factorization) and isinstance(als, SharedLeastSquares)
    w, l2 = 0.2, als._l2
    ones = [(matrix if side == "item" else matrix.T).toarray().astype(float) for matrix in TRAIN]
    own, shared = (model.users, model.items) if side == "item" else (model.items, model.users)

    def value() -> float:
        q = shared.weight.detach().double().numpy()
        p = own.weight.detach().double().numpy().reshape(-1, 3, 5)
        total = 0.0
        for r, (weight, y) in enumerate(zip(LAMBDAS, ones, strict=True)):
            of_own, of_shared = y.sum(1) + w * y.shape[1], y.sum(0) + w * y.shape[0]
            errors = np.where(y > 0, 1, w) * (p[:, r] @ q.T - y) ** 2
            penalty = of_own @ (p[:, r] ** 2).sum(1) + of_shared @ (q**2).sum(1)
            total += weight * float(errors.sum() + l2 * penalty)
        return total

    als.epoch(1, never)
    values = [value()]
    for number in range(8):
        losses, _ = als.epoch(number + 2, never)
        values.append(value())
    assert all(after <= before * (1 + 1e-6) for before, after in zip(values, values[1:], strict=False))
    # The shared side was solved for last: nothing near it is better.
    with torch.no_grad():
        for _ in range(5):
            kept = shared.weight.clone()
            shared.weight.add_(0.01 * torch.randn_like(kept))
            assert value() > values[-1]
            shared.weight.copy_(kept)
    scores = [own.weight.detach().numpy().reshape(-1, 3, 5)[:, r] @ shared.weight.detach().numpy().T for r in range(3)]
    for loss, y, out in zip(losses, ones, scores, strict=True):
        assert loss == pytest.approx((np.where(y > 0, 1, w) * (out - y) ** 2).sum() / y.sum(), rel=1e-4)
