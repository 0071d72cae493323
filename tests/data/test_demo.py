"""The demo data set: always the same, and with a funnel in it that is worth learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nmtr.data.dataset import Dataset, pairs_of
from nmtr.data.demo import Truth, generate, generate_with_truth
from nmtr.data.split import stands_in


@pytest.fixture(scope="module")
def demo() -> tuple[Dataset, Truth]:
    return generate_with_truth()


def hit_rate(dataset: Dataset, scores: NDArray[np.floating], k: int) -> float:
    """HR@k of (M, N) scores over the held-out items, training purchases excluded."""
    scores = scores.astype(np.float64)
    held_out = scores[np.arange(dataset.num_users), dataset.test_item].copy()
    scores[pairs_of(dataset.matrices[-1])] = -np.inf
    return float(((scores > held_out[:, None]).sum(1) < k).mean())


def test_demo_is_the_same_for_the_same_seed_and_another_for_another(demo: tuple[Dataset, Truth]) -> None:
    again = generate()
    assert again.fingerprint == demo[0].fingerprint
    assert again.attributes is not None and again.attributes.equals(demo[0].attributes)
    assert generate(seed=8).fingerprint != demo[0].fingerprint


def test_demo_has_the_size_and_funnel_of_a_small_shop(demo: tuple[Dataset, Truth]) -> None:
    dataset, _ = demo
    view, cart, buy = (matrix.nnz for matrix in dataset.matrices)
    assert (dataset.num_users, dataset.num_items, dataset.behaviors) == (2_000, 800, ("view", "cart", "buy"))
    assert 60_000 < view < 100_000 and 15_000 < cart < 20_000 and 9_000 < buy + 2_000 < 12_000
    assert (dataset.test_item >= 0).all()
    assert np.diff(dataset.matrices[-1].indptr).max() < 40


def test_demo_leaks_some_purchases_through_carts_but_not_all(demo: tuple[Dataset, Truth]) -> None:
    dataset, _ = demo
    carted = stands_in(dataset.matrix("cart"), dataset.test_item).mean()
    viewed = stands_in(dataset.matrix("view"), dataset.test_item).mean()
    assert 0.4 < carted < 0.7 < viewed < 0.95


def test_demo_items_have_titles_of_their_own_categories_and_prices(demo: tuple[Dataset, Truth]) -> None:
    attributes = demo[0].attributes
    assert attributes is not None and list(attributes.columns) == ["title", "category", "price"]
    assert attributes["title"].is_unique and attributes["category"].nunique() == 14
    assert attributes["price"].between(1, 300).all()


def test_demo_says_that_it_is_invented(demo: tuple[Dataset, Truth]) -> None:
    assert demo[0].origin.synthetic and demo[0].origin.source == "generated"
    assert "Invented by a generator" in demo[0].origin.made


def test_demo_purchases_follow_the_planted_cascade_and_every_stage_of_it(demo: tuple[Dataset, Truth]) -> None:
    dataset, truth = demo
    popularity = np.tile(np.bincount(dataset.matrices[-1].indices, minlength=800), (2_000, 1))
    planted = hit_rate(dataset, truth.purchase, 50)
    assert planted > 1.5 * hit_rate(dataset, popularity, 50)
    for stage in ("view", "cart", "buy"):
        flat = replace(truth, **{stage: np.full_like(truth.view, getattr(truth, stage).mean())})
        assert planted > 1.05 * hit_rate(dataset, flat.purchase, 50), f"{stage} would not be missed"
