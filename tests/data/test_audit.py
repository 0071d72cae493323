"""The audit of a data set's test, by hand, against pandas, and as it was measured on the real ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtr.audit import audit, beside
from nmtr.config import Protocol
from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.recipe import Recipe
from nmtr.data.split import split
from nmtr.data.summary import describe
from nmtr.evaluation.ranking import rank_held_out
from nmtr.evaluation.rules import rule_ranks
from nmtr.models.rules import LastBehavior, Popularity
from tests.conftest import random_dataset


def made(folder: Path, text: str, recipe: Recipe | None = None, header: str = "user,item,behavior,time") -> Dataset:
    path = folder / "log.csv"
    path.write_text(f"{header}\n{text}", encoding="utf-8")
    return read(path, name="shop", recipe=recipe)


LOG = """u,a,view,1
u,a,buy,2
u,b,view,3
u,b,cart,4
u,b,buy,5
v,a,view,1
v,a,buy,2
v,b,buy,3
w,c,view,1
w,a,cart,1
w,a,buy,1
w,b,buy,1
w,c,buy,9
"""


def test_what_leaks_is_counted_by_hand(tmp_path: Path) -> None:
    """Held out are u b (viewed and carted), v b (neither) and w c (viewed)."""
    found = audit(made(tmp_path, LOG))
    assert [(leak.name, leak.given_away, leak.held_out) for leak in found.behaviors] == [("view", 2, 3), ("cart", 1, 3)]
    assert (found.anywhere.given_away, found.anywhere.share) == (2, pytest.approx(2 / 3))
    assert [(group.name, group.given_away, group.held_out) for group in found.groups] == [("1", 1, 2), ("> 1", 1, 1)]
    assert found.removed == {"view": 2, "cart": 1}
    # Carts without a view: w a. Purchases without a cart: u a, v a, v b, w b, w c.
    assert [(gap.behavior, gap.below, gap.missing, gap.pairs) for gap in found.gaps] == [
        ("cart", "view", 1, 2),
        ("buy", "cart", 5, 7),
    ]
    # Purchases of a, b, c: 3, 3, 1. Gini = sum (2i - n - 1) x_i / (n sum x) = (-2·1 + 0·3 + 2·3) / 21.
    assert found.tails[-1].gini == pytest.approx(4 / 21) and found.tails[-1].top_tenth == pytest.approx(3 / 7)
    assert found.verdict[0].startswith("Judge by clean: 67% of the held-out buy pairs")
    assert found.verdict[1].startswith("Only 3 shoppers are tested")


def test_where_nothing_can_leak_it_says_so(tmp_path: Path) -> None:
    found = audit(made(tmp_path, "u,a,buy,1\nu,b,buy,2\n"))
    assert found.behaviors == () and found.anywhere.given_away == 0
    assert (
        found.verdict[0] == "There is no behavior below buy, so nothing can leak: standard and clean are the same here."
    )


def test_where_nobody_is_tested_it_says_so(tmp_path: Path) -> None:
    found = audit(made(tmp_path, "u,a,view,1\nu,a,buy,1\nv,b,buy,2\nv,a,view,3\n"))
    assert found.groups == () and found.verdict == (
        "Nobody has two buy pairs, so no buy is held out: nothing can be tested on this data.",
    )


def test_validation_that_is_the_test_is_found(tmp_path: Path) -> None:
    dataset = made(tmp_path, LOG)
    same = dataset.test_item.copy()
    same[0] = -1
    found = audit(dataclasses.replace(dataset, given_valid_item=same))
    assert found.validated_by_test == 2
    assert found.verdict[0].startswith("For 2 of 3 shoppers the source validates by the very buy")


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(["view", "cart", "buy"])), min_size=9)


def test_it_agrees_with_pandas(tmp_path_factory: pytest.TempPathFactory) -> None:
    @given(EVENTS)
    @settings(max_examples=25)
    def agrees(events: list[tuple[int, int, str]]) -> None:
        agrees_with_pandas(tmp_path_factory.mktemp("audit"), events)

    agrees()


def agrees_with_pandas(folder: Path, events: list[tuple[int, int, str]]) -> None:
    events = [*events, *((u, i, b) for u in range(2) for i in range(2) for b in ("view", "cart", "buy"))]
    text = "".join(f"{u},{i},{b},{n}\n" for n, (u, i, b) in enumerate(events))
    dataset = made(folder, text, Recipe(behaviors=("view", "cart", "buy")))
    found = audit(dataset)
    frame = pd.DataFrame(events, columns=["user", "item", "behavior"]).drop_duplicates()
    pairs = {behavior: {*zip(own["user"], own["item"], strict=True)} for behavior, own in frame.groupby("behavior")}
    kept = {user for user, _ in pairs["buy"]}
    held = {(int(dataset.users[u]), int(dataset.items[i])) for u, i in enumerate(dataset.test_item) if i >= 0}
    for leak in found.behaviors:
        assert leak.given_away == len(held & pairs[leak.name]) and leak.held_out == len(held)
    (_, gap) = found.gaps
    assert gap.missing == len(pairs["buy"] - pairs["cart"]) and gap.pairs == len(pairs["buy"])
    assert found.gaps[0].pairs == len({pair for pair in pairs["cart"] if pair[0] in kept})


def test_the_real_data_leak_as_was_measured(real_data: Path) -> None:
    beibei = audit(read(real_data / "beibei", name="beibei"))
    assert beibei.anywhere.share == pytest.approx(0.623, abs=5e-4)
    shares = [group.share for group in beibei.groups]
    assert shares == sorted(shares, reverse=True), "the fewer purchases, the more of them were carted"
    assert (shares[0], shares[-1]) == pytest.approx((0.767, 0.436), abs=5e-4)
    tmall = audit(read(real_data / "tmall", name="tmall"))
    assert [leak.share for leak in tmall.behaviors] == pytest.approx([0.797, 0.196], abs=5e-4)
    assert "Judge by clean: 83% of the held-out buy pairs" in tmall.verdict[0]


def test_facts_stand_beside_each_other(tmp_path: Path) -> None:
    dataset = made(tmp_path, LOG)
    facts = beside(describe(dataset), audit(dataset))
    assert facts["test pairs in view"] == "66.7%" and facts["buy"] == "7" and facts["tested users"] == "3"
    assert facts["fingerprint"] == dataset.fingerprint and facts["buy without cart"] == "71.4%"
    assert np.char.isalnum(facts["users"])


@pytest.mark.parametrize("protocol", ["standard", "clean"])
def test_rules_rank_as_the_scorers_of_the_methods_do(protocol: Protocol) -> None:
    dataset = random_dataset(60)
    parts = split(dataset, protocol, 0, validation=None)
    for rule, touched in ((Popularity(parts.train), None), (LastBehavior(parts.train), parts.train[-2])):
        expected = rank_held_out(rule, parts.test_item, parts.known)
        assert np.isfinite(expected).sum() > 30
        np.testing.assert_array_equal(rule_ranks(parts, touched), expected)


def test_what_rules_score_is_counted_by_hand(tmp_path: Path) -> None:
    """Of 24 items, those that most bought are no held-out one; ann and bob carted theirs, cat did not."""
    bought = "".join(f"{u},{i},buy,1\n" for u in ("p", "q", "r") for i in "abcdefghijkl")
    others = "".join(f"s,{i},buy,1\n" for i in "mnopqrstuvwx")
    shoppers = (
        "ann,y,buy,1\nann,m,cart,2\nann,m,buy,3\nbob,y,buy,1\nbob,n,cart,2\nbob,n,buy,3\ncat,y,buy,1\ncat,o,buy,3\n"
    )
    lone = "".join(f"{u},z,cart,1\n" for u in ("p", "q"))
    found = audit(made(tmp_path, bought + others + shoppers + lone))
    popular, carted = found.rules
    assert (popular.touched, carted.touched) == (None, "cart")
    # p, q, r and s have one of their own held out, each by popularity among the first ten but for s.
    assert popular.standard == popular.clean
    assert carted.standard.share - carted.clean.share == pytest.approx(2 / 7)
    assert "for 71% of shoppers under standard, for 43% under clean" in found.verdict[0]
