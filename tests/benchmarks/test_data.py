"""The invented data sets have the sizes that were asked for, and the shape of a shop."""

from __future__ import annotations

import numpy as np

from benchmarks.data import funnel
from nmtr.data.split import split

SHOP = funnel(200, 300, buy=2_000, cart=4_000, view=12_000)


def test_sizes_are_exact() -> None:
    assert SHOP.behaviors == ("view", "cart", "buy")
    assert [matrix.nnz for matrix in SHOP.matrices] == [12_000, 4_000, 2_000 - 200]
    assert [matrix.shape for matrix in SHOP.matrices] == [(200, 300)] * 3


def test_every_user_has_purchases_to_test_to_validate_and_to_learn_from() -> None:
    parts = split(SHOP, "standard", 0)
    assert (parts.test_item >= 0).all() and (parts.valid_item >= 0).all()
    assert np.diff(parts.train[-1].indptr).min() >= 1
    assert not SHOP.matrices[-1][np.arange(200), SHOP.test_item].any()


def test_most_purchases_were_carted_and_most_carts_viewed() -> None:
    view, cart, buy = SHOP.matrices
    assert buy.multiply(cart).nnz > 0.7 * buy.nnz
    assert cart.multiply(view).nnz > 0.8 * cart.nnz


def test_few_items_take_much() -> None:
    counts = np.sort(np.diff(SHOP.matrices[0].tocsc().indptr))[::-1]
    assert counts[:30].sum() > 2 * counts[-30:].sum()


def test_purchases_can_be_held_out_of_a_few_users_only() -> None:
    few = funnel(200, 300, cart=2_000, validated=5)
    parts = split(few, "standard", 0)
    for held_out in (parts.test_item, parts.valid_item):
        assert np.flatnonzero(held_out >= 0).tolist() == [0, 1, 2, 3, 4]
    assert np.diff(parts.train[-1].indptr).tolist() == [1] * 200
