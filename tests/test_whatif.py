"""What-if shoppers: histories, lists and cascades of one more shopper, and how near they come to trained ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.data.dataset import Dataset
from nmtr.data.demo import generate
from nmtr.errors import ConfigError, DataError, NmtrError, RunError
from nmtr.experiment import Experiment, load_scorer
from nmtr.explain import Fitted, recommend
from nmtr.whatif import NOBODY, WhatIf, takes_one_more, whatif
from tests.conftest import random_dataset, resolved

pytestmark = pytest.mark.usefixtures("one_thread")

SHOP = random_dataset(num_users=40, num_items=60, purchases=5)


def trained(dataset: Dataset, config: RunConfig) -> Fitted:
    experiment = Experiment(config, dataset)
    for _ in experiment.epochs():
        pass
    weights = experiment.finish().weights
    scorer, parts = load_scorer(config, dataset, weights)
    return Fitted("abcdefgh", config, dataset.select(config.behaviors), parts, scorer, weights)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return trained(SHOP, resolved(SHOP, epochs=15, patience=0, embedding_size=8))


def pairs(asked: WhatIf) -> set[tuple[str, str]]:
    return {(entry.behavior, entry.item) for entry in asked.history}


def learned(fitted: Fitted, user: int) -> set[tuple[str, str]]:
    return {
        (behavior, f"i{item}")
        for behavior, matrix in zip(fitted.dataset.behaviors, fitted.split.train, strict=True)
        for item in matrix[[user]].indices
    }


# The history


def test_shopper_starts_from_what_the_run_learned_of_a_real_one(fitted: Fitted) -> None:
    asked = whatif(fitted, "u3")
    assert pairs(asked) == learned(fitted, 3)
    real, own = recommend(fitted, "u3", 60), asked.recommend(60)
    assert {item.item for item in own.items} == {item.item for item in real.items}  # the same are left out
    assert own.held_out is not None and real.held_out is not None and own.held_out.item == real.held_out.item
    assert any("validation" in note for note in asked.notes)
    assert asked.agreement == len({item.item for item in real.items[:20]} & {item.item for item in own.items[:20]})
    assert whatif(fitted, "u3", without="view").agreement == asked.agreement  # it is of the history as it was learned


def test_changes_are_made_and_a_purchase_leaves_the_list(fitted: Fitted) -> None:
    first = whatif(fitted, "u3").recommend(1).items[0].item
    bought = next(iter(item for behavior, item in learned(fitted, 3) if behavior == "buy"))
    asked = whatif(fitted, "u3", add={"buy": [first]}, remove={"buy": [bought]})
    assert pairs(asked) == learned(fitted, 3) - {("buy", bought)} | {("buy", first)}
    listed = {item.item for item in asked.recommend(60).items}
    assert first not in listed and bought in listed
    assert asked.explain(first).bought and not asked.explain(bought).bought
    assert asked.place(first) is None
    assert [asked.place(item.item) for item in asked.recommend(60).items] == [*range(asked.recommend(1).candidates)]


def test_buying_the_held_out_item_ends_its_being_held_out(fitted: Fitted) -> None:
    item = f"i{SHOP.test_item[3]}"
    asked = whatif(fitted, "u3", add={"buy": [item]})
    assert asked.recommend(5).held_out is None and not asked.explain(item).held_out


def test_carting_an_item_raises_its_score_and_taking_it_back_restores_the_list(fitted: Fitted) -> None:
    plain = whatif(fitted, "u3")
    item = next(f"i{n}" for n in range(60) if not {("cart", f"i{n}"), ("buy", f"i{n}")} & pairs(plain))
    carted = whatif(fitted, "u3", add={"cart": [item]})
    assert carted.explain(item).logit > plain.explain(item).logit
    assert whatif(fitted, "u3").recommend(10) == plain.recommend(10)


def test_nobody_gets_the_mean_of_all_shoppers_scores(fitted: Fitted) -> None:
    asked = whatif(fitted)
    mean = fitted.scorer.score(np.arange(40)).mean(0)
    np.testing.assert_allclose(asked.fitted.scorer.score(np.array([0]))[0], mean, atol=1e-4)
    assert asked.recommend(3).candidates == 60 and asked.recommend(3).user == NOBODY
    assert asked.agreement is None and any("mean of all shoppers" in note for note in asked.notes)
    assert asked.reasons("i5").reasons == () and asked.history == ()


def test_shopper_who_is_nobody_s_copy_gets_the_same_list(fitted: Fitted) -> None:
    history: dict[str, list[str]] = {}
    for behavior, item in sorted(learned(fitted, 3)):
        history.setdefault(behavior, []).append(item)
    copied, real = whatif(fitted, add=history), whatif(fitted, "u3")
    np.testing.assert_allclose(copied._vector, real._vector, atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"start": "nobody"}, DataError, "user must be one of"),
        ({"add": {"view": ["i999"]}}, DataError, "item must be one of"),
        ({"add": {"wish": ["i1"]}}, DataError, "a behavior must be one of view, cart, buy"),
        ({"add": {"view": ["i1", "i1"]}}, DataError, "view of i1 is in the history already"),
        ({"remove": {"cart": ["i1"]}}, DataError, "cart of i1 is not"),
        ({"start": "u3", "remove": {"buy": ["first"]}, "add": {"buy": ["first"]}}, DataError, "what to remove"),
        ({"without": "wish"}, ConfigError, "must be one of view, cart, buy"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(fitted: Fitted, asked: Any, error: type[NmtrError], said: str) -> None:
    bought = next(item for behavior, item in learned(fitted, 3) if behavior == "buy")
    asked = json.loads(json.dumps(asked).replace("first", bought))
    with pytest.raises(error, match=said):
        whatif(fitted, **asked)


# A stage switched off


@pytest.mark.parametrize("cascade", ["sum", "mean"])
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_stage_that_is_switched_off_counts_nothing_and_all_else_stays(cascade: str, stage: int) -> None:
    own = trained(SHOP, resolved(SHOP, unit={"view": "gmf", "cart": "neumf", "buy": "mlp"}, cascade=cascade))
    behavior = SHOP.behaviors[stage]
    plain, off = whatif(own, "u3"), whatif(own, "u3", without=behavior)
    before, after = plain.explain("i7").stages, off.explain("i7").stages
    assert (after[stage].own, after[stage].bias) == (0.0, 0.0)
    for r in {0, 1, 2} - {stage}:
        assert after[r].own == pytest.approx(before[r].own, abs=1e-5) and after[r].bias == before[r].bias
    assert any("not retrained" in note for note in off.notes)
    scores = off.fitted.scorer.score(np.array([0]))[0]
    assert scores[7] == pytest.approx(after[-1].logit, abs=1e-4)


def test_method_without_stages_refuses_to_switch_one_off() -> None:
    for method in ("gmf", "bpr", "popularity"):
        own = trained(SHOP, resolved(SHOP, method=method))
        with pytest.raises(ConfigError, match="needs a cascade"):
            whatif(own, "u3", without="buy")


# What brought an item here


def test_reasons_are_those_of_leaving_out_every_entry(fitted: Fitted) -> None:
    asked = whatif(fitted, "u3")
    assert len(asked.history) <= 30
    item = asked.recommend(1).items[0].item
    falls = {}
    for behavior, own in pairs(asked):
        less = whatif(fitted, "u3", remove={behavior: [own]})
        falls[behavior, own] = asked.explain(item).logit - less.explain(item).logit
    best = sorted(falls, key=lambda pair: -falls[pair])[:3]
    told = asked.reasons(item)
    assert [(reason.entry.behavior, reason.entry.item) for reason in told.reasons] == best
    for reason in told.reasons:
        assert reason.drop == pytest.approx(falls[reason.entry.behavior, reason.entry.item], abs=2e-3)
    assert told.entries == len(asked.history) and told.left_out == min(16, told.entries)
    assert ("count most to first order" in told.method) == (told.entries > 16)


# Every method


@pytest.mark.parametrize("name", METHODS)
def test_every_method_serves_a_new_shopper_or_says_why_not(name: str) -> None:
    own = trained(SHOP, resolved(SHOP, method=name))
    history = {"view": ["i1", "i2"], "cart": ["i2"], "buy": ["i3"]}
    assert takes_one_more(own.config) == (name not in ("mc-mlp", "mc-neumf"))
    if not takes_one_more(own.config):
        with pytest.raises(RunError, match="learns from pairs of items"):
            whatif(own, add=history)
        return
    asked = whatif(own, add=history)
    listed = asked.recommend(60)
    assert listed.candidates == 59 and "i3" not in {item.item for item in listed.items}
    assert json.loads(json.dumps(asked.to_json()))["history"][0] == {"behavior": "view", "item": "i1"}
    reads_all = METHODS[name].several and name != "cmf" or name.startswith("mc-")
    assert any("move nothing" in note for note in asked.notes) == (not reads_all)
    moved = whatif(own, add={**history, "cart": ["i2", "i9"]})
    before, after = (shopper.fitted.scorer.score(np.array([0]))[0] for shopper in (asked, moved))
    assert np.array_equal(before, after) == (not reads_all and name != "last-behavior")
    assert asked.reasons(listed.items[0].item).left_out <= 4


def test_touched_before_lists_what_the_new_shopper_carted_first() -> None:
    own = trained(SHOP, resolved(SHOP, method="last-behavior"))
    asked = whatif(own, add={"cart": ["i40"]})
    assert asked.recommend(1).items[0].item == "i40"
    (reason,) = asked.reasons("i40").reasons
    assert (reason.entry.behavior, reason.entry.item) == ("cart", "i40")


def test_run_of_sequential_training_is_refused() -> None:
    own = trained(SHOP, resolved(SHOP, training="sequential"))
    assert not takes_one_more(own.config)
    with pytest.raises(RunError, match="one after the other"):
        whatif(own, "u1")


# Against training


def emptied(dataset: Dataset, users: np.ndarray[Any, Any]) -> Dataset:
    """The data set with the users' pairs gone."""
    kept = np.ones(dataset.num_users, np.uint8)
    kept[users] = 0
    matrices = []
    for matrix in dataset.matrices:
        own = csr_array(matrix.multiply(kept[:, None])).astype(np.uint8)
        own.eliminate_zeros()
        matrices.append(own)
    return replace(dataset, matrices=tuple(matrices))


