"""Lists and cascades, against scores that are known and a reference that sorts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from nmtr.chances import fit
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.split import split
from nmtr.errors import ConfigError, DataError
from nmtr.evaluation.scorer import CascadeScorer, FloatArray, IndexArray, Scorer, Stages
from nmtr.explain import Fitted, Lift, explain, lifted, recommend
from nmtr.models.nmtr import NMTR
from nmtr.models.rules import Popularity
from nmtr.models.scoring import NMTRScorer
from tests.conftest import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Ties:
    """A cascade whose parts are a few whole numbers, so that many items stand level."""

    own: FloatArray  # (M, N, R)
    bias: FloatArray  # (N, R)
    has_towers = False

    @property
    def num_users(self) -> int:
        return self.own.shape[0]

    @property
    def num_items(self) -> int:
        return self.own.shape[1]

    def score(self, users: IndexArray) -> FloatArray:
        return (self.own[users] + self.bias).sum(2)

    def logits(self, users: IndexArray) -> FloatArray:
        return np.moveaxis((self.own[users] + self.bias).cumsum(2), 2, 0)

    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        return Stages(own=self.own[users, items], bias=self.bias[items])


def fitted_of(scorer: Scorer, dataset: Dataset) -> Fitted:
    config = RunConfig(data=dataset.name).resolve(dataset.behaviors)
    return Fitted("abcdefgh", config, dataset, split(dataset, "standard", 0), scorer)


def cascade(kind: str, dataset: Dataset) -> Scorer:
    if kind == "ties":
        rng = np.random.default_rng(0)
        shape = dataset.num_users, dataset.num_items, dataset.num_behaviors
        own, bias = (rng.integers(-1, 2, s).astype(np.float32) for s in (shape, shape[1:]))
        return Ties(own, bias)
    torch.manual_seed(0)
    model = NMTR(dataset.num_users, dataset.num_items, ("gmf", "neumf", "mlp"), embedding_size=4, layers=2)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return NMTRScorer(model)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    shop = random_dataset(num_users=5, num_items=40, purchases=4)
    titles = [None if number == 3 else f"Thing {number}" for number in range(40)]
    held_out = shop.test_item.copy()
    held_out[4] = -1
    return replace(shop, test_item=held_out, attributes=pd.DataFrame({"title": titles}))


@pytest.fixture(params=["ties", "nmtr"])
def fitted(request: pytest.FixtureRequest, dataset: Dataset) -> Fitted:
    return fitted_of(cascade(request.param, dataset), dataset)


def in_order(fitted: Fitted, row: int) -> list[int]:
    """All items that the user did not buy, the best first, ties in item order."""
    scores = fitted.scorer.score(np.array([row]))[0].tolist()
    bought = fitted.dataset.matrices[-1].toarray()[row]
    return sorted((i for i in range(len(scores)) if not bought[i]), key=lambda i: (-scores[i], i))


# The list


@pytest.mark.parametrize("k", [1, 7, 36, 37, 40, 1_000])
def test_list_is_sorted_with_ties_in_item_order_and_leaves_purchases_out(fitted: Fitted, k: int) -> None:
    for row, user in enumerate(fitted.dataset.users):
        shown = recommend(fitted, user, k)
        expected = in_order(fitted, row)
        assert [r.item for r in shown.items] == [f"i{item}" for item in expected[:k]]
        assert [r.rank for r in shown.items] == list(range(min(k, len(expected))))
        assert shown.candidates == len(expected) == 40 - fitted.dataset.matrices[-1].toarray()[row].sum()


def test_held_out_item_has_the_rank_of_its_place_wherever_it_stands(fitted: Fitted) -> None:
    for row in range(4):
        item = int(fitted.dataset.test_item[row])
        place = in_order(fitted, row).index(item)
        below = recommend(fitted, f"u{row}", max(place, 1))
        above = recommend(fitted, f"u{row}", place + 1)
        for shown in (below, above):
            assert shown.held_out is not None and shown.held_out.held_out
            assert (shown.held_out.item, shown.held_out.rank) == (f"i{item}", place)
        assert above.items[-1] == above.held_out
        assert sum(r.held_out for r in above.items) == 1


def test_user_without_a_held_out_item_has_a_list(fitted: Fitted) -> None:
    shown = recommend(fitted, "u4", 5)
    assert shown.held_out is None and len(shown.items) == 5 and not any(r.held_out for r in shown.items)


def test_user_who_bought_everything_gets_an_empty_list(dataset: Dataset) -> None:
    buy = dataset.matrices[-1].tolil()
    buy[2] = 1
    everything = replace(dataset, matrices=(*dataset.matrices[:-1], buy.tocsr()), test_item=np.full(5, -1, np.int32))
    for kind in ("ties", "nmtr"):
        shown = recommend(fitted_of(cascade(kind, everything), everything), "u2", 3)
        assert (shown.items, shown.candidates, shown.held_out) == ((), 0, None)


def test_method_without_a_cascade_lists_without_stages(dataset: Dataset) -> None:
    fitted = fitted_of(Popularity(dataset.matrices), dataset)
    shown = recommend(fitted, "u0", 3)
    assert [r.stages for r in shown.items] == [()] * 3
    popularity = np.bincount(dataset.matrices[-1].indices, minlength=40)
    assert [r.logit for r in shown.items] == [popularity[int(r.item[1:])] for r in shown.items]
    bought = f"i{dataset.matrices[-1].indices[0]}"
    explained = explain(fitted, "u0", bought)
    assert explained.stages == () and explained.bought
    assert explained.logit == popularity[int(bought[1:])]


@pytest.mark.parametrize("k", [0, -3])
def test_list_of_no_items_is_refused_in_a_sentence(fitted: Fitted, k: int) -> None:
    with pytest.raises(ConfigError, match=f"^the number of items must be at least 1; got {k}.$"):
        recommend(fitted, "u0", k)


def test_unknown_users_and_items_are_refused_in_a_sentence(fitted: Fitted) -> None:
    sentence = r"^user must be one of the 5 users .*, such as u0; got nobody \(users without a buy are not in it\)\.$"
    with pytest.raises(DataError, match=sentence):
        recommend(fitted, "nobody", 1)
    with pytest.raises(DataError, match=sentence):
        explain(fitted, "nobody", "i0")
    with pytest.raises(DataError, match=r"^item must be one of the 40 items of data set shop, such as i0; got 0\.$"):
        explain(fitted, "u0", "0")


# One score taken apart


def test_stages_sum_exactly_to_the_logit_that_is_shown(fitted: Fitted) -> None:
    for shown in (*recommend(fitted, "u0", 40).items, explain(fitted, "u0", "i7")):
        inherited = 0.0
        for stage, behavior in zip(shown.stages, fitted.dataset.behaviors, strict=True):
            assert (stage.behavior, stage.inherited) == (behavior, inherited)
            inherited = stage.inherited + stage.own + stage.bias
            assert stage.logit == inherited
            assert stage.probability == pytest.approx(expit(stage.logit))
        assert shown.logit == inherited
        score = fitted.scorer.score(np.array([0]))[0, int(shown.item[1:])]
        assert shown.logit == pytest.approx(score, abs=1e-5)


def test_rank_at_each_stage_is_that_of_sorting_by_it_alone(fitted: Fitted) -> None:
    assert isinstance(fitted.scorer, CascadeScorer)
    everything = np.arange(40)
    bought = fitted.dataset.matrices[-1].toarray()[1].astype(bool)
    logits = fitted.scorer.stages(np.full(40, 1), everything).logits
    for item in everything.tolist():
        ranks = [stage.rank for stage in explain(fitted, "u1", f"i{item}").stages]
        for r, rank in enumerate(ranks):
            column = logits[:, r].tolist()
            order = sorted((i for i in range(40) if i == item or not bought[i]), key=lambda i: (-column[i], i))
            assert rank == order.index(item), f"item {item} at stage {r}"


def test_explanation_and_list_give_an_item_the_same_place(fitted: Fitted) -> None:
    for shown in recommend(fitted, "u2", 40).items:
        explained = explain(fitted, "u2", shown.item)
        assert (explained.rank, explained.title, explained.held_out) == (shown.rank, shown.title, shown.held_out)
        assert explained.logit == pytest.approx(shown.logit, abs=1e-5)
        assert explained.stages[-1].rank == shown.rank and not explained.bought


def test_item_already_bought_is_explained_with_the_place_it_would_have(fitted: Fitted) -> None:
    row = 3
    item = int(fitted.dataset.matrices[-1].indices[fitted.dataset.matrices[-1].indptr[row]])
    explained = explain(fitted, f"u{row}", f"i{item}")
    scores = fitted.scorer.score(np.array([row]))[0]
    ahead = [i for i in in_order(fitted, row) if (scores[i], -i) > (scores[item], -item)]
    assert explained.bought and not explained.held_out
    assert (explained.rank, explained.candidates) == (len(ahead), 37)


def test_probabilities_of_saturated_logits_are_nothing_and_one(dataset: Dataset) -> None:
    own = np.zeros((5, 40, 3), np.float32)
    own[:, 0, 0], own[:, 1, 0] = 1_000, -1_000
    fitted = fitted_of(Ties(own, np.zeros((40, 3), np.float32)), dataset)
    assert [explain(fitted, "u0", item).stages[0].probability for item in ("i0", "i1", "i2")] == [1.0, 0.0, 0.5]


def test_squared_loss_has_scores_without_probabilities(dataset: Dataset) -> None:
    logistic = fitted_of(cascade("nmtr", dataset), dataset)
    squared = replace(logistic, config=logistic.config.model_copy(update={"loss": "squared"}))
    for one, other in zip(explain(logistic, "u0", "i1").stages, explain(squared, "u0", "i1").stages, strict=True):
        assert other == replace(one, probability=None)
        assert (one.expected, other.expected) == (one.probability, one.logit)
    for stage in json.loads(json.dumps(recommend(squared, "u0", 1).to_json()))["items"][0]["stages"]:
        assert stage["probability"] is None


# Chances


def test_chances_stand_beside_scores_only_where_they_are_given(fitted: Fitted) -> None:
    chances = fit(fitted.run, fitted.config, fitted.dataset, fitted.split, fitted.scorer)
    for row, user in ((0, "u0"), (3, "u3")):
        plain, shown = recommend(fitted, user, 40), recommend(fitted, user, 40, chances)
        assert all(item.chance is None for item in plain.items)
        for item in shown.items:
            explained = explain(fitted, user, item.item, chances)
            for alone, listed in zip(explained.stages, item.stages, strict=True):
                assert alone.chance is not None and listed.chance is not None
                assert alone.chance.to_json() == pytest.approx(listed.chance.to_json())  # one pair's sums are rounded
            assert item.chance == item.stages[-1].chance and explained.chance == explained.stages[-1].chance
            for r, stage in enumerate(item.stages):
                n = int(fitted.split.train[r].toarray()[row].sum())  # those of training, not of validation
                odds = 4 / (40 - n) * np.exp(stage.logit)
                assert stage.chance is not None and stage.chance.next == pytest.approx(odds / (1 + odds))
                assert stage.chance.window == pytest.approx(n * odds / (1 + n * odds))
        assert replace(shown.items[0], chance=None, stages=()) == replace(plain.items[0], stages=())


def test_method_without_a_cascade_has_a_chance_of_the_target_by_a_map() -> None:
    dataset = random_dataset(num_users=200, num_items=40)
    fitted = fitted_of(Popularity(dataset.matrices), dataset)
    fitted = replace(fitted, config=RunConfig(data="shop", method="popularity").resolve(dataset.behaviors))
    chances = fit(fitted.run, fitted.config, fitted.dataset, fitted.split, fitted.scorer)
    assert [(stage.behavior, stage.basis) for stage in chances.stages] == [("buy", "map")]
    said = [item.chance for item in recommend(fitted, "u0", 40, chances).items]
    assert all(chance is not None and chance.low is not None and chance.high is not None for chance in said)
    nexts = [chance.next for chance in said if chance]
    assert nexts == sorted(nexts, reverse=True) and sum(nexts) == pytest.approx(1, abs=0.3)


# JSON


def test_json_of_a_list_keeps_its_contract(fitted: Fitted) -> None:
    value = json.loads(json.dumps(recommend(fitted, "u0", 40).to_json()))
    assert list(value) == ["user", "items"] and value["user"] == "u0"
    for item in value["items"]:
        titled = ["item", "title", "rank", "logit", "chance", "stages"]
        assert list(item) == [key for key in titled if key != "title" or item["item"] != "i3"]
        keys = ["behavior", "own", "bias", "logit", "probability", "chance"]
        assert [list(stage) for stage in item["stages"]] == [keys] * 3
    assert any("title" not in item for item in value["items"])


def test_json_of_an_explanation_keeps_its_contract(fitted: Fitted) -> None:
    value = json.loads(json.dumps(explain(fitted, "u0", "i5").to_json()))
    assert list(value) == ["user", "item", "title", "rank", "logit", "chance", "stages", "candidates", "bought"]
    assert (value["user"], value["item"], value["title"]) == ("u0", "i5", "Thing 5")
    keys = ["behavior", "own", "bias", "logit", "probability", "chance", "rank"]
    assert [list(stage) for stage in value["stages"]] == [keys] * 3
    assert [stage["behavior"] for stage in value["stages"]] == ["view", "cart", "buy"]


# Whom a stage lifts


def lifting(dataset: Dataset, places: dict[int, tuple[int, ...]]) -> Fitted:
    """A cascade that puts each of these users' held-out item at these places, stage by stage, and others nowhere."""
    users, items, stages = dataset.num_users, dataset.num_items, dataset.num_behaviors
    fitted = fitted_of(
        Ties(np.zeros((users, items, stages), np.float32), np.zeros((items, stages), np.float32)), dataset
    )
    own = np.zeros((users, items, stages))
    for row, wanted in places.items():
        held_out = int(fitted.split.test_item[row])
        known = fitted.split.known[[row]].indices
        others = [item for item in range(items) if item != held_out and item not in known]
        for stage, place in enumerate(wanted):
            order = [*others[:place], held_out, *others[place:]]
            own[row, order, stage] = np.arange(len(order), 0, -1)
        own[row] = np.diff(own[row], axis=1, prepend=0)
    return replace(fitted, scorer=Ties(own.astype(np.float32), np.zeros((items, stages), np.float32)))


