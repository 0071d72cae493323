"""The rising map and its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binomtest

from nmtr.chances.monotone import rising, wilson


def test_wilson_is_that_of_scipy() -> None:
    low, high = wilson(np.array([0, 7, 40]), np.array([50, 3000, 40]))
    for number, (found, pairs) in enumerate([(0, 50), (7, 3000), (40, 40)]):
        expected = binomtest(found, pairs).proportion_ci(method="wilson")
        assert (low[number], high[number]) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_map_recovers_chances_of_distorted_scores_within_its_intervals() -> None:
    scores = np.linspace(-3, 3, 400)
    truth = expit(1.5 * np.tanh(scores) - 4)  # a shape that two numbers cannot follow
    pairs, inside = np.full(400, 1000), []
    for seed in range(5):
        curve = rising(scores, pairs, np.random.default_rng(seed).binomial(pairs, truth))
        at = expit(1.5 * np.tanh(curve.scores) - 4)
        inside += ((expit(curve.low) <= at) & (at <= expit(curve.high))).tolist()
        assert expit(curve.log_odds) == pytest.approx(at, rel=0.15)
        assert (np.diff(curve.log_odds) >= 0).all() and (np.diff(curve.scores) > 0).all()
    assert len(inside) == 150 and sum(inside) >= 135  # neighbours are made one: not all are draws of their own


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4000)), min_size=1, max_size=60))
def test_map_rises_and_expects_as_many_as_there_are(counts: list[tuple[int, int]]) -> None:
    found, pairs = (np.array(column) for column in zip(*counts, strict=True))
    pairs = pairs + found
    found[0] += 1  # one at least
    curve = rising(np.arange(len(pairs)), pairs, found)
    assert (np.diff(curve.log_odds) >= 0).all()
    assert (curve.low < curve.high).all() and np.isfinite([curve.low, curve.log_odds, curve.high]).all()
    assert expit(curve.log_odds[0]) <= found.sum() / pairs.sum() + 1e-9
    assert expit(curve.log_odds[-1]) >= found.sum() / pairs.sum() - 1e-9


def test_scores_that_nothing_was_found_at_count_with_the_next_higher_one() -> None:
    curve = rising(np.array([0.0, 1.0, 2.0, 3.0]), np.array([500, 500, 1000, 7]), np.array([0, 10, 90, 0]))
    assert curve.scores.tolist() == [1.0, 2.0]
    assert curve.log_odds == pytest.approx(logit([10 / 1000, 90 / 1007]))
