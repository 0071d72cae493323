"""One item, against numbers worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from nmtr.chances import fit
from nmtr.errors import ConfigError, DataError
from nmtr.explain import Fitted, explain
from nmtr.items import Item, all_items, one_item, table
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.models.rules import LastBehavior
from nmtr.models.scoring import NMTRScorer
from tests.items.conftest import ITEMS, PURCHASES, VIEWS, fitted_of, gmf

pytestmark = pytest.mark.usefixtures("one_thread")


def of(fitted: Fitted, item: str, k: int = 10) -> Item:
    return one_item(fitted, all_items(fitted), item, k)


def test_scores_of_all_shoppers_are_spread_over_shared_bins(fitted: Fitted, every_path: str) -> None:
    one = of(fitted, "i0")
    # u0 to u3 are 1, -1, 2, 0: view p, buy 2 p + 1.
    np.testing.assert_allclose(one.scores, [[1, 3], [-1, -1], [2, 5], [0, 1]], atol=1e-6)
    view, buy = one.spread
    assert (view.behavior, view.bias, view.mean) == ("view", 0, pytest.approx(0.5))
    assert (buy.behavior, buy.bias, buy.mean) == ("buy", 1, pytest.approx(2))
    assert view.quantiles == pytest.approx(np.quantile([1, -1, 2, 0], [0.05, 0.25, 0.5, 0.75, 0.95]))
    assert (one.edges[0], one.edges[-1]) == (-1, 5) and len(one.edges) == 41
    assert [number for number, count in enumerate(view.histogram) if count] == [0, 6, 13, 20]
    assert sum(view.histogram) == sum(buy.histogram) == 4 and buy.histogram[-1] == 1
    assert (one.place, one.items) == (1, 3)


def test_scores_that_are_all_the_same_have_a_bin() -> None:
    one = of(fitted_of(NMTRScorer(gmf(users=(0.0,) * 4, bias=((0.0,) * 3,) * 2))), "i1")
    assert (one.edges[0], one.edges[-1]) == (-0.5, 0.5)
    assert sum(one.spread[0].histogram) == 4


def test_funnel_has_what_was_beside_what_is_expected(fitted: Fitted) -> None:
    view, buy = of(fitted, "i0").funnel
    expected = expit([1, -1, 2, 0]).sum(), expit([3, 5]).sum()  # of the two who buy at all
    assert (view.behavior, view.observed, view.fewer) == ("view", 3, 1.0)
    assert (view.also, view.conversion, view.expected_conversion) == (None, None, None)
    assert (buy.behavior, buy.observed, buy.fewer, buy.also) == ("buy", 2, 1.0, 1)
    assert (view.expected, buy.expected) == pytest.approx(expected)
    assert buy.conversion == pytest.approx(2 / 3) and buy.expected_conversion == pytest.approx(
        expected[1] / expected[0]
    )
    unseen = of(fitted, "i2").funnel[1]
    assert (unseen.observed, unseen.fewer, unseen.conversion) == (0, 0.0, None)


def test_one_item_is_told_over_all_shoppers_where_the_table_drew_some(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = of(fitted, "i0")
    monkeypatch.setattr(table, "_MOST", 2 * 2 * 3)
    every = all_items(fitted)
    assert every.shoppers == 2
    assert one_item(fitted, every, "i0").funnel == whole.funnel


def test_an_item_is_stuck_at_the_stage_that_adds_least_next_to_the_median_item() -> None:
    # Added at view: 1, 0, 0 of the median 0; at buy: -3, 1, 0 of the median 0.
    fitted = fitted_of(NMTRScorer(gmf(users=(0.0,) * 4, bias=((1.0, 0.0, 0.0), (-3.0, 1.0, 0.0)))))
    found = [of(fitted, item).stuck for item in ("i0", "i1", "i2")]
    assert found[0] is not None and (found[0].behavior, found[0].takes_off) == ("buy", pytest.approx(3))
    assert found[0].sentence == (
        "Some view it (3), some buy it (2): the buy stage takes 3.00 off its score, next to the median item."
    )
    for nowhere in found[1:]:
        assert nowhere is not None and (nowhere.behavior, nowhere.takes_off) == (None, 0)
        assert nowhere.sentence == "Nowhere: each stage adds to its score as much as to the median item's, or more."


def test_many_and_few_are_told_from_the_other_items() -> None:
    # Of seven items the first is viewed the most and bought the least.
    views = np.tril(np.ones((7, 7), int))
    buys = np.triu(np.ones((7, 7), int), 1)
    buys[:, 0] = 0
    bias = ((0.0,) * 7, (-0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    model = gmf(users=(0.0,) * 7, items=(1.0,) * 7, bias=bias)
    one = of(fitted_of(NMTRScorer(model), views, buys, titles=False), "i0")
    assert one.stuck is not None and one.stuck.sentence == (
        "Many view it (7), few buy it (0): the buy stage takes 0.50 off its score, next to the median item."
    )
    seldom = of(
        fitted_of(NMTRScorer(gmf(users=(0.0,) * 7, items=(1.0,) * 7, bias=bias[::-1])), buys, views, False), "i0"
    )
    assert seldom.stuck is not None and seldom.stuck.sentence == (
        "Few view it (0): the view stage takes 0.50 off its score, next to the median item."
    )


def test_likeliest_shoppers_are_those_with_the_highest_scores_who_have_not_bought_it(fitted: Fitted) -> None:
    # u0 and u2 bought the first item; of the others u3 has 1 and u1 -1.
    assert [(s.user, s.score) for s in of(fitted, "i0").shoppers] == [("u3", 1), ("u1", -1)]
    # view p + 1, buy 2 · 2 p + 0: nobody bought the second.
    shoppers = of(fitted, "i1", 3).shoppers
    assert [(s.user, s.score, s.held_out) for s in shoppers] == [("u2", 8, False), ("u0", 4, False), ("u3", 0, True)]
    for shopper in shoppers:
        assert shopper.stages == tuple(replace(s, rank=None) for s in explain(fitted, shopper.user, "i1").stages)


def test_chance_of_a_shopper_is_that_of_their_next_purchase(fitted: Fitted) -> None:
    chances = fit("abcdefgh", fitted.config, fitted.dataset, fitted.split, fitted.scorer)
    shoppers = one_item(fitted, all_items(fitted), "i1", 3, chances=chances).shoppers
    # With no map: odds ρ / (N - n) exp(out), and of u2, u0 and u3 only the last never bought anything.
    odds = [2 / 2 * np.exp(8), 2 / 2 * np.exp(4), 2 / 3 * np.exp(0)]
    assert [s.chance and s.chance.next for s in shoppers] == pytest.approx([o / (1 + o) for o in odds], rel=1e-5)
    # view is 2 p + 1, and each of them viewed one item.
    views = [s.stages[0].chance and s.stages[0].chance.next for s in shoppers]
    odds = [2 / 2 * np.exp(5), 2 / 2 * np.exp(3), 2 / 2 * np.exp(1)]
    assert views == pytest.approx([o / (1 + o) for o in odds], rel=1e-5)
    assert all(shopper.chance is None for shopper in of(fitted, "i1").shoppers)


def test_neighbors_are_nearest_by_cosine_and_part_where_one_adds_more() -> None:
    model = NMTR(4, 3, ("gmf", "gmf"), embedding_size=2)
    with torch.no_grad():
        model.users.weight[:] = torch.tensor([[1.0, 0.0]]).expand(4, 2)
        model.items.weight[:] = torch.tensor([[1.0, 0.0], [3.0, 4.0], [4.0, 3.0]])
        model.bias[:] = torch.tensor([[0.0, -2.0, 0.0], [0.0, 3.0, 1.0]])
    near, far = of(fitted_of(NMTRScorer(model)), "i0").neighbors
    # Added at view: 1, 3 - 2, 4; at buy: 1, 3 + 3, 4 + 1.
    assert (near.item, near.title, near.similarity) == ("i2", "Mug", pytest.approx(0.8))
    assert (near.parts_at, near.difference, near.scores) == ("buy", pytest.approx(4), pytest.approx((4, 9)))
    assert (far.item, far.title, far.similarity) == ("i1", None, pytest.approx(0.6))
    assert (far.parts_at, far.difference, far.scores) == ("buy", pytest.approx(5), pytest.approx((1, 7)))


def test_items_without_a_direction_are_nobodys_neighbors(fitted: Fitted) -> None:
    assert ITEMS[2] == 0
    assert [near.item for near in of(fitted, "i0").neighbors] == ["i1"]
    assert of(fitted, "i2").neighbors == ()


def test_methods_without_a_cascade_have_what_they_can_have() -> None:
    torch.manual_seed(0)
    model = Factorization(4, 3, item_bias=True)
    bpr = of(fitted_of(model, method="bpr", loss=None, negatives=None), "i0")
    scores = model.score(np.arange(4))[:, :1]
    np.testing.assert_allclose(bpr.scores, scores, atol=1e-6)
    assert (bpr.stuck, bpr.spread[0].bias, len(bpr.neighbors)) == (None, None, 2)
    assert (bpr.neighbors[0].parts_at, bpr.neighbors[0].difference) == (None, None)
    assert [(step.observed, step.expected) for step in bpr.funnel] == [(3, None), (2, None)]
    assert all(shopper.stages == () for shopper in bpr.shoppers)
    train = fitted_of(model).split.train
    rule = of(fitted_of(LastBehavior(train), method="last-behavior", loss=None, negatives=None), "i0")
    # Two bought it; who viewed it has 3 more.
    np.testing.assert_array_equal(rule.scores[:, 0], [5, 5, 2, 5])
    assert rule.neighbors == () and [s.user for s in rule.shoppers] == ["u1", "u3"]


def test_shoppers_beyond_a_block_are_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of(fitted_of(NMTRScorer(gmf())), "i0")
    monkeypatch.setattr("nmtr.items.single._BLOCK", 3)
    for scorer in (NMTRScorer(gmf()), Factorization(4, 3)):
        assert len(of(fitted_of(scorer, VIEWS, PURCHASES), "i0").scores) == 4
    np.testing.assert_array_equal(of(fitted_of(NMTRScorer(gmf())), "i0").scores, whole.scores)


def test_json_holds_all_but_the_scores_of_each_shopper(fitted: Fitted) -> None:
    value = json.loads(json.dumps(of(fitted, "i0").to_json(), allow_nan=False))
    assert list(value) == [
        *("run", "item", "title", "place", "items", "edges", "quantiles", "spread", "funnel", "stuck", "shoppers"),
        *("neighbors", "notes"),
    ]
    assert value["title"] == "Cup" and value["funnel"][1]["conversion"] == pytest.approx(2 / 3)
    assert [stage["behavior"] for stage in value["shoppers"][0]["stages"]] == ["view", "buy"]


def test_mistakes_are_refused_in_a_sentence(fitted: Fitted) -> None:
    with pytest.raises(DataError, match=r"^item must be one of the 3 items of data set shop, such as i0; got cup\.$"):
        of(fitted, "cup")
    with pytest.raises(ConfigError, match=r"^the number of shoppers must be at least 1; got 0\.$"):
        of(fitted, "i0", 0)
