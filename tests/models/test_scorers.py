"""What everything that can rank has in common; a new scorer is added to SCORERS and passes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import nn

from nmtr.config.methods import Unit
from nmtr.evaluation.ranking import rank_held_out
from nmtr.evaluation.scorer import CascadeScorer, ItemVectors, PairScorer, RoughScorer, Scorer, StageScorer
from nmtr.models.ehcf import EHCF
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.models.rules import LastBehavior, Popularity
from nmtr.models.scoring import NMTRScorer, ProductStage, scorer_of
from tests.conftest import HERE, random_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

Train = tuple[csr_array, ...]
TRAIN: Train = random_dataset(num_users=6, num_items=9, purchases=3).matrices


def nmtr(*units: Unit) -> Callable[[Train], NMTR]:
    return lambda train: NMTR(*train[-1].shape, units, embedding_size=4, layers=2)


SCORERS: dict[str, Callable[[Train], Scorer]] = {
    "NMTR-GMF": nmtr("gmf", "gmf", "gmf"),
    "NMTR-MLP": nmtr("mlp", "mlp", "mlp"),
    "NMTR-NeuMF": nmtr("neumf", "neumf", "neumf"),
    "NMTR-mixed": nmtr("gmf", "neumf", "mlp"),
    "NMTR-alone": nmtr("gmf"),
    "NMTR-mean": lambda train: NMTR(*train[-1].shape, ("neumf", "gmf", "mlp"), embedding_size=4, cascade="mean"),
    "NMTR-none": lambda train: NMTR(*train[-1].shape, ("mlp", "neumf", "neumf"), embedding_size=4, cascade="none"),
    "NMTR-separate": lambda train: NMTR(
        *train[-1].shape, ("mlp", "gmf", "neumf"), embedding_size=4, embedding="separate"
    ),
    "MF": lambda train: Factorization(*train[-1].shape, embedding_size=4),
    "MF-biased": lambda train: Factorization(*train[-1].shape, embedding_size=4, item_bias=True),
    "CMF": lambda train: Factorization(*train[-1].shape, 3, embedding_size=4, item_bias=True),
    "EHCF": lambda train: EHCF(*train[-1].shape, 3, embedding_size=4),
    "Popularity": Popularity,
    "LastBehavior": LastBehavior,
}
MODELS = [name for name in SCORERS if name not in ("Popularity", "LastBehavior")]


def made(name: str, train: Train = TRAIN, seed: int = 0) -> Any:
    """With random weights, item biases included."""
    torch.manual_seed(seed)
    model = SCORERS[name](train)
    if isinstance(model, nn.Module):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_()
        model.eval()
    return model


def ready(model: Any) -> Scorer:
    """What scores: a cascade is made ready for it, everything else is."""
    return scorer_of(model) if isinstance(model, NMTR) else model


def build(name: str) -> Scorer:
    return ready(made(name))


@pytest.fixture(params=SCORERS)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def test_scorer_gives_every_item_a_finite_float32(name: str) -> None:
    scorer = build(name)
    assert isinstance(scorer, Scorer)
    assert (scorer.num_users, scorer.num_items) == (6, 9)
    scores = scorer.score(np.array([4, 0, 4, 2]))
    assert scores.shape == (4, 9) and scores.dtype == np.float32 and np.isfinite(scores).all()
    np.testing.assert_array_equal(scores[0], scores[2])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_scorer_scores_one_user_as_among_others(name: str, dtype: type[np.integer]) -> None:
    scorer = build(name)
    alone = scorer.score(np.array([3], dtype))
    assert alone.shape == (1, 9)
    np.testing.assert_allclose(alone, scorer.score(np.arange(6))[3:4], rtol=1e-5, atol=1e-6)


def test_scorer_scores_nobody(name: str) -> None:
    assert build(name).score(np.array([], np.int64)).shape == (0, 9)


def test_scorer_gives_a_fresh_array_and_the_same_again(name: str) -> None:
    scorer = build(name)
    first = scorer.score(np.arange(6))
    kept = first.copy()
    first[:] = np.nan
    np.testing.assert_array_equal(scorer.score(np.arange(6)), kept)


def test_relabeling_items_permutes_scores(name: str) -> None:
    order = np.random.default_rng(1).permutation(9)
    model, relabeled = made(name), made(name, tuple(csr_array(matrix[:, order]) for matrix in TRAIN))
    if isinstance(model, nn.Module):
        weights = model.state_dict()
        weights["items.weight"] = weights["items.weight"][order]
        if "bias" in weights:
            weights["bias"] = weights["bias"][:, order]
        relabeled.load_state_dict(weights)
    users = np.arange(6)
    np.testing.assert_allclose(ready(relabeled).score(users), ready(model).score(users)[:, order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_model_scores_the_same_after_saving_and_loading(name: str) -> None:
    model, other = made(name), made(name, seed=1)
    users = np.arange(6)
    assert not np.array_equal(ready(model).score(users), ready(other).score(users))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    np.testing.assert_array_equal(ready(other).score(users), ready(model).score(users))


def test_only_cascades_can_be_taken_apart(name: str) -> None:
    scorer = build(name)
    assert isinstance(scorer, CascadeScorer) == name.startswith("NMTR")
    if isinstance(scorer, CascadeScorer):
        parts = scorer.stages(np.array([5]), np.array([8]))
        np.testing.assert_allclose(parts.logits[:, -1], scorer.score(np.array([5]))[:, 8], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("every_level", [each for each in HERE if each in ("amx", "bf16")], indirect=True)
def test_rough_scores_are_within_their_error_and_rank_as_full_ones_do(every_level: str) -> None:
    torch.manual_seed(0)
    model = NMTR(400, 900, ("neumf", "mlp", "neumf"), embedding_size=16)
    with torch.no_grad():
        for table in (model.users, model.items):
            table.weight.normal_()
    scorer = scorer_of(model)
    assert isinstance(scorer, RoughScorer)
    users = np.arange(400)
    full = NMTRScorer(model).score(users)
    scores, error = scorer.rough(users)
    assert 0 < np.abs(scores - full).max() <= error < full.std() / 5
    pairs = np.array([3, 3, 399]), np.array([0, 899, 5])
    np.testing.assert_allclose(scorer.pairs(*pairs), full[pairs], rtol=1e-5, atol=1e-5)
    held_out = np.random.default_rng(0).integers(-1, 900, 400).astype(np.int32)
    left_out = csr_array(np.random.default_rng(1).random((400, 900)) < 0.02)
    expected = rank_held_out(NMTRScorer(model), held_out, left_out)
    np.testing.assert_array_equal(rank_held_out(scorer, held_out, left_out), expected)
    assert (expected > 0).any()


def test_popularity_is_the_number_of_buyers() -> None:
    buy = csr_array(np.array([[1, 0, 1], [1, 0, 0]], np.uint8))
    np.testing.assert_array_equal(Popularity((buy,)).score(np.array([1])), [[2, 0, 1]])


def test_what_a_user_touched_last_stands_above_every_popular_item() -> None:
    cart = csr_array(np.array([[0, 1, 1, 0], [0, 0, 0, 0]], np.uint8))
    buy = csr_array(np.array([[1, 0, 1, 0], [1, 0, 0, 0]], np.uint8))
    # Buyers are 2, 0, 1, 0; the carted items of the first user get 3 more.
    np.testing.assert_array_equal(LastBehavior((cart, buy)).score(np.array([0, 1])), [[2, 3, 4, 0], [2, 0, 1, 0]])


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("NMTR-")])
def test_each_stage_of_a_cascade_ranks_by_its_own_logits(name: str, every_path: str) -> None:
    torch.manual_seed(0)
    model = SCORERS[name](TRAIN)
    assert isinstance(model, NMTR)
    with torch.no_grad():
        model.bias.normal_()
    users, items = np.divmod(np.arange(model.num_users * model.num_items), model.num_items)
    logits = NMTRScorer(model).stages(users, items).logits
    for stage in range(model.num_behaviors):
        scorer = scorer_of(model, stage)
        expected = logits[:, stage].reshape(model.num_users, model.num_items)
        np.testing.assert_allclose(scorer.score(np.arange(model.num_users)), expected, rtol=1e-4, atol=1e-5)
        assert isinstance(scorer, PairScorer)
        np.testing.assert_allclose(scorer.pairs(users, items), logits[:, stage], rtol=1e-4, atol=1e-5)
        if isinstance(scorer, RoughScorer):
            rough, error = scorer.rough(np.arange(model.num_users))
            assert np.abs(rough - expected).max() <= error + 1e-5


@pytest.mark.parametrize("name", ["CMF", "CMF-users", "EHCF"])
def test_each_behavior_of_products_ranks_by_its_own_scores(name: str) -> None:
    shape = TRAIN[-1].shape
    model = Factorization(*shape, 3, shared="user", embedding_size=4) if name == "CMF-users" else SCORERS[name](TRAIN)
    assert isinstance(model, nn.Module)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    users, columns = (torch.arange(size) for size in shape)
    rows, items = (part.int() for part in torch.meshgrid(users, columns, indexing="ij"))
    for stage in range(3):
        scores = ProductStage(model, stage).score(np.arange(shape[0]))  # type: ignore[arg-type]
        assert scores.shape == shape and scores.dtype == np.float32
        if isinstance(model, Factorization):
            sizes = [rows.numel() if r == stage else 0 for r in range(3)]
            found = model.of_batch(users, columns, rows.flatten(), items.flatten(), sizes)[stage]
            np.testing.assert_allclose(scores, found.detach().view(shape), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores, model.score(np.arange(shape[0])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("NMTR-")])
def test_all_stages_at_once_are_those_of_each_pair(name: str, every_path: str) -> None:
    model = made(name)
    scorer = NMTRScorer(model)
    assert isinstance(scorer, StageScorer) and scorer.has_towers == model.has_towers
    users = np.array([5, 0, 3])
    pairs = np.repeat(users, 9), np.tile(np.arange(9), 3)
    expected = scorer.stages(*pairs).logits.T.reshape(-1, 3, 9)
    found = scorer.logits(users)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    found[:] = np.nan
    np.testing.assert_allclose(scorer.logits(users), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_listed_pairs_score_as_among_all_items(name: str, every_path: str) -> None:
    scorer = build(name)
    assert isinstance(scorer, PairScorer)
    users, items = np.array([5, 0, 5]), np.array([8, 8, 0])
    np.testing.assert_allclose(
        scorer.pairs(users, items), scorer.score(users)[np.arange(3), items], rtol=1e-4, atol=1e-5
    )


def test_items_have_a_vector_each_where_they_are_embedded(name: str) -> None:
    scorer, model = build(name), made(name)
    assert isinstance(scorer, ItemVectors) == (name in MODELS)
    if isinstance(scorer, ItemVectors):
        np.testing.assert_array_equal(scorer.item_vectors, model.items.weight.detach())


def test_vectors_of_items_that_have_one_a_behavior_are_the_targets() -> None:
    model = Factorization(2, 3, 2, shared="user", embedding_size=1)
    with torch.no_grad():
        model.items.weight[:] = torch.arange(6.0)[:, None]
    np.testing.assert_array_equal(model.item_vectors, [[1], [3], [5]])
