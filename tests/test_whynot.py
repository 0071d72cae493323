"""What an item lacks, against parts that are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nmtr.config import RunConfig
from nmtr.data.split import split
from nmtr.errors import ConfigError
from nmtr.evaluation.scorer import FloatArray, IndexArray, Stages
from nmtr.explain import Fitted, explain, recommend
from nmtr.models.rules import Popularity
from nmtr.whynot import why_not
from tests.conftest import random_dataset


class Known:
    """A mean cascade (Eq. 9 halved) of parts that are drawn once."""

    has_towers = False
    kept = 0.5

    def __init__(self, users: int, items: int) -> None:
        random = np.random.default_rng(0)
        self.own = random.normal(size=(users, items, 3)).astype(np.float32)
        self.bias = random.normal(size=(items, 3)).astype(np.float32)
        self.num_users, self.num_items = users, items

    def logits(self, users: IndexArray) -> FloatArray:
        found: list[FloatArray] = []
        for stage in range(3):
            own = self.own[users, :, stage] + self.bias[:, stage]
            found.append(own + (self.kept * found[-1] if found else 0))
        return np.stack(found)

    def score(self, users: IndexArray) -> FloatArray:
        last: FloatArray = self.logits(users)[-1]
        return last

    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        return Stages(own=self.own[users, items], bias=self.bias[items], kept=self.kept)


@pytest.fixture
def fitted() -> Fitted:
    dataset = random_dataset()
    config = RunConfig(data=dataset.name).resolve(dataset.behaviors)
    scorer = Known(dataset.num_users, dataset.num_items)
    return Fitted("abcdefgh", config, dataset, split(dataset, "standard", 0), scorer)


def test_what_an_item_lacks_sums_to_the_difference_of_scores(fitted: Fitted) -> None:
    listed = recommend(fitted, "u3", 30).items
    last, asked = listed[9], listed[25]
    found = why_not(fitted, explain(fitted, "u3", asked.item))
    assert found is not None and (found.first, found.item) == (10, last.item)
    assert found.lacks == pytest.approx(last.logit - asked.logit) and found.lacks > 0
    assert sum(lack.together for lack in found.stages) == pytest.approx(found.lacks, abs=1e-5)
    user, (one, other) = 3, (fitted.dataset.item_index(label) for label in (last.item, asked.item))
    scorer = fitted.scorer
    assert isinstance(scorer, Known)
    view, _, buy = found.stages
    assert view.own == pytest.approx((scorer.own[user, one, 0] - scorer.own[user, other, 0]) / 4, abs=1e-6)
    assert buy.bias == pytest.approx(scorer.bias[one, 2] - scorer.bias[other, 2], abs=1e-6)
    assert json.loads(json.dumps(found.to_json()))["lacks"] == found.lacks


def test_nothing_is_lacking_to_what_is_listed_or_was_bought(fitted: Fitted) -> None:
    listed = recommend(fitted, "u3", 30).items
    assert why_not(fitted, explain(fitted, "u3", listed[9].item)) is None
    assert why_not(fitted, explain(fitted, "u3", listed[9].item), first=9) is not None
    bought = fitted.split.known.indices[fitted.split.known.indptr[3]]
    explanation = explain(fitted, "u3", str(fitted.dataset.items[bought]))
    assert explanation.bought and why_not(fitted, replace(explanation, rank=200)) is None
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        why_not(fitted, explanation, first=0)


def test_a_rule_says_how_much_and_no_stage(fitted: Fitted) -> None:
    rule = replace(fitted, scorer=Popularity(fitted.split.train))
    asked = recommend(rule, "u3", 30).items[25]
    found = why_not(rule, explain(rule, "u3", asked.item))
    assert found is not None and found.lacks >= 0 and found.stages == ()
