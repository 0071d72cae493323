"""Presets: kept, found by name, and taken as far as they fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmtr.config import PROTOCOLS, RunConfig
from nmtr.errors import ConfigError
from nmtr.suites import presets
from nmtr.suites.methods import VARIANTS

ALL = ("view", "cart", "buy")
NAME = presets.name_of(VARIANTS["nmtr-gmf"], "standard")


def config(**options: object) -> RunConfig:
    return RunConfig.parse({"data": "shop", "behaviors": ALL, **options})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tuned = config(learning_rate=0.3, loss="squared", unobserved_weight=0.2, lambdas=(0.5, 0.3, 0.2), seed=7, threads=1)
    assert presets.write(tmp_path, tuned.resolve(ALL), NAME) == tmp_path / "presets" / "shop" / f"{NAME}.json"
    return tmp_path


def test_preset_holds_a_runs_options_but_for_data_seed_and_threads(home: Path) -> None:
    options = presets.read(home, "shop", NAME)
    assert not {"data", "seed", "threads"} & set(options)
    assert (options["learning_rate"], options["lambdas"], options["loss"]) == (0.3, [0.5, 0.3, 0.2], "squared")
    assert RunConfig.parse({"data": "other", **options}).resolve(ALL).unobserved_weight == 0.2


def test_config_is_read_by_a_presets_name_or_a_files_path(home: Path) -> None:
    file = home / "own.json"
    file.write_text('{"epochs": 3}', encoding="utf-8")
    assert presets.read(home, "shop", str(file)) == {"epochs": 3}
    with pytest.raises(ConfigError, match=r"^--config needs a JSON file; none\.json cannot be read"):
        presets.read(home, "shop", "none.json")


@pytest.mark.parametrize(("data", "there"), [("shop", NAME), ("other", "of which there is none")])
def test_unknown_preset_is_named_with_those_that_there_are(home: Path, data: str, there: str) -> None:
    with pytest.raises(ConfigError) as error:
        presets.read(home, data, "best")
    assert str(error.value) == f"--config must be a JSON file or a preset of data set {data} ({there}); got best."


def test_preset_fills_what_a_config_leaves_open(home: Path) -> None:
    options = presets.options_for(home, config(learning_rate=0.1), NAME)
    assert "learning_rate" not in options
    assert (options["unobserved_weight"], options["lambdas"]) == (0.2, [0.5, 0.3, 0.2])
    assert presets.options_for(home, config(), "bpr-standard") == {}


def test_weights_of_other_behaviors_and_options_of_another_loss_are_left_out(home: Path) -> None:
    fewer = RunConfig(data="shop", behaviors=("cart", "buy"))
    options = presets.options_for(home, fewer, NAME)
    assert not {"lambdas", "behaviors"} & set(options) and options["learning_rate"] == 0.3
    assert "unobserved_weight" not in presets.options_for(home, config(loss="exact"), NAME)


def test_presets_of_the_home_come_before_those_of_the_package(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped = tmp_path / "shipped"
    for name in (NAME, "bpr-clean"):
        (shipped / "shop").mkdir(parents=True, exist_ok=True)
        (shipped / "shop" / f"{name}.json").write_text('{"epochs": 5}', encoding="utf-8")
    monkeypatch.setattr(presets, "SHIPPED", shipped)
    assert set(presets.found(home, "shop")) == {NAME, "bpr-clean"}
    assert presets.read(home, "shop", "bpr-clean") == {"epochs": 5}
    assert presets.read(home, "shop", NAME)["learning_rate"] == 0.3


def test_shipped_presets_are_configs_of_a_method_under_a_protocol() -> None:
    known = {presets.name_of(variant, protocol): variant for variant in VARIANTS.values() for protocol in PROTOCOLS}
    for path in presets.SHIPPED.glob("*/*.json"):
        options = json.loads(path.read_text(encoding="utf-8"))
        variant = known[path.stem]
        assert RunConfig.parse({**options, **variant.options}).to_json().items() >= options.items()
        assert path.stem.endswith(options["protocol"])
