"""Which items are wanted, against a plain reading of the data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nmtr.config import RunConfig
from nmtr.data.split import split
from nmtr.errors import ConfigError
from nmtr.explain import Fitted, recommend
from nmtr.models.rules import Popularity
from nmtr.wanted import Wanted
from tests.conftest import random_dataset


@pytest.fixture
def fitted() -> Fitted:
    dataset = random_dataset()
    numbers = np.arange(dataset.num_items)
    category = np.where(numbers % 4 == 3, None, np.array(["a", "b", "c", "d"], object)[numbers % 4])
    price = np.where(numbers % 10 == 0, np.nan, numbers)
    dataset = replace(dataset, attributes=pd.DataFrame({"category": category, "price": price}))
    parts = split(dataset, "standard", 0)
    return Fitted(
        "abcdefgh", RunConfig(data="shop").resolve(dataset.behaviors), dataset, parts, Popularity(parts.train)
    )


def test_items_are_of_the_category_within_the_price_and_new_or_seen(fitted: Fitted) -> None:
    numbers = np.arange(fitted.dataset.num_items)
    seen = np.zeros(len(numbers), bool)
    for matrix in fitted.split.train[:-1]:
        seen[matrix[[3]].indices] = True
    assert 0 < seen.sum() < len(seen)
    for wanted, same in (
        (Wanted(), numbers >= 0),
        (Wanted(("a", "c")), np.isin(numbers % 4, [0, 2])),
        (Wanted(price=(11, 20.5)), (numbers >= 11) & (numbers < 20)),  # 20 has no price
        (Wanted(seen="seen"), seen),
        (Wanted(seen="new"), ~seen),
        (Wanted(("b",), (0, 99), "new"), (numbers % 4 == 1) & (numbers <= 99) & ~seen),
    ):
        assert wanted.items(fitted, "u3").tolist() == same.tolist()
        assert bool(wanted) == (wanted != Wanted())


def test_a_list_of_some_items_keeps_the_places_of_the_whole_list(fitted: Fitted) -> None:
    whole = recommend(fitted, "u3", 150)
    among = Wanted(("b",)).items(fitted, "u3")
    some = recommend(fitted, "u3", 5, among=among)
    wanted = [one for one in whole.items if among[fitted.dataset.item_index(one.item)]]
    assert [(one.item, one.rank) for one in some.items] == [(one.item, one.rank) for one in wanted[:5]]
    assert (some.wanted, some.candidates, whole.wanted) == (len(wanted), whole.candidates, None)
    assert some.held_out == whole.held_out
    nothing = recommend(fitted, "u3", 5, among=np.zeros_like(among))
    assert (nothing.items, nothing.wanted) == ((), 0)


def test_what_is_not_told_is_refused(fitted: Fitted) -> None:
    with pytest.raises(ConfigError, match="a category must be one of data set shop; got x"):
        Wanted(("a", "x")).items(fitted, "u3")
    plain = replace(fitted, dataset=replace(fitted.dataset, attributes=None))
    with pytest.raises(ConfigError, match="by price where the data set tells it; shop does not"):
        Wanted(price=(1, 2)).items(plain, "u3")
