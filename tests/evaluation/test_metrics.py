"""HR and NDCG against numbers worked out by hand, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nmtr.evaluation.metrics import CUTOFFS, intervals, per_user, summarize

# Ranks count from 0: the first, the third, one between the fifth and sixth by a tie, the twelfth; one user has none.
RANKS = np.array([0, 2, 4.5, np.nan, 11])
some_ranks = st.lists(st.floats(0, 300), min_size=1, max_size=20).map(np.array)


def test_hit_rate_and_ndcg_are_those_worked_out_by_hand() -> None:
    metrics = summarize(RANKS, (1, 3, 5, 12))
    # Hits of four users: 1 within the first, 2 within three, 3 within five (4.5 < 5), all within twelve.
    assert [metrics[f"HR@{k}"] for k in (1, 3, 5, 12)] == [1 / 4, 2 / 4, 3 / 4, 1]
    # A hit at rank r gains 1 / log2(r + 2): 1, 1/2, 1 / log2(6.5) and 1 / log2(13).
    gains = [1, 1 / 2, 1 / math.log2(6.5), 1 / math.log2(13)]
    expected = [sum(gains[:hits]) / 4 for hits in (1, 2, 3, 4)]
    assert [metrics[f"NDCG@{k}"] for k in (1, 3, 5, 12)] == pytest.approx(expected)


def test_rank_equal_to_the_cutoff_is_no_hit() -> None:
    assert summarize(np.array([50.0]), (50, 51)) == {
        "HR@50": 0,
        "HR@51": 1,
        "NDCG@50": 0,
        "NDCG@51": pytest.approx(1 / math.log2(52)),
    }


def test_metrics_of_nobody_are_empty() -> None:
    for nobody in (np.array([]), np.array([np.nan, np.nan])):
        assert summarize(nobody) == intervals(nobody) == {}


def test_metrics_are_given_at_every_cutoff_for_each_user_with_a_held_out_item() -> None:
    values = per_user(RANKS)
    assert set(values) == {f"{metric}@{k}" for metric in ("HR", "NDCG") for k in CUTOFFS}
    assert all(len(one) == 4 for one in values.values())


def test_intervals_are_scipys() -> None:
    ranks = np.random.default_rng(0).integers(0, 300, 200).astype(np.float64)
    halves = intervals(ranks)
    assert set(halves) == set(per_user(ranks))
    for name, values in per_user(ranks).items():
        low, high = stats.norm.interval(0.95, loc=values.mean(), scale=stats.sem(values))
        assert halves[name] == pytest.approx((high - low) / 2, rel=1e-4)


def test_one_user_has_metrics_but_no_interval() -> None:
    assert summarize(np.array([3.0]))["HR@10"] == 1 and intervals(np.array([3.0])) == {}


@given(some_ranks)
def test_metrics_rise_with_the_cutoff(ranks: np.ndarray) -> None:
    metrics = summarize(ranks, range(1, 301))
    for name in ("HR", "NDCG"):
        values = [metrics[f"{name}@{k}"] for k in range(1, 301)]
        assert values == sorted(values)


@given(some_ranks)
def test_ndcg_lies_between_nothing_and_the_hit_rate(ranks: np.ndarray) -> None:
    metrics = summarize(ranks)
    assert all(0 <= metrics[f"NDCG@{k}"] <= metrics[f"HR@{k}"] <= 1 for k in CUTOFFS)
