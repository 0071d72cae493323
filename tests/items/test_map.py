"""The map of items, against a plain PCA and a plain search for neighbors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from nmtr.config import RunConfig
from nmtr.evaluation.scorer import FloatArray, ItemVectors
from nmtr.explain import Fitted
from nmtr.items import Items, all_items, item_map, map
from nmtr.items.stuck import stuck, stuck_at
from nmtr.workspace import Workspace
from tests.conftest import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    numbers = np.arange(150)
    category = np.where(numbers % 5 == 4, None, np.array(["a", "b", "c", "d", "e"], object)[numbers % 5])
    attributes = pd.DataFrame({"category": category, "price": numbers.astype(float)})
    workspace.data.save(replace(random_dataset(), attributes=attributes))
    config = RunConfig.parse({"data": "shop", "epochs": 2, "embedding_size": 6, "threads": 1})
    return workspace.fitted(workspace.train(config).id)


@pytest.fixture(scope="module")
def items(fitted: Fitted) -> Items:
    return all_items(fitted)


def vectors(fitted: Fitted) -> FloatArray:
    assert isinstance(fitted.scorer, ItemVectors)
    return fitted.scorer.item_vectors


def test_places_are_the_first_two_principal_components_of_the_directions(fitted: Fitted, items: Items) -> None:
    found = item_map(fitted, items)
    assert found is not None and found.places.shape == (150, 2) and found.places.dtype == np.float32
    units = vectors(fitted) / np.linalg.norm(vectors(fitted), axis=1, keepdims=True)
    centered = units - units.mean(axis=0)
    left, values, right = np.linalg.svd(centered, full_matrices=False)
    for axis in (0, 1):
        sign = np.sign(right[axis][np.abs(right[axis]).argmax()])
        np.testing.assert_allclose(found.places[:, axis], sign * left[:, axis] * values[axis], atol=1e-4)
    assert found.share == pytest.approx((values[:2] ** 2).sum() / (values**2).sum())


def test_kinds_say_how_often_the_nearest_item_is_of_the_same(fitted: Fitted, items: Items) -> None:
    found = item_map(fitted, items)
    assert found is not None and list(found.kinds) == ["stuck", "category", "price"]
    units = vectors(fitted) / np.linalg.norm(vectors(fitted), axis=1, keepdims=True)
    cosine = units @ units.T
    np.fill_diagonal(cosine, -2)
    nearest = cosine.argmax(axis=1)
    category = fitted.dataset.attributes["category"].to_numpy()  # type: ignore[index]
    known = ~pd.isna(category)
    kind = found.kinds["category"]
    assert (kind.asked, kind.names) == (known.sum(), ("a", "b", "c", "d")) and set(kind.place[~known]) == {-1}
    assert kind.same == pytest.approx((category[known] == category[nearest[known]]).mean())
    assert kind.chance == pytest.approx(29 / 149)  # 30 of each of four, and 30 of none
    assert found.kinds["stuck"].names == ("view", "cart", "buy")


def test_stages_at_which_items_get_stuck_are_those_that_single_items_tell(items: Items) -> None:
    stages: NDArray[np.int64] = stuck_at(items)
    for column in range(0, 150, 7):
        one = stuck(items, column)
        assert one is not None
        assert one.behavior == (None if stages[column] < 0 else items.scored[stages[column]])


def test_of_many_items_some_are_asked(fitted: Fitted, items: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map, "_ASKED", 10)
    found = item_map(fitted, items)
    assert found is not None and found.kinds["price"].asked == 10


def test_neighbors_are_looked_for_in_blocks(fitted: Fitted, items: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = item_map(fitted, items)
    monkeypatch.setattr(map, "_SCORES", 7 * 150)
    found = item_map(fitted, items)
    assert whole is not None and found is not None
    assert [found.kinds[name].same for name in found.kinds] == [whole.kinds[name].same for name in whole.kinds]


def test_items_without_a_vector_are_left_out_and_a_rule_has_no_map(fitted: Fitted, items: Items) -> None:
    class Half:
        item_vectors = np.where(np.arange(150)[:, None] % 2, 0, vectors(fitted)).astype(np.float32)

    found = item_map(replace(fitted, scorer=Half()), items)  # type: ignore[arg-type]
    assert found is not None and np.isnan(found.places[1::2]).all() and not np.isnan(found.places[::2]).any()
    assert item_map(replace(fitted, scorer=object()), items) is None  # type: ignore[arg-type]