def test_who_is_lifted_furthest_by_the_stage_below_the_target(dataset: Dataset) -> None:
    places = {0: (20, 4, 3), 1: (30, 6, 9), 2: (33, 25, 2), 3: (12, 3, 15)}
    fitted = lifting(dataset, places)
    ranks = np.array([3.0, 9.0, 2.0, 15.0, np.nan])
    item = str(dataset.items[fitted.split.test_item[1]])
    assert lifted(fitted, ranks) == Lift("u1", item, stage=1, before=30, after=6)
    only = lifted(fitted, np.array([np.nan, np.nan, 2.0, np.nan, np.nan]))
    assert only is not None and (only.user, only.stage, only.before, only.after) == ("u2", 2, 25, 2)
    assert lifted(fitted, np.full(5, np.nan)) is None
    assert lifted(fitted, ranks, within=3) == only
    assert lifted(fitted_of(Popularity(dataset.matrices), dataset), ranks) is None


def test_of_many_users_some_are_asked_evenly_spread(dataset: Dataset) -> None:
    fitted = lifting(dataset, {0: (20, 4, 3), 1: (30, 6, 9), 2: (33, 5, 2)})
    found = lifted(fitted, np.array([3.0, 9.0, 2.0, np.nan, np.nan]), most=1)
    assert found is not None and found.user == "u0"
