"""What an experiment selects by, what it never looks at, and what it comes to after it was interrupted."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.demo import generate_with_truth
from nmtr.data.split import split, stands_in
from nmtr.errors import RunError
from nmtr.evaluation.metrics import hit_rate_per_user, summarize
from nmtr.evaluation.ranking import rank_held_out
from nmtr.experiment import Experiment, Outcome, load_scorer
from nmtr.methods import contract
from nmtr.models.factorization import Factorization
from nmtr.models.rules import LastBehavior, Popularity
from nmtr.models.scoring import NMTRScorer
from nmtr.native import tensors as kernels
from nmtr.training.report import EpochReport, Stopped
from tests.conftest import FUNNEL, random_dataset, resolved

pytestmark = pytest.mark.usefixtures("one_thread")

DATASET = random_dataset()
#: A config of each kind of training, whose best epoch is neither the first nor the last.
KINDS: dict[str, dict[str, Any]] = {
    "exact": {"unit": "gmf"},
    "squared": {"loss": "squared", "unobserved_weight": 0.3, "batch_size": 16},
    "sampled": {"unit": "neumf", "dropout": 0.2, "batch_size": 192, "seed": 2},
    "adam": {"unit": {"view": "gmf", "cart": "mlp", "buy": "neumf"}, "optimizer": "adam", "learning_rate": 0.02},
    "als": {"solver": "als", "embedding_size": 8, "l2_embeddings": 0.01, "unobserved_weight": 0.1},
    "bpr": {"method": "bpr", "dropout": 0.2, "batch_size": 32},
}
in_every_kind = pytest.mark.parametrize("kind", KINDS)


def run(config: RunConfig, dataset: Dataset = DATASET) -> tuple[list[EpochReport], Outcome]:
    experiment = Experiment(config, dataset)
    reports = [*experiment.epochs()]
    return reports, experiment.finish()


def of_kind(kind: str, **options: Any) -> RunConfig:
    return resolved(DATASET, **{"epochs": 6, "patience": 0} | KINDS[kind] | options)


@pytest.mark.parametrize("options", [{}, {"refit": True}, {"watch_test": True}], ids=str)
@in_every_kind
def test_process_keeps_its_threads_and_its_random_numbers(kind: str, options: dict[str, Any]) -> None:
    """As of a notebook that makes, trains and tests an experiment between two draws of its own."""
    torch.set_num_threads(2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = kernels._threads
    config = of_kind(kind, threads=3, epochs=2, **options)
    experiment = Experiment(config, DATASET)
    states = [(torch.get_num_threads(), kernels._threads) for _ in experiment.epochs()]
    outcome = experiment.finish()
    assert set(states) | {(torch.get_num_threads(), kernels._threads)} == {(2, threads)}
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(6)  # and its numbers change nothing
    assert_same_weights(run(config)[1].weights, outcome.weights)


def assert_same_weights(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert one.keys() == other.keys() and len(one) > 0
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def selection(report: EpochReport) -> tuple[float, float]:
    assert report.valid is not None
    return report.valid["HR@100"], report.valid["NDCG@100"]


# Selection


@in_every_kind
def test_best_epoch_is_the_one_that_validation_ranks_highest_and_its_weights_are_tested(kind: str) -> None:
    config = of_kind(kind)
    reports, outcome = run(config)
    best = max(reports, key=selection)  # the first of equals
    assert outcome.result.best_epoch == reports[-1].best_epoch == best.epoch
    assert outcome.result.valid == best.valid

    scorer, parts = load_scorer(config, DATASET, outcome.weights)
    valid = rank_held_out(scorer, parts.valid_item, parts.train[-1])
    test = rank_held_out(scorer, parts.test_item, parts.known)
    np.testing.assert_array_equal(outcome.ranks["valid"], valid)
    np.testing.assert_array_equal(outcome.ranks["test"], test)
    assert summarize(valid) == outcome.result.valid and summarize(test) == outcome.result.test


def test_epochs_of_many_users_are_compared_on_some_and_the_chosen_one_is_ranked_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, everyone = run(of_kind("exact"))
    monkeypatch.setattr("nmtr.experiment._COMPARED_USERS", 15)
    reports, outcome = run(of_kind("exact"))
    assert {round(selection(report)[0] * 15, 6) % 1 for report in reports} == {0.0}, "hits of 15 users"
    assert np.isfinite(outcome.ranks["valid"]).sum() == np.isfinite(everyone.ranks["valid"]).sum() > 15
    assert outcome.result.valid == summarize(outcome.ranks["valid"])


def test_epochs_that_hit_equally_often_are_told_apart_by_ndcg() -> None:
    """On 100 items or fewer every rank is a hit, and the first epoch would always be the best."""
    dataset = random_dataset(num_items=50, seed=2)
    reports, outcome = run(resolved(dataset, epochs=6, patience=0), dataset)
    assert {selection(report)[0] for report in reports} == {1.0}
    assert outcome.result.best_epoch == max(reports, key=selection).epoch > 1


def test_patience_ends_the_training_after_so_many_epochs_without_a_better_one() -> None:
    endless, _ = run(resolved(DATASET, epochs=12, patience=0))
    patient, outcome = run(resolved(DATASET, epochs=12, patience=2))
    assert len(endless) == 12
    waited = [report.epoch - report.best_epoch for report in endless]
    assert len(patient) == waited.index(2) + 1 < 12
    assert outcome.result.epochs == len(patient) and outcome.result.best_epoch == len(patient) - 2


def expected_choice(every: list[EpochReport], rank_every: int, patience: int) -> tuple[list[int], int]:
    """Which epochs are ranked, and which is chosen, of a training all of whose epochs are known."""
    ranked: list[int] = []
    best = 0
    for report in every:
        if report.epoch % rank_every and report is not every[-1]:
            continue
        ranked.append(report.epoch)
        if not best or selection(report) > selection(every[best - 1]):
            best = report.epoch
        if patience and report.epoch - best >= patience:
            break
    return ranked, best


def test_epochs_are_ranked_and_chosen_as_often_as_asked_for_and_trained_the_same() -> None:
    """Of a training whose best epoch is neither the first nor a multiple of anything that is tried."""
    options: dict[str, Any] = {"epochs": 14, "optimizer": "adam", "learning_rate": 0.02, "watch_test": True}
    every, _ = run(resolved(DATASET, patience=0, **options))
    stopped = set()
    for rank_every, patience in itertools.product((1, 2, 3, 5, 14, 99), (0, 1, 2, 4)):
        reports, outcome = run(resolved(DATASET, rank_every=rank_every, patience=patience, **options))
        ranked, best = expected_choice(every, rank_every, patience)
        assert [report.epoch for report in reports if report.valid] == ranked and len(reports) == ranked[-1]
        assert outcome.result.best_epoch == best and outcome.result.valid == every[best - 1].valid
        for report, same in zip(reports, every, strict=False):
            assert report.loss == same.loss
            figures = (same.valid, same.test) if report.epoch in ranked else (None, None)
            assert (report.valid, report.test) == figures
        assert outcome.result.best_test is not None and outcome.result.best_test.epoch in ranked
        stopped.add((rank_every, len(reports)))
    assert {14} < {epochs for _, epochs in stopped}, "some stop early"
    assert any(epochs < 14 and rank_every in (2, 3, 5) for rank_every, epochs in stopped)


@in_every_kind
def test_test_purchases_have_no_part_in_training_or_selection(kind: str) -> None:
    config = of_kind(kind)
    never_bought = [int(np.flatnonzero(~row)[0]) for row in DATASET.matrices[-1].toarray().astype(bool)]
    other = replace(DATASET, test_item=np.array(never_bought, np.int32))
    assert (other.test_item != DATASET.test_item).sum() > 30
    (reports, outcome), (other_reports, other_outcome) = run(config), run(config, other)
    assert [r.valid for r in reports] == [r.valid for r in other_reports]
    assert outcome.result.best_epoch == other_outcome.result.best_epoch
    assert_same_weights(outcome.weights, other_outcome.weights)
    assert outcome.result.test != other_outcome.result.test


@in_every_kind
def test_refit_trains_a_new_model_on_training_and_validation_for_the_chosen_number_of_epochs(kind: str) -> None:
    config = of_kind(kind, refit=True)
    reports, outcome = run(config)
    best = outcome.result.best_epoch
    assert [(r.phase, r.epoch) for r in reports] == [
        *(("select", epoch) for epoch in range(1, 7)),
        *(("refit", epoch) for epoch in range(1, best + 1)),
    ]
    assert all(r.valid is None and r.epochs == best for r in reports[6:])
    assert outcome.result.refit and outcome.result.epochs == 6 + best

    # The same by hand.
    torch.manual_seed(config.seed)
    method = contract.trained(config)
    model = method.build(config, DATASET.num_users, DATASET.num_items)
    everything = split(DATASET, config.protocol, config.seed, validation=None)
    trainer = method.learning(model, config, everything.train)
    for epoch in range(1, best + 1):
        trainer.epoch(epoch, lambda: False)
    assert_same_weights(outcome.weights, model.state_dict())
    _, parts = load_scorer(config, DATASET, outcome.weights)
    assert (parts.valid_item == -1).all() and parts.train[-1].nnz == DATASET.matrices[-1].nnz


@pytest.mark.parametrize("method", ["popularity", "last-behavior"])
def test_rule_is_chosen_without_the_validation_purchases_and_with_refit_tested_with_them(method: str) -> None:
    config = resolved(DATASET, method=method, validation="newest", refit=True)
    _, outcome = run(config)
    _, unfitted = run(resolved(DATASET, method=method, validation="newest"))
    assert outcome.result.valid == unfitted.result.valid and outcome.result.refit
    scorer, parts = load_scorer(config, DATASET, {})
    assert parts.train[-1].nnz == DATASET.matrices[-1].nnz
    assert outcome.result.test == summarize(rank_held_out(scorer, parts.test_item, parts.known))
    assert not np.array_equal(outcome.ranks["test"], unfitted.ranks["test"], equal_nan=True)


# Interruptions


def uninterrupted(config: RunConfig) -> tuple[list[EpochReport], list[bytes], Outcome]:
    """Its reports, its checkpoint after each, and what it ended in."""
    experiment = Experiment(config, DATASET)
    reports, checkpoints = [], []
    for report in experiment.epochs():
        reports.append(report)
        file = io.BytesIO()
        torch.save(experiment.state(), file)
        checkpoints.append(file.getvalue())
    return reports, checkpoints, experiment.finish()


@in_every_kind
@pytest.mark.parametrize("refit", [False, True])
def test_experiment_resumed_after_any_epoch_ends_the_same_to_the_bit(kind: str, refit: bool) -> None:
    config = of_kind(kind, refit=refit)
    reports, checkpoints, expected = uninterrupted(config)
    assert 1 < expected.result.best_epoch < 6, "then there is a best epoch to keep, and a refit to interrupt"
    clocked = {"seconds", "seconds_per_epoch", "peak_memory_mb"}
    for at, saved in enumerate(checkpoints, start=1):
        resumed = Experiment(config, DATASET)
        resumed.restore(torch.load(io.BytesIO(saved), weights_only=True))
        rest = [report.model_dump(exclude=clocked) for report in resumed.epochs()]
        outcome = resumed.finish()
        assert rest == [report.model_dump(exclude=clocked) for report in reports[at:]]
        assert outcome.result.model_dump(exclude=clocked) == expected.result.model_dump(exclude=clocked)
        for name, ranks in expected.ranks.items():
            np.testing.assert_array_equal(outcome.ranks[name], ranks)
        assert_same_weights(outcome.weights, expected.weights)


@pytest.mark.parametrize("kind", ["sampled", "squared"])
def test_experiment_resumed_between_two_rankings_ends_the_same_to_the_bit(kind: str) -> None:
    config = of_kind(kind, epochs=11, patience=3, rank_every=4, refit=True)
    reports, checkpoints, expected = uninterrupted(config)
    assert {report.valid is None for report in reports if report.phase == "select"} == {True, False}
    # Of every fourth epoch, which is ranked, and every third, which is resumed, each distance comes up.
    for at, saved in [*enumerate(checkpoints, start=1)][::3]:
        resumed = Experiment(config, DATASET)
        resumed.restore(torch.load(io.BytesIO(saved), weights_only=True))
        rest = [report.model_dump(exclude={"seconds"}) for report in resumed.epochs()]
        outcome = resumed.finish()
        assert rest == [report.model_dump(exclude={"seconds"}) for report in reports[at:]]
        assert outcome.result.best_epoch == expected.result.best_epoch
        np.testing.assert_array_equal(outcome.ranks["test"], expected.ranks["test"])
        assert_same_weights(outcome.weights, expected.weights)


def test_experiment_stops_at_a_batch_boundary() -> None:
    experiment = Experiment(resolved(DATASET, batch_size=10), DATASET)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == 7  # an epoch has four batches

    training = experiment.epochs(stop)
    assert next(training).epoch == 1
    with pytest.raises(Stopped):
        next(training)
    assert asked == 7


# Data of all shapes


@pytest.mark.parametrize("loss", ["exact", "sampled", "squared"])
def test_target_alone_is_enough(loss: str) -> None:
    dataset = random_dataset(behaviors=("buy",))
    reports, outcome = run(resolved(dataset, loss=loss), dataset)
    assert list(reports[0].loss) == ["buy"]
    assert outcome.result.visited.users == 0 and outcome.result.not_visited.users == 40


@pytest.mark.parametrize("options", [*KINDS.values(), {"method": "popularity"}, {"method": "last-behavior"}], ids=str)
@pytest.mark.parametrize("protocol", ["standard", "clean"])
def test_one_user_is_enough(options: dict[str, Any], protocol: str) -> None:
    dataset = random_dataset(num_users=1, num_items=8, purchases=2)
    _, outcome = run(resolved(dataset, protocol=protocol, **options), dataset)
    assert outcome.result.test_users == 1 and outcome.result.test["HR@10"] == 1
    assert outcome.result.valid == outcome.result.intervals == {}


@pytest.mark.parametrize("rank_every", [1, 2, 7])
def test_last_epoch_is_tested_where_no_purchase_can_be_held_out_for_validation(rank_every: int) -> None:
    dataset = random_dataset(purchases=2)  # one of them is the test purchase
    reports, outcome = run(resolved(dataset, epochs=5, patience=1, rank_every=rank_every), dataset)
    assert [report.valid for report in reports] == [None] * 5
    assert outcome.result.best_epoch == 5 and outcome.result.valid == {}
    assert np.isnan(outcome.ranks["valid"]).all() and len(outcome.result.test) > 0


def test_behaviors_that_the_config_leaves_out_are_not_learned_from() -> None:
    chosen = resolved(DATASET, behaviors=("cart", "buy"))
    empty = csr_array(DATASET.matrices[0].shape, dtype=np.uint8)
    other = replace(DATASET, matrices=(empty, *DATASET.matrices[1:]))
    (reports, outcome), (_, other_outcome) = run(chosen), run(chosen, other)
    assert list(reports[0].loss) == ["cart", "buy"]
    assert_same_weights(outcome.weights, other_outcome.weights)


# Protocols and slices


def test_clean_protocol_trains_as_if_the_held_out_pairs_had_never_been_seen() -> None:
    config = resolved(DATASET, protocol="clean")
    parts = split(DATASET, "clean", config.seed)
    lower = []
    for matrix in DATASET.matrices[:-1]:
        seen = matrix.toarray()
        for held_out in (parts.test_item, parts.valid_item):
            seen[np.arange(40), held_out] = 0
        lower.append(csr_array(seen))
    blind = replace(DATASET, matrices=(*lower, DATASET.matrices[-1]))
    assert sum(matrix.nnz for matrix in lower) < sum(matrix.nnz for matrix in DATASET.matrices[:-1]) - 80
    outcomes = [
        run(resolved(DATASET, protocol=protocol), dataset)[1]
        for protocol, dataset in (("clean", DATASET), ("standard", blind), ("standard", DATASET))
    ]
    assert_same_weights(outcomes[0].weights, outcomes[1].weights)
    assert not torch.equal(outcomes[0].weights["users.weight"], outcomes[2].weights["users.weight"])


@pytest.mark.parametrize("protocol", ["standard", "clean"])
def test_visited_and_not_visited_users_sum_to_the_test_users(protocol: str) -> None:
    held_out = DATASET.test_item.copy()
    held_out[:3] = -1
    dataset = replace(DATASET, test_item=held_out)
    _, outcome = run(resolved(dataset, protocol=protocol, method="last-behavior"), dataset)
    result = outcome.result
    seen = stands_in(dataset.matrices[0], held_out) | stands_in(dataset.matrices[1], held_out)
    assert result.visited.users == (0 if protocol == "clean" else int(seen.sum()))
    assert result.visited.users + result.not_visited.users == result.test_users == 37
    for part in (result.visited, result.not_visited):
        assert bool(part.metrics) == (part.users > 0)
    total = sum(part.users * part.metrics.get("HR@50", 0.0) for part in (result.visited, result.not_visited))
    assert total / 37 == pytest.approx(result.test["HR@50"])
    if protocol == "standard":
        np.testing.assert_allclose(
            result.visited.metrics["HR@50"], hit_rate_per_user(outcome.ranks["test"][seen], 50).mean()
        )


# What remains of a finished run


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, NMTRScorer),
        ({"method": "bpr"}, Factorization),
        ({"method": "popularity"}, Popularity),
        ({"method": "last-behavior"}, LastBehavior),
    ],
)
def test_finished_run_scores_again_what_it_tested(options: dict[str, Any], kind: type) -> None:
    config = resolved(DATASET, behaviors=FUNNEL[1:], **options)
    _, outcome = run(config)
    scorer, parts = load_scorer(config, DATASET, outcome.weights)
    assert isinstance(scorer, kind)
    again = rank_held_out(scorer, parts.test_item, parts.known)
    np.testing.assert_array_equal(again, outcome.ranks["test"])
    assert (outcome.result.best_epoch == 0) == (not outcome.weights) == (outcome.result.seconds_per_epoch is None)


def test_weights_of_another_shape_are_refused_in_a_sentence() -> None:
    config = resolved(DATASET)
    _, outcome = run(config)
    others = [
        (resolved(DATASET, embedding_size=5), DATASET),
        (resolved(DATASET, unit="mlp"), DATASET),
        (resolved(DATASET, behaviors=("cart", "buy")), DATASET),
        (config, random_dataset(num_items=151)),
    ]
    for other, dataset in others:
        with pytest.raises(
            RunError, match="^the run's weights must fit data set shop and its config, and do not: train"
        ):
            load_scorer(other, dataset, outcome.weights)


def test_result_counts_time_and_memory() -> None:
    reports, outcome = run(resolved(DATASET, patience=0))
    result = outcome.result
    assert result.seconds_per_epoch == pytest.approx(np.median([report.seconds for report in reports]))
    assert result.seconds > sum(report.seconds for report in reports)
    assert result.peak_memory_mb is None or result.peak_memory_mb > 50


# A planted answer


def test_nmtr_finds_the_planted_cascade_that_one_behavior_does_not_tell() -> None:
    """Demo shop, clean protocol, HR@50: NMTR 0.40, popularity 0.30; from purchases alone, NMTR 0.28 and BPR 0.25."""
    dataset, _ = generate_with_truth()
    small: dict[str, Any] = {"protocol": "clean", "embedding_size": 16}
    bpr: dict[str, Any] = {"method": "bpr", "l2_embeddings": 3e-4, "dropout": 0.0}
    found = {
        name: run(resolved(dataset, **options), dataset)[1].result.test["HR@50"]
        for name, options in {
            "nmtr": small | {"epochs": 25},
            "nmtr, target alone": small | {"epochs": 25, "behaviors": ["buy"]},
            "bpr": small | bpr | {"epochs": 60, "patience": 0},
            "popularity": {"protocol": "clean", "method": "popularity"},
        }.items()
    }
    assert found.pop("nmtr") > 1.2 * max(found.values()), found


# Lower behaviors as targets of their own

LOWER: list[dict[str, Any]] = [
    {"unit": "gmf"},
    {"unit": "neumf", "protocol": "clean"},
    {"cascade": "mean", "loss": "squared", "refit": True},
    {"method": "cmf"},
    {"method": "ehcf", "protocol": "clean"},
]


@pytest.mark.parametrize("options", LOWER, ids=str)
def test_lower_behaviors_are_ranked_by_their_own_scores_among_what_the_user_did_not_do(options: dict[str, Any]) -> None:
    config = resolved(DATASET, hold_out_lower=True, seed=3, **options)
    _, outcome = run(config)
    assert [*outcome.result.behaviors] == [*outcome.result.behavior_intervals] == ["view", "cart"]
    parts = split(DATASET, config.protocol, 3, validation=None if config.refit else "random", hold_out_lower=True)
    scorer, known = load_scorer(config, DATASET, outcome.weights)
    model = contract.trained(config).build(config, DATASET.num_users, DATASET.num_items)
    model.load_state_dict(outcome.weights)
    for stage, behavior in enumerate(("view", "cart")):
        held_out = parts.lower_item[stage]
        np.testing.assert_array_equal(held_out, known.lower_item[stage])
        scores = contract.several(config).lower(model, stage).score(np.arange(DATASET.num_users))
        done = DATASET.matrices[stage].toarray().astype(bool)
        ranks = outcome.ranks[f"lower:{behavior}"]
        for user in range(DATASET.num_users):
            if held_out[user] < 0:
                assert np.isnan(ranks[user])
                continue
            others = scores[user, ~done[user]]
            own = scores[user, held_out[user]]
            assert ranks[user] == pytest.approx((others > own).sum() + (others == own).sum() / 2, abs=0.51)
        assert outcome.result.behaviors[behavior] == summarize(ranks)
        assert set(outcome.result.behavior_intervals[behavior]) == set(summarize(ranks))


def test_lower_behaviors_are_foretold_better_the_more_they_weigh() -> None:
    """On the demo's planted shop: a model of views against one of purchases, by each of the two as a target."""
    dataset, _ = generate_with_truth()
    options = {"hold_out_lower": True, "embedding_size": 16, "epochs": 10, "patience": 0, "loss": "squared"}
    views, buys = (
        run(resolved(dataset, lambdas=lambdas, **options), dataset)[1].result
        for lambdas in ((0.98, 0.01, 0.01), (0.01, 0.01, 0.98))
    )
    assert views.behaviors["view"]["HR@50"] > 1.1 * buys.behaviors["view"]["HR@50"]


