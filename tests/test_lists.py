"""What lists are like as a whole: RecTools' figures of the same lists, and some worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from nmtr import lists
from nmtr.compare import compare_lists
from nmtr.compare.lists import Lists
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.explain import Fitted, recommend
from nmtr.workspace import Workspace
from tests.conftest import random_dataset

PEER = json.loads((Path(__file__).parent / "peers" / "rectools_lists.json").read_text(encoding="utf-8"))


def attributed(**columns: list[object]) -> Dataset:
    """Five users, four items; item 0 is bought by four users, item 1 by one, the others by nobody before the test."""
    target = csr_array(np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.uint8))
    dataset = random_dataset(5, 4, ("view", "buy"), purchases=1)
    return replace(
        dataset,
        matrices=(target, target),
        test_item=np.array([2, 2, 3, -1, 0], np.int32),
        attributes=pd.DataFrame(columns),
    )


def test_measures_are_those_of_rectools() -> None:
    target = np.zeros((len(PEER["lists"]), PEER["items"]), np.uint8)
    target[tuple(np.array(PEER["bought"]).T)] = 1
    dataset = random_dataset(len(target), PEER["items"], ("view", "buy"))
    dataset = replace(
        dataset,
        matrices=(csr_array(target),) * 2,
        attributes=pd.DataFrame({"category": [f"c{number}" for number in PEER["category"]]}),
    )
    given = np.array(PEER["lists"], np.int32)
    found = lists.per_user(given, dataset)
    assert set(found) == {"novelty", "popularity", "diversity"}
    for name, values in found.items():
        np.testing.assert_allclose(values, PEER[name], rtol=1e-12, err_msg=name)
    assert lists.coverage(given[:3], dataset) == pytest.approx(PEER["coverage_of_three_users"])


def test_what_is_not_known_of_an_item_is_left_out() -> None:
    dataset = attributed(category=["a", None, "b", "a"], price=[1.0, float("nan"), 3.0, float("nan")])
    given = np.array([[0, 1, 2], [1, 3, -1], [0, 3, 2], [1, -1, -1]], np.int32)
    found = lists.per_user(given, dataset)
    np.testing.assert_array_equal(found["price"], [2.0, np.nan, 2.0, np.nan])
    np.testing.assert_allclose(found["diversity"], [1.0, np.nan, 2 / 3, np.nan])
    np.testing.assert_allclose(found["popularity"], [5 / 3, 0.5, 4 / 3, 1.0])
    # Four users bought something: item 0 all of them, item 1 one, and the others count as bought once.
    np.testing.assert_allclose(found["novelty"], [4 / 3, 2.0, 4 / 3, 2.0])
    assert (lists.coverage(given[[3]], dataset), lists.alike(given)) == (0.25, 0.0)
    assert lists.alike(np.array([[0, 1], [1, 0], [2, 3]], np.int32)) == pytest.approx(2 / 3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.data.save(
        replace(
            random_dataset(),
            attributes=pd.DataFrame(
                {
                    "category": [f"c{number % 3}" for number in range(150)],
                    "price": [float(number) for number in range(150)],
                }
            ),
        )
    )
    return workspace


def trained(workspace: Workspace, method: str, **options: object) -> str:
    parsed = RunConfig.parse({"data": "shop", "protocol": "clean", "threads": 1, "method": method} | options)
    return workspace.train(parsed).id


def listed(workspace: Workspace, fitted: Fitted, run: str) -> list[list[str]]:
    """The kept lists' labels."""
    return [[str(fitted.dataset.items[item]) for item in row if item >= 0] for row in workspace.first_items(run)]


def test_rows_of_many_users_come_in_blocks(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = workspace.fitted(trained(workspace, "last-behavior"))
    users = np.arange(fitted.dataset.num_users)[::-1]
    whole = [row for block in lists.rows(fitted, users, 3) for row in block]
    monkeypatch.setattr(lists, "_AT_ONCE", 7)
    blocks = list(lists.rows(fitted, users, 3))
    assert len(blocks) == -(-len(users) // 7) and [row for block in blocks for row in block] == whole
    assert [row["user"] for row in whole[::3]] == [str(label) for label in fitted.dataset.users[users]]


@pytest.mark.parametrize("method", ["last-behavior", "nmtr"])
def test_kept_lists_are_what_is_recommended(workspace: Workspace, method: str) -> None:
    """Of touched items, many have the same score."""
    options = {"epochs": 2, "embedding_size": 4} if method == "nmtr" else {}
    run = trained(workspace, method, **options)
    fitted = workspace.fitted(run)
    expected = [
        [item.item for item in recommend(fitted, str(user), lists.LENGTH).items] for user in fitted.dataset.users
    ]
    assert listed(workspace, fitted, run) == expected
    path = workspace.runs.folder(run) / lists.NAME
    assert lists.read(path, 40) is not None and lists.read(path, 41) is None
    path.write_bytes(path.read_bytes()[:100])
    assert lists.read(path, 40) is None
    assert listed(workspace, fitted, run) == expected and lists.read(path, 40) is not None


def test_runs_are_compared_by_their_lists(workspace: Workspace) -> None:
    popular, touched = trained(workspace, "popularity"), trained(workspace, "last-behavior")
    found = compare_lists(workspace, [popular, touched], reference=popular, first=5)
    assert (found.first, found.users, found.items) == (5, 40, 150)
    one, other = sorted(found.entries, key=lambda entry: entry.label != "Popularity")
    assert list(one.measures) == ["coverage", "alike", "novelty", "popularity", "price", "diversity"]
    own = workspace.first_items(popular)[:, :5]
    dataset = workspace.data.load("shop")
    assert one.measures["coverage"].value == len(np.unique(own)) / 150 and one.measures["coverage"].low is None
    bought = np.bincount(dataset.matrices[-1].indices, minlength=150)
    assert one.measures["popularity"].value == pytest.approx(bought[own].mean())
    assert one.measures["price"].value == pytest.approx(own.mean())
    apart = other.measures["popularity"].difference
    assert apart is not None and apart.value == pytest.approx(
        bought[workspace.first_items(touched)[:, :5]].mean() - bought[own].mean()
    )
    assert apart.low < apart.value < apart.high < 0 and set(apart.tests) == {"t-test"}
    assert found.bought["price"].value == pytest.approx(dataset.test_item.mean())
    category = {part.name: part for part in found.makeup["category"]}
    place = found.entries.index(one)
    assert category["c1"].listed[place] == pytest.approx((own % 3 == 1).mean())
    assert category["c1"].bought == pytest.approx((dataset.test_item % 3 == 1).mean())
    for parts in found.makeup.values():
        assert sum(part.bought for part in parts) == pytest.approx(1.0)
        assert [sum(part.listed[n] for part in parts) for n in range(2)] == pytest.approx([1.0, 1.0])
    bands = ["under 37.25", "37.25 to under 74.5", "74.5 to under 111.75", "111.75 and more"]
    assert [part.name for part in found.makeup["price"]] == bands
    assert Lists.model_validate(found.to_json()) == found
    assert {row["metric"] for row in found.rows()} == {"HR@100", *one.measures}


def test_no_list_is_longer_than_what_is_kept(workspace: Workspace) -> None:
    run = trained(workspace, "popularity")
    with pytest.raises(ConfigError, match="must be 1 to 20; got 21"):
        compare_lists(workspace, [run], first=21)
