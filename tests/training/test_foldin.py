"""The folded vector against training itself: it stands where the training's own loss is flat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nmtr.config import Side
from nmtr.data.split import split
from nmtr.methods import contract
from nmtr.methods.ials import Alternation
from nmtr.models.factorization import Factorization
from nmtr.training.als import LeastSquares, SharedLeastSquares
from nmtr.training.foldin.base import Floats, FoldIn, History, first_order, minimum, without
from nmtr.training.foldin.items import LogLoss
from nmtr.training.loop import Trainer
from tests.conftest import random_dataset, resolved

pytestmark = pytest.mark.usefixtures("one_thread")

SHOP = random_dataset(num_users=12, num_items=90, purchases=6)
TRAIN = split(SHOP, "clean", 0).train
USER = 3
HISTORY: History = [matrix[[USER]].indices for matrix in TRAIN]


def taught(options: dict[str, Any]) -> tuple[Trainer, FoldIn]:
    """A training whose model has weights at random, and its fold-in."""
    config = resolved(SHOP, **{"embedding_size": 8, "l2_embeddings": 1e-3, "dropout": 0.0, "batch_size": 7, **options})
    torch.manual_seed(0)
    method = contract.trained(config)
    model = method.build(config, SHOP.num_users, SHOP.num_items)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5)
    trainer = method.learning(model, config, TRAIN)
    assert isinstance(trainer, Trainer)
    return trainer, method.fold_in(model, config, TRAIN)


def put(trainer: Trainer, vector: NDArray[np.float64]) -> torch.nn.Parameter:
    """The table of users with the vector at the last of the user's rows."""
    table: torch.nn.Parameter = trainer.model.users.weight  # type: ignore[union-attr, assignment]
    each = len(table) // SHOP.num_users
    with torch.no_grad():
        table[USER * each + each - 1] = torch.from_numpy(vector).float()
    return table


def slopes(trainer: Trainer, vector: NDArray[np.float64], epochs: int) -> NDArray[np.float64]:
    """(epochs, D): the gradient of each epoch's loss by the user's vector, in instances of an epoch, less the decay."""
    table = put(trainer, vector)
    each = len(table) // SHOP.num_users
    trainer.model.train()
    found = []
    for epoch in range(epochs):
        torch.manual_seed(epoch)
        total = torch.zeros(table.shape[1])
        for batch in trainer.objective.batches(np.random.default_rng(epoch)):
            trainer.optimizer.zero_grad()
            trainer.objective.backward(batch)
            assert table.grad is not None
            dense = table.grad.to_dense() if table.grad.is_sparse else table.grad
            total += dense[USER * each + each - 1]
        found.append(total.double().numpy() * trainer.objective.instances.sum() / trainer.steps)
    return np.array(found)