def test_nothing_lower_is_ranked_unless_it_is_asked_for() -> None:
    _, outcome = run(resolved(DATASET))
    assert outcome.result.behaviors == outcome.result.behavior_intervals == {}
    assert set(outcome.ranks) == {"valid", "test"}
    old = outcome.result.model_dump(exclude={"behaviors", "behavior_intervals"})
    assert type(outcome.result).model_validate(old) == outcome.result  # as runs before had it


def test_one_behavior_has_nothing_lower_to_rank() -> None:
    alone = DATASET.select(("buy",))
    assert run(resolved(alone, hold_out_lower=True), alone)[1].result.behaviors == {}


def test_ranking_takes_products_below_the_smallest_normal_number_as_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    # Processors take a hundred times as long for each: with L2, one ranking took minutes.
    products: list[float] = []

    def rank(*given: Any) -> Any:
        products.append(float(torch.full((1,), 1e-30) * 1e-10))
        return rank_held_out(*given)

    monkeypatch.setattr("nmtr.experiment.rank_held_out", rank)
    run(resolved(DATASET, epochs=1, watch_test=True, hold_out_lower=True))
    run(resolved(DATASET, method="popularity"))
    assert len(products) == 7 and not any(products)
    assert torch.full((1,), 1e-30) * 1e-10 > 0
