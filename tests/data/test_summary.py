"""The figures that describe a data set, by hand and as they were measured on the real ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from nmtr.data.dataset import Dataset
from nmtr.data.importing import read
from nmtr.data.summary import Bin, describe


def test_summary_counts_by_hand(dataset: Dataset) -> None:
    # Views: (0: 0 1 3) (1: 1) (2: 0 2). Purchases, the held-out last: (0: 0 | 1) (1: 1) (2: 2 | 3).
    summary = describe(dataset)
    assert (summary.users, summary.items, summary.test_users) == (3, 4, 2)
    assert summary.interactions == {"view": 6, "buy": 5}
    assert summary.leak == {"view": 0.5}
    view, buy = summary.funnel
    assert (view.pairs, view.users, view.items) == (6, 3, 4)
    assert view.bought == pytest.approx(4 / 6) and view.of_purchases == pytest.approx(4 / 5)
    assert (buy.pairs, buy.bought, buy.of_purchases) == (5, 1, 1)
    assert summary.per_user["view"].bins == (
        Bin(low=0, high=0, users=0),
        Bin(low=1, high=1, users=1),
        Bin(low=2, high=2, users=1),
        Bin(low=3, high=4, users=1),
    )
    # Users 0 and 2 have one other purchase each, and both held-out items stand behind it.
    assert summary.held_out_newest == {"share": 1.0, "by_chance": 0.5}
    assert summary.per_user["buy"].mean == pytest.approx(5 / 3) and summary.per_user["buy"].most == 2


def test_summary_json_is_the_contract_of_data_show(dataset: Dataset) -> None:
    shown = json.loads(json.dumps(describe(dataset).to_json()))
    assert shown == {
        "name": "shop",
        "users": 3,
        "items": 4,
        "behaviors": ["view", "buy"],
        "interactions": {"view": 6, "buy": 5},
        "test_users": 2,
        "fingerprint": dataset.fingerprint,
        "sample": {"users": ["ann", "bob", "zoë"], "items": ["1", "2", "03", "x"]},
        "leak": {"view": 0.5},
        "held_out_newest": {"share": 1.0, "by_chance": 0.5},
        "valid_named": 0,
        "activity": None,
    }
    named = dataclasses.replace(
        dataset, given_valid_item=np.array([-1, -1, dataset.matrices[-1].indices[-1]], np.int32)
    )
    assert describe(named).valid_named == 1


def test_summary_survives_its_json(dataset: Dataset) -> None:
    summary = describe(dataset)
    assert type(summary).model_validate_json(summary.model_dump_json()) == summary


def test_summary_of_one_behavior_and_nothing_held_out(dataset: Dataset) -> None:
    nobody = dataclasses.replace(dataset.select(["buy"]), test_item=np.full(3, -1, np.int32))
    summary = describe(nobody)
    assert summary.held_out_newest == {"share": 0.0, "by_chance": 0.0}
    assert summary.leak == {} and summary.test_users == 0 and summary.interactions == {"buy": 3}
    assert describe(dataclasses.replace(dataset, test_item=nobody.test_item)).leak == {"view": 0.0}


def test_items_of_beibei_are_numbered_by_time_and_those_of_tmall_are_not(real_data: Path) -> None:
    beibei, tmall = (describe(read(real_data / name, name=name)).held_out_newest for name in ("beibei", "tmall"))
    assert beibei == pytest.approx({"share": 0.629, "by_chance": 0.087}, abs=5e-4)
    assert tmall == pytest.approx({"share": 0.181, "by_chance": 0.181}, abs=5e-4)


def test_summary_leaks_of_the_real_data_are_those_measured(real_data: Path) -> None:
    assert describe(read(real_data / "beibei", name="b")).leak == pytest.approx({"cart": 0.623}, abs=5e-4)
    tmall = describe(read(real_data / "tmall", name="t"))
    assert tmall.leak == pytest.approx({"view": 0.797, "cart": 0.196}, abs=5e-4)
    assert tmall.interactions == {"view": 858_505, "cart": 180_027, "buy": 92_180 + 15_449}
