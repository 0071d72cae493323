"""The paper's figures: which row belongs to which run, and that nothing impossible is shown."""

from __future__ import annotations

from typing import Any

import pytest

from nmtr.config import UNITS, RunConfig
from nmtr.paper import counterpart, find, optimum, reported, table2


def test_every_row_is_there_once() -> None:
    rows = [(row.dataset, row.method, row.behaviors) for row in reported()]
    assert len(rows) == len(set(rows)) == 42
    assert [sum(row.table == table for row in reported()) for table in ("III", "IV", "V")] == [24, 12, 6]


def test_what_cannot_be_right_is_kept_apart_as_a_misprint() -> None:
    wrong = {(row.dataset, row.method): row.misprints for row in reported() if row.misprints}
    assert wrong == {("tmall", "BPR"): {"HR@50": 0.6666}, ("beibei", "MLP"): {"NDCG@80": 0.0459}}
    assert not any(set(row.misprints) & set(row.figures) for row in reported())


def test_figures_that_are_shown_rise_with_the_cutoff() -> None:
    for row in reported():
        for kind in ("HR", "NDCG"):
            values = [row.figures[f"{kind}@{k}"] for k in (50, 80, 100, 200) if f"{kind}@{k}" in row.figures]
            assert values == sorted(values), row


@pytest.mark.parametrize(
    ("options", "table", "value"),
    [
        ({"unit": "gmf", "behaviors": ("cart", "buy")}, "IV", 0.2979),
        ({"unit": "neumf"}, "III", 0.3193),
        ({"unit": "mlp", "training": "sequential"}, "V", 0.2663),
        ({"unit": "gmf", "behaviors": ("cart", "buy"), "sample": {"cart": 0.5}}, "IV", 0.2947),
        ({"method": "bpr"}, "III", 0.2002),
        ({"method": "bpr", "behaviors": ("buy",)}, "III", 0.2002),
        ({"method": "mc-neumf"}, "III", 0.3010),
        ({"method": "cmf", "data": "tmall", "behaviors": ("view", "buy")}, "III", 0.1085),
    ],
)
def test_runs_find_their_row(options: dict[str, Any], table: str, value: float) -> None:
    config = RunConfig.parse({"data": "beibei", "protocol": "standard", **options}).resolve(("view", "cart", "buy"))
    row = counterpart(config)
    assert row is not None and (row.table, row.figures["HR@100"]) == (table, value)


@pytest.mark.parametrize(
    "options",
    [
        {"protocol": "clean"},
        {"data": "beibei_1k"},
        {"cascade": "none"},
        {"embedding": "separate"},
        {"unit": {"view": "gmf", "cart": "gmf", "buy": "mlp"}},
        {"method": "ehcf"},
        {"method": "popularity"},
        {"method": "cmf", "behaviors": ("cart", "buy")},
        {"sample": {"cart": 0.25}},
    ],
)
def test_runs_without_a_row_have_none(options: dict[str, Any]) -> None:
    config = RunConfig.parse({"data": "beibei", "protocol": "standard", **options}).resolve(("view", "cart", "buy"))
    assert counterpart(config) is None


def test_rows_are_found_by_the_papers_names() -> None:
    row = find("tmall", "NMTR-NeuMF", "view+buy")
    assert row is not None and row.figures["NDCG@200"] == 0.0428
    assert find("tmall", "NMTR-NeuMF", "cart+buy") is None


def test_best_weights_are_known_of_two_and_three_behaviors() -> None:
    for count, dataset in ((2, "Tmall"), (3, "Beibei")):
        found = optimum(count)
        assert found is not None and found.dataset == dataset
        assert len(found.lambdas) == count and sum(found.lambdas) == pytest.approx(1)
    assert optimum(4) is None


def test_weights_of_table_2_are_those_of_the_unit() -> None:
    of_two = {unit: table2(2, unit) for unit in UNITS}
    assert {unit: found and found.lambdas for unit, found in of_two.items()} == {
        "gmf": (0.4, 0.6),
        "mlp": (0.5, 0.5),
        "neumf": (0.4, 0.6),
    }
    assert table2(2) is None  # they differ
    assert table2(3) == table2(3, "mlp") == optimum(3) and table2(3) is not None
    assert table2(4) is None is table2(4, "gmf")
