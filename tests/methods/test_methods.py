"""Every method of the registry, driven as a run drives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nmtr.methods
from nmtr.config.methods import METHODS
from nmtr.data.split import split
from nmtr.evaluation.scorer import CascadeScorer
from nmtr.experiment import Experiment, load_scorer
from nmtr.methods import contract
from nmtr.training.report import EpochReport
from tests.conftest import random_dataset, resolved

pytestmark = pytest.mark.usefixtures("one_thread")

SHOP = random_dataset(num_users=60, num_items=150, purchases=6)
TRAINED = [name for name, method in METHODS.items() if "epochs" in method.options]
#: Every way of training that has code of its own.
WAYS: list[dict[str, Any]] = [
    *({"method": name, "loss": loss} for name, method in METHODS.items() for loss in method.losses),
    *({"method": name} for name in TRAINED if not METHODS[name].losses),
    {"method": "cmf", "shared_side": "user"},
    {"method": "bpr", "item_bias": True},
    *({"cascade": cascade, "unit": "neumf", "loss": "shared"} for cascade in ("mean", "none")),
    {"embedding": "separate", "loss": "squared"},
    {"training": "sequential"},
]
in_every_way = pytest.mark.parametrize("options", WAYS, ids=lambda options: " ".join(map(str, options.values())))


def config_of(options: dict[str, Any]) -> Any:
    return resolved(SHOP, **{"epochs": 12, "patience": 0, "embedding_size": 8, **options})


def reports_of(experiment: Experiment) -> list[EpochReport]:
    return [*experiment.epochs()]


def test_every_file_is_a_method_and_every_method_has_its_file() -> None:
    files = {path.stem for path in Path(nmtr.methods.__file__).parent.glob("*.py")} - {"__init__", "contract"}
    assert files == {method.file for method in METHODS.values()}


@in_every_way
def test_loss_falls_and_the_tested_model_scores_as_it_did_when_it_is_loaded(options: dict[str, Any]) -> None:
    config = config_of(options)
    experiment = Experiment(config, SHOP)
    reports = reports_of(experiment)
    assert set(reports[0].loss) == set(SHOP.behaviors if METHODS[config.method].several else SHOP.behaviors[-1:])
    target = [report.loss[SHOP.target] for report in reports]
    assert target[-1] < target[0] and np.isfinite(target).all()
    outcome = experiment.finish()
    scorer, _ = load_scorer(config, SHOP, outcome.weights)
    assert scorer.score(np.arange(60)).shape == (60, 150)
    of_units = METHODS[config.method].file == "cascade" or METHODS[config.method].unit is not None
    assert isinstance(scorer, CascadeScorer) == of_units
    assert outcome.result.test_users == 60


@in_every_way
def test_training_that_went_on_from_a_checkpoint_ends_as_an_undisturbed_one(options: dict[str, Any]) -> None:
    config = config_of({**options, "epochs": 4})
    undisturbed = Experiment(config, SHOP)
    reports_of(undisturbed)
    first = Experiment(config, SHOP)
    epochs = first.epochs()
    next(epochs), next(epochs)
    state = {name: value for name, value in first.state().items()}
    second = Experiment(config, SHOP)
    second.restore(state)
    reports_of(second)
    expected, actual = undisturbed.finish(), second.finish()
    assert expected.result.best_epoch == actual.result.best_epoch
    for name, tensor in expected.weights.items():
        torch.testing.assert_close(actual.weights[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("name", TRAINED)
def test_refit_learns_from_the_validation_purchases_too(name: str) -> None:
    config = config_of({"method": name, "epochs": 3, "refit": True})
    experiment = Experiment(config, SHOP)
    assert [report.phase for report in reports_of(experiment)][-1] == "refit"
    assert experiment.finish().result.refit


def test_sequential_training_stays_with_each_behavior_and_chooses_among_the_targets_epochs() -> None:
    config = config_of({"training": "sequential", "epochs": 11})
    assert (config.epochs_a_stage, config.earliest) == (3, 7)
    experiment = Experiment(config, SHOP)
    before: dict[str, torch.Tensor] = {}
    moved = []
    for report in experiment.epochs():
        weights = {name: tensor.clone() for name, tensor in experiment.state()["model"].items()}
        if before:
            moved.append([not torch.equal(weights[f"units.{r}.gmf"], before[f"units.{r}.gmf"]) for r in range(3)])
        before = weights
        assert report.best_epoch == 0 or report.best_epoch >= 7
    # An upper unit has no part in a lower behavior's loss; the lower ones have in an upper one's.
    assert moved[:2] == [[True, False, False]] * 2
    assert moved[2:5] == [[True, True, False]] * 3
    assert moved[5:] == [[True, True, True]] * 5
    assert experiment.finish().result.best_epoch >= 7


def test_sequential_training_waits_for_the_target_before_it_loses_patience() -> None:
    config = config_of({"training": "sequential", "epochs": 12, "patience": 1})
    assert len(reports_of(Experiment(config, SHOP))) > 9 - 1


def test_sequential_training_chooses_among_the_ranked_epochs_that_train_the_target() -> None:
    config = config_of({"training": "sequential", "epochs": 12, "patience": 1, "rank_every": 5})
    reports = reports_of(Experiment(config, SHOP))
    assert [report.epoch for report in reports if report.valid] == [5, 10, 12][: len(reports) // 5 + len(reports) // 12]
    assert config.earliest == 9 and [report.best_epoch for report in reports[:10]] == [0] * 9 + [10]


def test_half_of_a_behavior_is_half_of_every_users_pairs_the_same_for_the_same_seed() -> None:
    whole, half = split(SHOP, "standard", 0), split(SHOP, "standard", 0, sample={"view": 0.5})
    before, after = (np.diff(parts.train[0].indptr) for parts in (whole, half))
    assert (np.abs(after - before / 2) <= 0.5).all() and abs(after.sum() - before.sum() / 2) < 15
    assert (whole.train[0] - half.train[0]).min() >= 0  # some of the same pairs
    assert (whole.train[1] != half.train[1]).nnz == (whole.train[2] != half.train[2]).nnz == 0
    again = split(SHOP, "standard", 0, sample={"view": 0.5})
    assert (again.train[0] != half.train[0]).nnz == 0
    assert (split(SHOP, "standard", 1, sample={"view": 0.5}).train[0] != half.train[0]).nnz > 0


def test_als_epoch_is_the_minimum_for_items_given_users() -> None:
    """Worked out from the normal equations in double precision."""
    config = config_of({"method": "ials", "embedding_size": 3, "unobserved_weight": 0.2, "l2_embeddings": 0.3})
    method = contract.trained(config)
    torch.manual_seed(0)
    model: Any = method.build(config, 60, 150)
    train = split(SHOP, "standard", 0).train
    method.learning(model, config, train).epoch(1, lambda: False)
    p = model.users.weight.detach().double().numpy()
    observed = train[-1].toarray().astype(bool)
    for item in (int(observed.sum(0).argmax()), 3):
        c = np.where(observed[:, item], 1.0, 0.2)
        expected = np.linalg.solve((p * c[:, None]).T @ p + 0.3 * np.eye(3), p.T @ (c * observed[:, item]))
        np.testing.assert_allclose(model.items.weight[item].detach(), expected, rtol=1e-3, atol=1e-5)


def test_watching_the_test_changes_nothing_and_tells_its_best_epoch() -> None:
    outcomes = []
    for watch in (False, True):
        experiment = Experiment(config_of({"watch_test": watch, "learning_rate": 0.3}), SHOP)
        reports = reports_of(experiment)
        outcomes.append((reports, experiment.finish()))
    (plain, without), (watched, outcome) = outcomes
    assert [report.test for report in plain] == [None] * 12 and without.result.best_test is None
    assert [report.valid for report in plain] == [report.valid for report in watched]
    assert outcome.result.test == without.result.test
    values = [report.test["HR@100"] for report in watched if report.test]
    best = outcome.result.best_test
    assert best is not None and best.metrics["HR@100"] == max(values)
    assert best.epoch == 1 + values.index(max(values))
    assert watched[outcome.result.best_epoch - 1].test == outcome.result.test
