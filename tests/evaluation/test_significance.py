"""Tests and intervals against numbers worked out by hand and against scipy's; what happens with little to go by."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nmtr.evaluation import significance
from nmtr.evaluation.significance import bootstrap, ends, holm, mcnemar, paired_t, wilcoxon

RANDOM = np.random.default_rng(5)
NOBODY = np.array([])
#: As NDCG's differences are: many zeros, many alike.
DIFFERENCES = np.where(RANDOM.random(400) < 0.6, 0.0, RANDOM.choice([-0.5, -0.2, 0.1, 0.3, 0.4], 400))


# Paired tests


def test_t_test_is_the_one_worked_out_by_hand() -> None:
    # Mean 2, sd 2: t = 2 / (2 / sqrt 3) = 1.7321 with 2 degrees of freedom, whose p is 1 - t / sqrt(t² + 2).
    t = math.sqrt(3)
    assert paired_t(np.array([0.0, 2.0, 4.0])) == pytest.approx(1 - t / math.sqrt(t**2 + 2))


def test_t_test_and_wilcoxon_are_scipys() -> None:
    zeros = np.zeros(len(DIFFERENCES))
    assert paired_t(DIFFERENCES) == pytest.approx(stats.ttest_rel(DIFFERENCES, zeros).pvalue)
    assert wilcoxon(DIFFERENCES) == pytest.approx(stats.wilcoxon(DIFFERENCES, zero_method="wilcox").pvalue)


def test_wilcoxon_is_the_one_worked_out_by_hand() -> None:
    # Of the 2³ ways to sign the ranks 1, 2, 3, two are as one-sided as all plus: p = 2 / 8. The zero says nothing.
    assert wilcoxon(np.array([0.1, 0.2, 0.0, 0.3])) == pytest.approx(0.25)


def test_mcnemar_is_the_one_worked_out_by_hand() -> None:
    first, second = np.array([1, 1, 1, 1, 0, 1, 0]), np.array([0, 0, 0, 0, 1, 1, 0])
    # 4 users for the first alone, 1 for the second: P(at most 1 of 5 heads), twice = 2 (1 + 5) / 32.
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(12 / 32)


def test_mcnemar_of_many_users_is_close_to_chi_squared() -> None:
    first = np.repeat([1.0, 0.0], [5400, 5000])
    expected = stats.chi2.sf((5400 - 5000 - 1) ** 2 / 10400, 1)
    assert mcnemar(first, 1 - first) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("differences", "t", "w"),
    [
        (NOBODY, None, None),
        (np.zeros(1), 1.0, 1.0),
        (np.ones(1), None, 1.0),  # Wilcoxon: one of the two signs of one rank is as likely as the other
        (np.zeros(9), 1.0, 1.0),
        (np.full(3, 0.1), None, 0.25),
        (np.array([0.3 - 0.1 * 3] * 9), 1.0, 1.0),  # 5e-17, which is nothing
        (np.array([1 / 3, 1 - 2 / 3, 2 / 3 - 1 / 3]), None, 0.25),  # thirds, up to rounding
    ],
)
def test_tests_of_little_have_a_defined_outcome(differences: np.ndarray, t: float | None, w: float | None) -> None:
    assert paired_t(differences) == t
    assert wilcoxon(differences) == w


def test_mcnemar_of_little_has_a_defined_outcome() -> None:
    assert mcnemar(NOBODY, NOBODY) is None
    assert mcnemar(np.ones(1), np.zeros(1)) == mcnemar(np.ones(9), np.ones(9)) == 1.0


@settings(max_examples=25)  # scipy draws thousands of permutations for 13 values, ties among them
@given(st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.25]), min_size=1, max_size=30).map(np.array))
def test_paired_tests_do_not_care_which_comes_first(differences: np.ndarray) -> None:
    for test in (paired_t, wilcoxon):
        p, turned = test(differences), test(-differences)
        assert p == turned if p is None or turned is None else p == pytest.approx(turned)
        assert p is None or 0 <= p <= 1


# Holm


def test_holm_is_the_one_worked_out_by_hand() -> None:
    # Ascending .01 x 4, .02 x 3, .03 x 2 (= .06, no less than the one before), .5 x 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])


def test_holm_leaves_out_tests_without_p_and_stops_at_1() -> None:
    assert holm([None, 0.6, 0.7]) == [None, 1.0, 1.0]
    assert holm([None]) == [None] and holm([]) == []


# Bootstrap


def interval(values: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    low, high = ends(bootstrap(values, seed))
    return values.mean(axis=0) + low, values.mean(axis=0) + high


def test_bootstrap_interval_is_close_to_the_normal_one() -> None:
    values = RANDOM.random((3000, 2)) < [0.3, 0.02]
    low, high = interval(values.astype(float))
    normal = 1.96 * values.std(axis=0) / math.sqrt(3000)
    assert (high - low) / 2 == pytest.approx(normal, rel=0.1)
    assert (low < values.mean(axis=0)).all() and (values.mean(axis=0) < high).all()


def test_bootstrap_is_scipys() -> None:
    values = RANDOM.gamma(0.5, size=200)  # skewed, so that the interval is not symmetric
    low, high = interval(values[:, None])
    theirs = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=1).confidence_interval
    spread = theirs.high - theirs.low
    assert [low[0], high[0]] == pytest.approx([theirs.low, theirs.high], abs=0.06 * spread)


def test_columns_are_resampled_together() -> None:
    first = (RANDOM.random(2000) < 0.3).astype(float)
    second = np.where(RANDOM.random(2000) < 0.95, first, 1 - first)
    of_both = bootstrap(np.stack([first, second], axis=1))
    of_difference = bootstrap((first - second)[:, None])
    np.testing.assert_allclose(of_both[:, 0] - of_both[:, 1], of_difference[:, 0], atol=1e-6)
    assert np.ptp(ends(of_difference)) < 0.6 * np.ptp(ends(of_both[:, :1]))


def test_bootstrap_is_the_same_for_the_same_seed_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.random((50, 3))
    whole = bootstrap(values)
    assert np.array_equal(whole, bootstrap(values))
    assert not np.array_equal(whole, bootstrap(values, seed=1))
    monkeypatch.setattr(significance, "_BLOCK_DRAWN", 7 * 50)
    np.testing.assert_allclose(bootstrap(values), whole, atol=1e-6)


def test_bootstrap_of_equal_values_has_no_width() -> None:
    low, high = interval(np.full((10, 1), 0.3))
    assert low == high == pytest.approx(0.3)


@pytest.mark.parametrize("count", [0, 1])
def test_bootstrap_of_fewer_than_two_users_has_no_ends(count: int) -> None:
    with np.errstate(all="raise"):
        low, high = ends(bootstrap(np.ones((count, 2))))
    assert np.isnan(low).all() and np.isnan(high).all() and low.shape == high.shape == (2,)


def test_bootstrap_of_many_users_draws_less_often_and_holds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "_MOST_DRAWN", 200_000 * 20)
    monkeypatch.setattr(significance, "_FEWEST_DRAWS", 20)
    values = RANDOM.random((200_000, 1))
    tracemalloc.start()
    bootstrap(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # all resamples at once would take 1000 x 200,000 x 8 bytes = 1.6 GB
