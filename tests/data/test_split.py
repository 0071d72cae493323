"""Pairs of the lower behaviors that are held out as targets of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmtr.config import PROTOCOLS
from nmtr.data.dataset import Dataset, Origin
from nmtr.data.split import Split, split
from tests.conftest import random_dataset

NONE = -1


def dataset_of(view: Any, cart: Any, buy: Any, test: Any) -> Dataset:
    """Items a user did this to; six items."""
    matrices = []
    for done in (view, cart, buy):
        matrix = np.zeros((len(done), 6), np.uint8)
        for user, items in enumerate(done):
            matrix[user, items] = 1
        matrices.append(csr_array(matrix))
    return Dataset(
        name="tiny",
        behaviors=("view", "cart", "buy"),
        matrices=tuple(matrices),
        test_item=np.array(test, np.int32),
        given_valid_item=np.full(len(test), NONE, np.int32),
        users=np.array([f"u{user}" for user in range(len(test))]),
        items=np.array([f"i{item}" for item in range(6)]),
        origin=Origin("test"),
    )


#: Of each user one view at most, and one cart, leads no further, so nothing is left to chance.
TINY = dataset_of(
    view=[[0, 1, 2, 5], [0, 1], [3], [0, 1, 2], []],
    cart=[[1, 2, 5], [0, 1], [], [0, 2], [4, 5]],
    buy=[[1], [0], [2], [1], [5]],
    test=[5, 1, NONE, 2, NONE],
)
#: User 0: item 0 was viewed only, item 2 carted only. User 1: everything was bought. User 2: a single view. User 3: all
#: that was viewed was carted or bought; the cart of 0 went no further. User 4: no views; the cart of 4.
VIEWS = [0, NONE, NONE, NONE, NONE]
CARTS = [2, NONE, NONE, 0, 4]


def items(matrix: csr_array) -> list[list[int]]:
    return [matrix.indices[start:end].tolist() for start, end in zip(matrix.indptr, matrix.indptr[1:], strict=False)]


def held_out(parts: Split) -> list[list[int]]:
    return [chosen.tolist() for chosen in parts.lower_item]


@pytest.mark.parametrize("seed", range(5))
def test_held_out_pairs_are_those_that_led_no_further(seed: int) -> None:
    parts = split(TINY, "standard", seed, validation=None, hold_out_lower=True)
    assert held_out(parts) == [VIEWS, CARTS]
    assert items(parts.train[0]) == [[1, 2, 5], [0, 1], [3], [0, 1, 2], []]
    assert items(parts.train[1]) == [[1, 5], [0, 1], [], [2], [5]]
    assert items(parts.train[2]) == items(TINY.matrices[2])


def test_clean_hides_held_out_pairs_from_the_behaviors_below_too() -> None:
    parts = split(TINY, "clean", 0, validation=None, hold_out_lower=True)
    assert held_out(parts) == [VIEWS, CARTS]
    # Without the test purchases 5, 1 and 2, the held-out carts 2 and 0, and the held-out view 0.
    assert items(parts.train[0]) == [[1], [0], [3], [1], []]
    assert items(parts.train[1]) == [[1], [0], [], [], [5]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_target_is_split_as_without_them(protocol: Any) -> None:
    dataset = random_dataset()
    plain, parts = (split(dataset, protocol, 1, hold_out_lower=lower) for lower in (False, True))
    assert plain.lower_item == ()
    np.testing.assert_array_equal(plain.valid_item, parts.valid_item)
    assert items(plain.train[-1]) == items(parts.train[-1]) and parts.known is plain.known
    for before, after, chosen in zip(plain.train, parts.train, parts.lower_item, strict=False):
        assert (before != after).nnz == before.nnz - after.nnz >= (chosen >= 0).sum() > 0


def test_held_out_pairs_hang_on_the_seed_alone() -> None:
    dataset = random_dataset()
    first = held_out(split(dataset, "standard", 1, hold_out_lower=True))
    assert first == held_out(split(dataset, "clean", 1, validation=None, hold_out_lower=True))
    assert first != held_out(split(dataset, "standard", 2, hold_out_lower=True))
    assert first[0] != first[1]


def test_each_of_a_users_pairs_is_held_out_as_often() -> None:
    """One user in 3,000 guises who viewed five items and bought none of them."""
    users, rows = 3000, np.zeros((3000, 6), np.uint8)
    rows[:, :5] = 1
    buy = np.zeros_like(rows)
    buy[:, 5] = 1
    many = dataset_of(view=[[]] * users, cart=[[]] * users, buy=[[]] * users, test=[NONE] * users)
    many = replace(many, behaviors=("view", "buy"), matrices=(csr_array(rows), csr_array(buy)))
    ((chosen,)) = split(many, "standard", 0, hold_out_lower=True).lower_item
    counts = np.bincount(chosen, minlength=6)
    assert counts[5] == 0 and np.abs(counts[:5] - 600).max() < 5 * np.sqrt(600)


def test_pairs_that_a_sample_leaves_out_are_not_held_out() -> None:
    dataset = random_dataset()
    sample = {"view": 0.5}
    sampled = split(dataset, "standard", 3, sample=sample)
    parts = split(dataset, "standard", 3, sample=sample, hold_out_lower=True)
    has = parts.lower_item[0] >= 0
    assert has.any() and sampled.train[0].toarray()[has, parts.lower_item[0][has]].all()


def test_one_behavior_has_no_lower_one() -> None:
    dataset = random_dataset().select(("buy",))
    assert split(dataset, "clean", 0, hold_out_lower=True).lower_item == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_newest_holds_out_the_purchase_that_stands_last_in_the_data_set(protocol: Any) -> None:
    bought = dataset_of(
        view=[[1, 4], [0], [3]], cart=[[4], [2], [3]], buy=[[1, 2, 4], [0, 3], [3]], test=[5, NONE, NONE]
    )
    for seed in range(3):
        parts = split(bought, protocol, seed, validation="newest")
        assert parts.valid_item.tolist() == [4, 3, NONE]  # of user 2 the only purchase stays in training
        assert items(parts.train[-1]) == [[1, 2], [0], [3]]
        assert items(parts.train[0]) == [[1, 4] if protocol == "standard" else [1], [0], [3]]
        assert items(parts.known) == [[1, 2, 4], [0, 3], [3]]


def test_a_validation_purchase_that_the_source_names_is_taken_however_others_are_drawn() -> None:
    bought = dataset_of(view=[[1], [0]], cart=[[4], [2]], buy=[[1, 2, 4], [0, 3]], test=[5, NONE])
    named = replace(bought, given_valid_item=np.array([2, NONE], np.int32))
    assert split(named, "clean", 0, validation="newest").valid_item.tolist() == [2, 3]