@pytest.fixture(scope="module")
def demo() -> tuple[Dataset, RunConfig, Fitted]:
    dataset = generate()
    config = RunConfig(data="demo", embedding_size=32, protocol="clean", epochs=40, patience=0, threads=1)
    config = config.resolve(dataset.behaviors, dataset.num_users)
    return dataset, config, trained(dataset, config)


def shared(one: Any, other: Any) -> float:
    """The share of the first 20 items that two lists have in common."""
    return len({item.item for item in one.items} & {item.item for item in other.items}) / 20


def test_shoppers_who_were_trained_get_nearly_their_lists(demo: tuple[Dataset, RunConfig, Fitted]) -> None:
    """docs/whatif.md has the figure, .89; a shopper of the mean vector has .35."""
    dataset, _, fitted = demo
    users = [str(user) for user in dataset.users[:1000:40]]
    assert np.mean([(whatif(fitted, user).agreement or 0) / 20 for user in users]) > 0.8


def test_shoppers_who_were_left_out_get_nearly_the_lists_of_a_training_with_them(
    demo: tuple[Dataset, RunConfig, Fitted],
) -> None:
    dataset, config, fitted = demo
    rows = np.arange(0, 1000, 40)
    behaviors = dataset.behaviors
    without_them = trained(emptied(dataset, rows), config)
    near, of_mean = [], []
    for row in rows:
        user = str(dataset.users[row])
        history = {
            behavior: [str(dataset.items[item]) for item in matrix[[row]].indices]
            for behavior, matrix in zip(behaviors, fitted.split.train, strict=True)
        }
        with_them = recommend(fitted, user, 20)
        near.append(shared(whatif(without_them, add=history).recommend(20), with_them))
        of_mean.append(shared(whatif(without_them).recommend(20), with_them))
    assert np.mean(near) > 0.6 and np.mean(near) > np.mean(of_mean) + 0.2
