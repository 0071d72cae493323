"""The laws of the paper's mini-batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import chisquare

from nmtr.training import sampling
from nmtr.training.sampling import Distinct, NegativeSampler, PairSampler

Observed = NDArray[np.bool_]  # (R, M, N)


@st.composite
def observations(draw: Callable[..., Observed]) -> Observed:
    """Whether each user touched each item under each behavior, at least one of them."""
    shape = tuple(draw(st.integers(1, most)) for most in (4, 5, 6))
    observed = draw(arrays(np.bool_, shape))
    observed[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1)), 0] = True
    return observed


def matrices(observed: Observed) -> list[csr_array]:
    return [csr_array(own.astype(np.uint8)) for own in observed]


@given(observations(), st.integers(1, 4), st.integers(1, 40), st.integers(0, 99))
def test_epoch_holds_every_observed_behavior_once_with_its_negatives(
    observed: Observed, negatives: int, batch_size: int, seed: int
) -> None:
    sampler = PairSampler(matrices(observed), negatives, batch_size)
    positive: Counter[tuple[int, int, int]] = Counter()
    drawn: Counter[tuple[int, int]] = Counter()
    batches = 0
    for batch in sampler.batches(np.random.default_rng(seed)):
        batches += 1
        pairs = set()
        for r, (users, items, positives) in enumerate(zip(batch.users, batch.items, batch.positives, strict=True)):
            instances = list(zip(users.tolist(), items.tolist(), strict=True))
            positive.update((r, u, i) for u, i in instances[:positives])
            pairs.update(instances[:positives])
            drawn.update((r, u) for u, _ in instances[positives:])
            assert not any(observed[r, u, i] for u, i in instances[positives:]), "a negative was observed"
        assert len(pairs) <= batch_size
    assert batches == sampler.steps
    assert positive == Counter({(r, u, i): 1 for r, u, i in np.argwhere(observed).tolist()})
    some_left = ~observed.all(2)  # users who touched everything have no negatives
    expected = np.where(some_left, negatives * observed.sum(2), 0)
    assert drawn == Counter({(r, u): int(n) for (r, u), n in np.ndenumerate(expected) if n})
    np.testing.assert_array_equal(sampler.instances(), (observed.sum(2) + expected).sum(1))


@given(observations(), st.sampled_from([1, 8, 32]))
def test_bitmap_tells_what_was_observed_also_where_pairs_share_bits(observed: Observed, bits: int) -> None:
    users, items = np.divmod(np.arange(observed[0].size), observed.shape[2])
    for own, matrix in zip(observed, matrices(observed), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            of_their_own = NegativeSampler(matrix)
            patch.setattr(sampling, "_BITMAP_BITS", bits)
            sharing = NegativeSampler(matrix)
            found = sharing.observed(users, items)
        assert sharing._shared == (len(users) > bits) and not of_their_own._shared
        for told in (of_their_own.observed(users, items), found):
            np.testing.assert_array_equal(told, own.ravel())


def test_negatives_are_the_same_where_pairs_share_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = csr_array(np.random.default_rng(0).random((20, 30)) < 0.5)
    users = np.arange(20).repeat(5)
    drawn = NegativeSampler(matrix).draw(users, np.random.default_rng(1))
    monkeypatch.setattr(sampling, "_BITMAP_BITS", 64)
    np.testing.assert_array_equal(NegativeSampler(matrix).draw(users, np.random.default_rng(1)), drawn)


def test_negatives_are_drawn_uniformly_from_what_is_left() -> None:
    matrix = csr_array(np.array([[1, 0, 0, 1, 0, 0, 0]], np.uint8))
    drawn = NegativeSampler(matrix).draw(np.zeros(7_000, np.int64), np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=7)
    assert counts[0] == counts[3] == 0
    assert chisquare(counts[[1, 2, 4, 5, 6]]).pvalue > 1e-3


def test_batches_are_the_same_for_the_same_generator_and_others_for_another() -> None:
    sampler = PairSampler([csr_array(np.random.default_rng(0).random((20, 30)) < 0.2)], 4, 16)

    def items(seed: int) -> list[int]:
        batches = sampler.batches(np.random.default_rng(seed))
        return np.concatenate([batch.items[0] for batch in batches]).tolist()

    assert items(1) == items(1) != items(2)


def test_distinct_indices_are_numbered_in_order() -> None:
    numbering = Distinct(10)
    for _ in range(2):  # it forgets the call before
        distinct, positions = numbering.of(np.array([7, 2, 7, 9]))
        assert distinct.tolist() == [2, 7, 9] and positions.tolist() == [1, 0, 1, 2]