def decay(trainer: Trainer, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gradient of the weight decay, which acts at each step, beside `slopes`."""
    l2 = trainer.optimizer.param_groups[0]["weight_decay"]
    shrunk: NDArray[np.float64] = l2 * trainer.objective.instances.sum() * vector
    return shrunk


WHOLE: list[dict[str, Any]] = [
    {},
    {"cascade": "mean"},
    {"cascade": "none", "lambdas": (0.6, 0.3, 0.1)},
    {"embedding": "separate"},
    {"method": "gmf"},
    {"loss": "squared"},
    {"loss": "squared", "cascade": "mean", "lambdas": (0.2, 0.2, 0.6)},
    {"loss": "squared", "dropout": 0.0, "embedding": "separate"},
    {"method": "gmf", "loss": "squared"},
    {"method": "cmf"},
    {"method": "cmf", "shared_side": "user", "lambdas": (0.5, 0.2, 0.3)},
    {"method": "cmf", "item_bias": True},
    {"method": "ehcf"},
    {"unit": "neumf", "loss": "exact"},
]


@pytest.mark.parametrize("options", WHOLE, ids=str)
def test_vector_is_where_the_gradient_of_a_whole_epoch_is_nothing(options: dict[str, Any]) -> None:
    trainer, fold_in = taught(options)
    nothing = np.zeros(trainer.model.users.embedding_dim)  # type: ignore[union-attr]
    before = np.abs(slopes(trainer, nothing, 1)[0]).max()
    vector = fold_in.vector(HISTORY, nothing)
    left = np.abs(slopes(trainer, vector, 1)[0] + decay(trainer, vector)).max()
    few_steps = options.get("unit") == "neumf"
    assert left < before * (0.2 if few_steps else 1e-4)
    assert fold_in.loss(HISTORY)(vector)[0] < fold_in.loss(HISTORY)(nothing)[0]


def test_losses_that_are_sampled_give_the_vector_of_the_exact_one() -> None:
    nothing = np.zeros(8)
    vectors = [taught({"loss": loss})[1].vector(HISTORY, nothing) for loss in ("exact", "sampled", "shared")]
    np.testing.assert_allclose(vectors[1:], [vectors[0]] * 2, atol=1e-6)


DRAWN: list[dict[str, Any]] = [
    {"loss": "sampled"},
    {"loss": "shared"},
    {"unit": "neumf", "loss": "shared"},
    {"method": "mlp", "loss": "sampled", "layers": 1},
    {"method": "cmf", "loss": "sampled", "shared_side": "user"},
    {"method": "bpr", "item_bias": True},
    {"method": "mc-bpr", "lambdas": (0.2, 0.3, 0.5), "unseen_share": 0.5},
    {"method": "mc-gmf"},
    {"loss": "squared", "dropout": 0.5},
    {"method": "ehcf", "dropout": 0.3},
]


@pytest.mark.parametrize("options", DRAWN, ids=str)
def test_gradient_is_the_mean_of_what_training_draws(options: dict[str, Any]) -> None:
    trainer, fold_in = taught({"batch_size": 200, **options})
    vector = np.random.default_rng(1).normal(0, 0.5, 8)
    drawn = slopes(trainer, vector, 60)
    error = drawn.std(0) / np.sqrt(len(drawn))
    mean = fold_in.loss(HISTORY)(vector)[1] - decay(trainer, vector)
    assert (np.abs(drawn.mean(0) - mean) < 4.5 * error + 1e-3).all()
    assert np.abs(mean).max() > 10 * error.min()  # so that it could be told from another


@pytest.mark.parametrize("options", [{}, {"method": "bpr"}], ids=str)
def test_dropout_of_the_log_loss_is_near_what_training_draws(options: dict[str, Any]) -> None:
    """Near: a score under dropout is normal only as a sum of many parts."""
    wide = {"embedding_size": 32, "batch_size": 200, "dropout": 0.5, **options}
    trainer, fold_in = taught(wide)
    vector = np.random.default_rng(1).normal(0, 0.3, 32)
    mean = fold_in.loss(HISTORY)(vector)[1] - decay(trainer, vector)
    draws = slopes(trainer, vector, 200 if options else 60)
    drawn, noise = draws.mean(0), (draws.var(0) / len(draws)).sum()  # squared, of the mean of so few draws
    plain = taught({**wide, "dropout": 0.0})[1].loss(HISTORY)(vector)[1] - decay(trainer, vector)
    apart, without = ((drawn - other) @ (drawn - other) - noise for other in (mean, plain))
    assert apart < 0.1 * without and without > noise


@pytest.mark.parametrize(
    "options", [{"dropout": 0.5}, {"method": "mc-bpr", "dropout": 0.5}, {"loss": "squared"}], ids=str
)
def test_gradient_is_that_of_the_loss_and_the_loss_is_convex(options: dict[str, Any]) -> None:
    loss = taught(options)[1].loss(HISTORY)
    rng = np.random.default_rng(0)
    p, along = rng.normal(size=8), rng.normal(size=8)
    step = 1e-5
    numeric = [(loss(p + step * e)[0] - loss(p - step * e)[0]) / (2 * step) for e in np.eye(8)]
    np.testing.assert_allclose(loss(p)[1], numeric, rtol=1e-5, atol=1e-4)
    values = np.array([loss(p + t * along)[0] for t in np.linspace(-4, 4, 41)])
    assert (values[2:] - 2 * values[1:-1] + values[:-2] > 0).all()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_curvature_of_the_log_loss_is_known_and_spares_looks_at_it(dropout: float) -> None:
    fold_in = taught({"dropout": dropout})[1]
    assert isinstance(fold_in, LogLoss)
    uneven = replace(fold_in.scores, items=fold_in.scores.items * np.logspace(-1.5, 0.5, 8))
    fold_in = replace(fold_in, scores=uneven, penalty=replace(fold_in.penalty, matrix=1e-3 * np.eye(8)))
    loss, p = fold_in.loss(HISTORY), np.random.default_rng(0).normal(size=8)
    step = 1e-4
    bent = np.array([(loss(p + step * e)[1] - loss(p - step * e)[1]) / (2 * step) for e in np.eye(8)])
    curvature = fold_in.curvature(HISTORY, p)
    if not dropout:  # else it leaves out how slopes by variances change
        assert np.abs(curvature - bent).max() < 1e-4 * np.abs(bent).max()
    looks = []
    for known in (None, curvature):
        looked: list[Floats] = []

        def counted(at: Floats, looked: list[Floats] = looked) -> tuple[float, Floats]:
            looked.append(at)
            return loss(at)

        found = minimum(counted, p, curvature=known)
        assert np.abs(loss(found)[1]).max() < 2e-4
        looks.append(len(looked))
    assert looks[1] < 0.7 * looks[0], looks


def test_log_loss_is_that_of_every_pair_taken_by_itself() -> None:
    """A plain loop in double precision: Eq. 12 with each unobserved item as often as it is drawn."""
    trainer, fold_in = taught({"lambdas": (0.5, 0.3, 0.2)})
    assert isinstance(fold_in, LogLoss)
    weights = trainer.model.double().state_dict()
    items, bias = weights["items.weight"].numpy(), weights["bias"].numpy()
    heads = [weights[f"units.{r}.gmf"].numpy() for r in range(3)]
    p = np.random.default_rng(0).normal(size=8)
    total = 0.0
    for item in range(90):
        logit = 0.0
        for r, weight in enumerate((0.5, 0.3, 0.2)):
            logit += float((p * items[item]) @ heads[r] + bias[r, item])
            count = len(HISTORY[r])
            observed = item in HISTORY[r]
            total += weight * (
                np.log1p(np.exp(-logit)) if observed else 4 * count / (90 - count) * np.log1p(np.exp(logit))
            )
    penalty = 1e-3 * trainer.objective.instances.sum() / 2 * p @ p
    assert fold_in.loss(HISTORY)(p)[0] == pytest.approx(total + penalty, rel=1e-6)


def test_ials_gives_the_vector_of_the_librarys_own_step() -> None:
    config = resolved(SHOP, method="ials", embedding_size=8)
    torch.manual_seed(0)
    method = contract.trained(config)
    model = method.build(config, SHOP.num_users, SHOP.num_items)
    vector = method.fold_in(model, config, TRAIN).vector(HISTORY, np.zeros(8))
    Alternation(model, config, TRAIN[-1]).epoch(1, lambda: False)  # type: ignore[arg-type]
    np.testing.assert_allclose(model.users.weight[USER].detach().numpy(), vector, rtol=1e-3, atol=1e-4)  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    "options", [{"dropout": 0.5}, {"loss": "squared", "dropout": 0.5}, {"method": "mc-bpr"}], ids=str
)
def test_first_order_is_near_what_fitting_again_gives(options: dict[str, Any]) -> None:
    _, fold_in = taught({"l2_embeddings": 0.01, **options})
    p = fold_in.vector(HISTORY, np.zeros(8))
    pairs = [(r, int(item)) for r in fold_in.reads for item in HISTORY[r]]
    direction = fold_in.direction(7, p)
    again = np.array([direction @ (p - fold_in.vector(without(HISTORY, *pair), p)) for pair in pairs])
    about = first_order(fold_in, HISTORY, p, 7, pairs)
    assert np.corrcoef(about, again)[0, 1] > 0.95
    assert set(np.argsort(-again)[:3]) <= set(np.argsort(-about)[:8])


def test_without_penalty_the_trained_vectors_hold_the_shopper_back() -> None:
    _, held = taught({"l2_embeddings": 0.0})
    _, free = taught({"l2_embeddings": 1e-9})
    nothing = np.zeros(8)
    assert "only its early end" in held.about and "early end" not in free.about
    assert np.linalg.norm(held.vector(HISTORY, nothing)) < np.linalg.norm(free.vector(HISTORY, nothing))


@pytest.mark.parametrize("options", [{}, {"cascade": "mean"}, {"l2_scaling": False}, {"method": "gmf"}], ids=str)
def test_vector_of_least_squares_is_the_one_that_a_sweep_gives(options: dict[str, Any]) -> None:
    """Items and stages are as the sweep before left them, and the next one begins with the users."""
    lambdas = None if "method" in options else (0.2, 0.3, 0.5)
    config = resolved(SHOP, solver="als", embedding_size=8, lambdas=lambdas, l2_embeddings=0.05, **options)
    torch.manual_seed(0)
    method = contract.trained(config)
    model = method.build(config, SHOP.num_users, SHOP.num_items)
    learning = method.learning(model, config, TRAIN)
    assert isinstance(learning, LeastSquares)
    learning.epoch(1, lambda: False)
    fold_in = method.fold_in(model, config, TRAIN)
    found = fold_in.vector(HISTORY, np.zeros(8))
    solved = learning._users(learning.model.items.weight.detach(), learning.model.heads().detach(), lambda: False)
    np.testing.assert_allclose(found, solved[USER].numpy(), rtol=1e-3, atol=1e-4)
    assert np.abs(fold_in.loss(HISTORY)(found)[1]).max() < 1e-6


@pytest.mark.parametrize("side", ["item", "user"])
def test_vector_of_shared_least_squares_is_the_one_that_a_sweep_gives(side: Side) -> None:
    config = resolved(SHOP, method="cmf", solver="als", embedding_size=8, shared_side=side, lambdas=(0.2, 0.3, 0.5))
    torch.manual_seed(0)
    method = contract.trained(config)
    model = method.build(config, SHOP.num_users, SHOP.num_items)
    learning = method.learning(model, config, TRAIN)
    assert isinstance(model, Factorization) and isinstance(learning, SharedLeastSquares)
    for number in range(40):  # to its end: with users shared, theirs are solved for last, of items of one sweep before
        learning.epoch(number + 1, lambda: False)
    found = method.fold_in(model, config, TRAIN).vector(HISTORY, np.zeros(8))
    each = 3 if side == "item" else 1
    np.testing.assert_allclose(found, model.users.weight.detach()[USER * each + each - 1], atol=0.02)
