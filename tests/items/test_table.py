"""All items, against numbers worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

from nmtr.errors import NmtrError
from nmtr.evaluation.scorer import FloatArray, IndexArray
from nmtr.explain import Fitted
from nmtr.items import all_items, table
from nmtr.models.ehcf import EHCF
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.models.rules import Popularity
from nmtr.models.scoring import NMTRScorer
from tests.conftest import random_dataset
from tests.items.conftest import BIAS, ITEMS, USERS, VIEWS, fitted_of, gmf

pytestmark = pytest.mark.usefixtures("one_thread")


def test_mean_scores_and_places_are_those_of_the_hand_worked_shop(fitted: Fitted, every_path: str) -> None:
    found = all_items(fitted)
    assert (found.scored, found.shoppers, found.notes) == (("view", "buy"), 4, ())
    # The mean shopper is ½: view ½ q + b, buy q + b + b'.
    np.testing.assert_allclose(found.score, [[0.5, 2, -1], [2, 2, -1]], atol=1e-6)
    np.testing.assert_allclose(found.added, [[0.5, 2, -1], [1.5, 0, 0]], atol=1e-6)
    np.testing.assert_array_equal(found.rank, [0, 1, 2])  # the first two are level: in item order
    assert found.score_error is None and found.expected_error is None


def test_counts_are_those_of_training(fitted: Fitted) -> None:
    found = all_items(fitted)
    np.testing.assert_array_equal(found.observed, [[3, 1, 0], [2, 0, 0]])
    np.testing.assert_array_equal(found.also, [[1, 0, 0]])  # u2 bought the first item without a view
    np.testing.assert_array_equal(found.conversion, [[2 / 3, 0, np.nan]])


def test_expected_numbers_are_sums_of_chances(fitted: Fitted) -> None:
    found = all_items(fitted)
    p, q, b = np.array(USERS)[:, None], np.array(ITEMS), np.array(BIAS)
    # An unobserved view weighs 1, and so does an unobserved purchase of the two who bought; the others bought nothing.
    views = expit(p * q + b[0]).sum(0)
    purchases = expit(2 * p * q + b.sum(0))[[0, 2]].sum(0)
    np.testing.assert_allclose(found.expected, [views, purchases], rtol=1e-6)
    assert found.expected[0, 0] == pytest.approx(0.73106 + 0.26894 + 0.88080 + 0.5, abs=1e-5)
    np.testing.assert_allclose(found.expected_conversion, [purchases / views], rtol=1e-6)


@pytest.mark.parametrize("negatives", [1, 4])
def test_where_biases_are_all_that_was_learned_as_many_are_expected_as_were_seen(negatives: int) -> None:
    # Of 4 shoppers with one view each, w = ρ / 2 for all; the loss is lowest where exp(b) = k / ((4 - k) w).
    weight, seen = negatives / 2, np.array([2.0, 1.0, 1.0])
    views = ((1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    bias = np.log(seen / ((4 - seen) * weight)).tolist()
    model = gmf(users=(0.0,) * 4, bias=(bias, (0.0,) * 3))
    found = all_items(fitted_of(NMTRScorer(model), views, negatives=negatives))
    np.testing.assert_allclose(found.expected[0], seen, rtol=1e-6)


def test_shoppers_who_did_nothing_or_everything_leave_no_doubt() -> None:
    views = ((0, 0, 0), (1, 1, 1), (0, 0, 0), (1, 1, 1))
    found = all_items(fitted_of(NMTRScorer(gmf(bias=((500.0, -500.0, 0.0), (0.0,) * 3))), views))
    np.testing.assert_array_equal(found.expected[0], [2, 2, 2])


@pytest.mark.parametrize(("cascade", "buys"), [("mean", (0.5, 0.5)), ("none", (0.0, 1.0))])
def test_what_a_stage_adds_leaves_out_what_it_inherits(cascade: Any, buys: tuple[float, float]) -> None:
    kept, own = buys
    found = all_items(fitted_of(NMTRScorer(gmf(cascade=cascade)), cascade=cascade))
    f, b = 0.5 * np.array(ITEMS), np.array(BIAS)
    np.testing.assert_allclose(found.added, [f + b[0], own * f + b[1]], atol=1e-6)
    np.testing.assert_allclose(found.score[1], kept * (f + b[0]) + own * f + b[1], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "missing", "sentence"),
    [
        (
            {"loss": "squared"},
            (True, True),
            "NMTR-GMF with the squared loss gives scores, not chances, so how many shoppers ",
        ),
        ({"lambdas": (0.0, 1.0)}, (True, False), "The weight λ of view is 0: its scores were fitted to nothing, so "),
        ({"training": "sequential"}, (True, False), "The scores of view moved after they were learned, "),
        ({"loss": "exact"}, (False, False), None),
        ({"loss": "shared"}, (False, False), None),
    ],
    ids=str,
)
def test_where_scores_are_no_chances_nobody_is_expected_and_it_is_said(
    options: dict[str, Any], missing: tuple[bool, bool], sentence: str | None
) -> None:
    options = {"negatives": None} | options if options.get("loss") == "squared" else options
    found = all_items(fitted_of(NMTRScorer(gmf()), **options))
    assert tuple(np.isnan(found.expected).all(1)) == missing
    assert len(found.notes) == (sentence is not None)
    assert all(note.startswith(sentence) for note in found.notes if sentence)
    row = found.rows()[0]
    assert (row["expected_view"] is None, row["expected_buy"] is None) == missing
    assert (row["expected_view_to_buy"] is None) == any(missing)


@pytest.mark.parametrize("method", ["bpr", "popularity", "ehcf", "gmf"])
def test_method_without_a_cascade_has_one_score_and_says_so(method: str) -> None:
    torch.manual_seed(0)
    models: dict[str, Any] = {
        "bpr": lambda: Factorization(4, 3),
        "ehcf": lambda: EHCF(4, 3, 2),
        "gmf": lambda: NMTRScorer(gmf(bias=BIAS[1:])),
        "popularity": lambda: Popularity(fitted_of(NMTRScorer(gmf())).split.train),
    }
    scorer = models[method]()
    learned = {} if method == "gmf" else {"loss": None, "negatives": None}
    found = all_items(fitted_of(scorer, method=method, **learned))
    assert found.scored == ("buy",)
    np.testing.assert_allclose(found.score, scorer.score(np.arange(4)).mean(0)[None], rtol=1e-5, atol=1e-7)
    assert found.notes[0].endswith(" has one score here, that of the target (buy): there are no stages to compare.")
    label = {"bpr": "BPR-MF", "ehcf": "EHCF", "popularity": "Popularity"}.get(method)
    said = f"{label} gives scores, not chances, so how many shoppers to expect cannot be said."
    assert found.notes[1:] == ((said,) if label else ())
    row = found.rows()[0]
    assert {"observed_view", "observed_buy", "score_buy"} <= set(row) and "score_view" not in row
    assert (row["expected_buy"] is None) == (method != "gmf")


def test_another_probability_can_be_plugged_in(fitted: Fitted) -> None:
    asked: list[tuple[int, int]] = []

    def half(stage: int, out: FloatArray, users: IndexArray) -> FloatArray | None:
        assert out.shape == (len(users), 3)
        asked.extend((stage, user) for user in users.tolist())
        return np.full(out.shape, 0.5, np.float32) if stage else None

    found = all_items(fitted, half)
    np.testing.assert_array_equal(found.expected, [[np.nan] * 3, [2, 2, 2]])
    assert sorted(asked) == [(stage, user) for stage in range(2) for user in range(4)]


# Shoppers drawn


def sampled(monkeypatch: pytest.MonkeyPatch, num_users: int, num_items: int, drawn: int) -> tuple[Any, Any]:
    """A run of products that is asked over so many shoppers only, and over all."""
    shop = random_dataset(num_users, num_items, ("view", "buy"))
    views, buys = (matrix.toarray() for matrix in shop.matrices)
    torch.manual_seed(0)
    model = NMTR(num_users, num_items, ("gmf", "gmf"), embedding_size=16, scale=0.5)
    fitted = fitted_of(NMTRScorer(model), views, buys, titles=False)
    every = all_items(fitted)
    monkeypatch.setattr(table, "_MOST", drawn * 2 * num_items)
    return all_items(fitted), every


def test_intervals_of_drawn_shoppers_hold_what_all_give_in_19_of_20_items(monkeypatch: pytest.MonkeyPatch) -> None:
    some, every = sampled(monkeypatch, num_users=600, num_items=500, drawn=200)
    assert (some.shoppers, every.shoppers) == (200, 600)
    assert some.notes == (
        "Scores and expected numbers are those of 200 of the 600 shoppers, drawn at random, with 95 % intervals.",
    )
    for name in ("score", "expected"):
        off = np.abs(getattr(some, name) - getattr(every, name))
        held = off <= getattr(some, f"{name}_error")
        assert 0.92 <= held.mean() <= 0.98, name
        assert off.max() > 0
    assert some.rows()[0]["expected_buy_error"] > 0


def test_the_same_shoppers_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (some, _), (again, _) = (sampled(monkeypatch, 60, 20, 10) for _ in range(2))
    np.testing.assert_array_equal(some.score, again.score)


def test_towers_are_asked_over_fewer_shoppers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST_OF_TOWERS", 3 * 2 * 3)
    assert all_items(fitted_of(NMTRScorer(gmf()))).shoppers == 4
    towers = NMTR(4, 3, ("gmf", "mlp"), embedding_size=2)
    assert all_items(fitted_of(NMTRScorer(towers), unit={"view": "gmf", "buy": "mlp"})).shoppers == 3


# Rows


def test_rows_are_plain_and_in_order_of_their_places() -> None:
    found = all_items(fitted_of(NMTRScorer(gmf(bias=((0.0, 1.0, -1.0), (1.0, 1.0, 0.0))))))
    rows = found.rows()
    assert [row["item"] for row in rows] == ["i1", "i0", "i2"]
    assert [row["place"] for row in rows] == [1, 2, 3]
    assert [row["title"] for row in rows] == [None, "Cup", "Mug"]
    assert [row["price"] for row in rows] == [2.0, 1.5, None]
    assert [row["view_to_buy"] for row in rows] == [0, 2 / 3, None]
    assert list(rows[0]) == [
        *("item", "title", "price", "place", "observed_view", "observed_buy", "expected_view", "expected_buy"),
        *("view_to_buy", "expected_view_to_buy", "view_and_buy", "score_view", "score_buy"),
    ]
    value = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert list(value) == ["run", "behaviors", "scored", "shoppers", "of", "notes", "items"]
    assert value["items"] == rows


def test_scores_that_are_no_numbers_are_refused_in_a_sentence() -> None:
    with pytest.raises(NmtrError, match=r"^scores must be finite numbers; the model gives others: train with a lower"):
        all_items(fitted_of(NMTRScorer(gmf(users=(1.0, np.nan, 0.0, 0.0))), VIEWS))
