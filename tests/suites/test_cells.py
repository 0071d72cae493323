"""What each suite runs."""

from __future__ import annotations

from typing import Any

import pytest

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.config.variants import VARIANTS, choose
from nmtr.errors import ConfigError
from nmtr.suites.cells import SUITES, Cell, Setting, find, simplex
from nmtr.suites.experiment import SuiteRequest

ALL = ("view", "cart", "buy")


def cells(name: str, behaviors: tuple[str, ...] = ALL) -> list[Cell]:
    suite = SUITES[name]
    return suite.cells(choose((), suite.variants), Setting(behaviors, "clean"))


def test_every_method_takes_part_with_a_family() -> None:
    assert {variant.options["method"] for variant in VARIANTS.values()} == set(METHODS)
    assert [name for name in VARIANTS if name.startswith("nmtr")] == ["nmtr-gmf", "nmtr-mlp", "nmtr-neumf"]
    assert VARIANTS["bpr"].family == "single" and VARIANTS["popularity"].family == "floor"


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("behaviors", [ALL, ("view", "buy"), ("buy",)], ids="+".join)
def test_cells_are_told_apart_and_fit_the_data(name: str, behaviors: tuple[str, ...]) -> None:
    found = cells(name, behaviors)
    rows = [(cell.group, cell.label, cell.options["protocol"]) for cell in found]
    assert len(set(rows)) == len(rows) and bool(rows) == (name != "table1")
    for cell in found:
        RunConfig.parse({**cell.variant.options, **cell.options}).resolve(behaviors)


def test_table3_has_every_method_and_the_leak_has_it_under_both_protocols() -> None:
    assert [cell.variant.name for cell in cells("table3")] == list(VARIANTS)
    assert {cell.options["protocol"] for cell in cells("table3")} == {"clean"}
    leak = [(cell.options["protocol"], cell.variant.name) for cell in cells("leak")]
    assert leak == [(protocol, name) for protocol in ("standard", "clean") for name in VARIANTS]


def test_tuned_and_drawn_are_the_methods_that_train() -> None:
    for name in ("table2", "fig2"):
        assert not {"popularity", "last-behavior"} & {cell.variant.name for cell in cells(name)}


def test_rule_of_the_behavior_below_is_left_out_where_there_is_none() -> None:
    assert "last-behavior" not in {cell.variant.name for cell in cells("table3", ("buy",))}


def test_table4_has_every_subset_with_the_target_and_half_of_each_lower_behavior() -> None:
    groups = list(dict.fromkeys(cell.group for cell in cells("table4")))
    assert groups == ["buy", "view+buy", "cart+buy", "view+cart+buy", "50%view+buy", "50%cart+buy"]
    half = [cell.options for cell in cells("table4") if cell.group == "50%cart+buy"]
    assert [(options["behaviors"], options["sample"]) for options in half] == [(("cart", "buy"), {"cart": 0.5})] * 3


def test_parts_are_changed_one_at_a_time() -> None:
    found = {cell.group: dict(cell.options) for cell in cells("parts") if cell.variant.name == "nmtr-gmf"}
    whole = found.pop("as it is")
    assert found.pop("buy alone") == whole | {"behaviors": ("buy",)}
    changes = {
        group: {name: options[name] for name in options.keys() - whole.keys()} for group, options in found.items()
    }
    assert changes == {
        "cascade: mean": {"cascade": "mean"},
        "cascade: none": {"cascade": "none"},
        "embeddings: separate": {"embedding": "separate"},
        "λ of buy: 0.2": {"lambdas": (0.4, 0.4, 0.2)},
        "λ of buy: 0.8": {"lambdas": pytest.approx((0.1, 0.1, 0.8))},
    }
    assert {cell.group for cell in cells("parts", ("buy",))} == {"buy alone"}


@pytest.mark.parametrize(("behaviors", "points"), [(1, 1), (2, 11), (3, 28), (4, 35)])
def test_grid_holds_every_weighting_once_zeros_included(behaviors: int, points: int) -> None:
    grid = simplex(behaviors)
    assert len(set(grid)) == len(grid) == points
    assert all(len(point) == behaviors and sum(point) == pytest.approx(1) and min(point) >= 0 for point in grid)
    assert behaviors != 2 or grid[4] == (0.4, 0.6)
    assert any(max(point) == 1 for point in grid)


@pytest.mark.parametrize(
    ("name", "references"),
    [("table4", {"buy"}), ("parts", {"buy alone"}), ("table5", {"joint"}), ("fig4", {"0.33 / 0.33 / 0.33"})],
)
def test_reference_of_each_method_is_among_its_own_cells(name: str, references: set[str]) -> None:
    suite = SUITES[name]
    assert suite.by_method
    assert {cell.group for cell in cells(name) if suite.reference(cell)} == references


@pytest.mark.parametrize("suite", SUITES)
def test_suites_of_the_paper_are_standard_if_nothing_is_said_and_those_beyond_it_clean(suite: str) -> None:
    protocol = "clean" if suite == "parts" else "standard"
    assert SuiteRequest(suite, "shop").split == protocol and SuiteRequest(suite, "shop", "clean").split == "clean"
    if not SUITES[suite].both_protocols:
        assert f"--protocol {protocol} " in SuiteRequest(suite, "shop").command


def test_methods_are_chosen_by_name_or_all_units_of_nmtr_at_once() -> None:
    def chosen(*given: str, **among: Any) -> list[str]:
        return [variant.name for variant in choose(given, **among)]

    assert chosen() == list(VARIANTS)
    assert chosen("bpr", "nmtr-mlp") == ["nmtr-mlp", "bpr"]
    assert chosen("nmtr", "popularity") == ["nmtr-gmf", "nmtr-mlp", "nmtr-neumf", "popularity"]


def test_unknown_method_or_suite_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"^methods must be among nmtr-gmf, nmtr-mlp, nmtr-neumf; got bpr\.$"):
        choose(["bpr"], SUITES["table4"].variants)
    with pytest.raises(ConfigError, match=r"^a suite must be one of table1, table2, .*, leak; got table9\.$"):
        find("table9")
