"""Ranks, against a reference that sorts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from nmtr.errors import NmtrError
from nmtr.evaluation import ranking
from nmtr.evaluation.ranking import rank_held_out
from nmtr.evaluation.scorer import FloatArray, IndexArray, RoughScorer

NOBODY = csr_array((2, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Fixed:
    """Scores that are known beforehand."""

    scores: FloatArray  # (M, N)

    @property
    def num_users(self) -> int:
        return len(self.scores)

    @property
    def num_items(self) -> int:
        return self.scores.shape[1]

    def score(self, users: IndexArray) -> FloatArray:
        return self.scores[users]


Case = tuple[FloatArray, NDArray[np.int32], NDArray[np.bool_]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Scores with many ties, held-out items (-1: none), and what is left out: never a held-out item."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    scores = rng.integers(0, draw(st.integers(1, 9)), (users, items)).astype(np.float32)
    held_out = rng.integers(-1, items, users).astype(np.int32)
    left_out = rng.random((users, items)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    left_out[np.arange(users), held_out] = False
    return scores, held_out, left_out


def ranks_of(case: Case) -> NDArray[np.float64]:
    scores, held_out, left_out = case
    return rank_held_out(Fixed(scores), held_out, csr_array(left_out.astype(np.uint8)))


def sorted_ranks(case: Case) -> NDArray[np.float64]:
    """By sorting what remains; equals share their places."""
    ranks = np.full(len(case[0]), np.nan)
    for user, (scores, item, left_out) in enumerate(zip(*case, strict=True)):
        if item >= 0:
            places = rankdata(-scores[~left_out], method="average") - 1
            ranks[user] = places[np.flatnonzero(~left_out) == item][0]
    return ranks


@settings(max_examples=200)
@given(cases())
def test_ranks_are_those_of_sorting_with_ties_in_the_middle(case: Case) -> None:
    np.testing.assert_array_equal(ranks_of(case), sorted_ranks(case))


@given(cases(), st.integers(0, 99))
def test_relabeling_users_and_items_permutes_ranks(case: Case, seed: int) -> None:
    scores, held_out, left_out = case
    rng = np.random.default_rng(seed)
    users, items = rng.permutation(scores.shape[0]), rng.permutation(scores.shape[1])
    moved = np.where(held_out >= 0, np.argsort(items)[held_out], -1).astype(np.int32)
    relabeled = scores[users][:, items], moved[users], left_out[users][:, items]
    np.testing.assert_array_equal(ranks_of(relabeled), ranks_of(case)[users])


@given(cases())
def test_ranks_do_not_depend_on_the_blocks_of_users(case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_BLOCK_SCORES", 1)
        one_by_one = ranks_of(case)
    np.testing.assert_array_equal(one_by_one, ranks_of(case))


def test_scorer_that_tells_nothing_apart_gets_the_middle() -> None:
    ranks = rank_held_out(Fixed(np.zeros((2, 3), np.float32)), np.array([0, 2], np.int32), NOBODY)
    np.testing.assert_array_equal(ranks, [1, 1])


def test_users_without_a_held_out_item_have_no_rank() -> None:
    ranks = rank_held_out(Fixed(np.zeros((2, 3), np.float32)), np.array([-1, -1], np.int32), NOBODY)
    assert np.isnan(ranks).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("item", [0, 2], ids=["the held-out item's", "another item's"])
def test_score_that_is_no_finite_number_is_refused_in_a_sentence(value: float, item: int) -> None:
    scores = np.zeros((2, 3), np.float32)
    scores[1, item] = value
    with pytest.raises(NmtrError, match="^scores must be finite numbers; the model gives others: train with a lower"):
        rank_held_out(Fixed(scores), np.array([0, 0], np.int32), NOBODY)


class Rough:
    """Knows the truth, and tells it up to an error."""

    def __init__(self, truth: FloatArray, error: float) -> None:
        self.truth, self.error = truth, error
        self.num_users, self.num_items = truth.shape

    def score(self, users: IndexArray) -> FloatArray:
        return self.truth[users].copy()

    def rough(self, users: IndexArray) -> tuple[FloatArray, float]:
        noise = np.random.default_rng(0).uniform(-self.error, self.error, (len(users), self.num_items))
        return (self.truth[users] + noise).astype(np.float32), 2 * self.error

    def pairs(self, users: IndexArray, items: IndexArray) -> FloatArray:
        return self.truth[users, items]


@pytest.mark.parametrize("error", [0.01, 0.5, 10.0])
def test_rough_scores_give_the_ranks_of_full_ones(error: float) -> None:
    rng = np.random.default_rng(0)
    truth = np.round(rng.standard_normal((30, 50)), 1).astype(np.float32)  # with ties
    held_out = rng.integers(0, 50, 30).astype(np.int32)
    left_out = csr_array(rng.random((30, 50)) < 0.1)
    scorer = Rough(truth, error)

    full = Fixed(truth)
    assert isinstance(scorer, RoughScorer) and not isinstance(full, RoughScorer)
    np.testing.assert_array_equal(rank_held_out(scorer, held_out, left_out), rank_held_out(full, held_out, left_out))
