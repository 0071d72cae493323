"""Presets: kept, found by name, and taken as far as they fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmtr.config import RunConfig
from nmtr.config.variants import VARIANTS
from nmtr.errors import ConfigError
from nmtr.workspace import presets

ALL = ("view", "cart", "buy")
GMF = VARIANTS["nmtr-gmf"]
NAME = presets.name_of(GMF, "standard")


def config(**options: object) -> RunConfig:
    return RunConfig.parse({"data": "shop", "behaviors": ALL, "protocol": "standard", **options})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tuned = config(learning_rate=0.3, loss="squared", unobserved_weight=0.2, lambdas=(0.5, 0.3, 0.2), seed=7, threads=1)
    assert presets.write(tmp_path, tuned.resolve(ALL), GMF, ALL) == NAME
    return tmp_path


def file(home: Path, name: str = NAME) -> Path:
    return home / "presets" / "shop" / f"{name}.json"


def options_for(home: Path, config: RunConfig) -> dict[str, object]:
    preset = presets.find(home, GMF, config, ALL)
    assert preset is not None
    return preset.options_for(config)


def test_preset_holds_a_runs_options_but_for_data_seed_and_threads(home: Path) -> None:
    options = presets.read(home, "shop", NAME)
    assert not {"data", "seed", "threads"} & set(options)
    assert (options["learning_rate"], options["lambdas"], options["loss"]) == (0.3, [0.5, 0.3, 0.2], "squared")
    assert RunConfig.parse({"data": "other", **options}).resolve(ALL).unobserved_weight == 0.2


def test_config_is_read_by_a_presets_name_or_a_files_path(home: Path) -> None:
    own = home / "own.json"
    own.write_text('{"epochs": 3}', encoding="utf-8")
    assert presets.read(home, "shop", str(own)) == {"epochs": 3}
    with pytest.raises(ConfigError, match=r"^--config needs a JSON file; none\.json cannot be read"):
        presets.read(home, "shop", "none.json")


@pytest.mark.parametrize(("data", "there"), [("shop", NAME), ("other", "of which there is none")])
def test_unknown_preset_is_named_with_those_that_there_are(home: Path, data: str, there: str) -> None:
    with pytest.raises(ConfigError) as error:
        presets.read(home, data, "best")
    assert str(error.value) == f"--config must be a JSON file or a preset of data set {data} ({there}); got best."


def test_preset_fills_what_a_config_leaves_open(home: Path) -> None:
    options = options_for(home, config(learning_rate=0.1))
    assert "learning_rate" not in options
    assert (options["unobserved_weight"], options["lambdas"]) == (0.2, (0.5, 0.3, 0.2))
    assert presets.find(home, VARIANTS["bpr"], config(method="bpr"), ALL) is None
    assert presets.find(home, GMF, config(protocol="clean"), ALL) is None


def test_suites_order_alone_says_how_its_runs_are_chosen_and_tested(home: Path) -> None:
    presets.write(home, config(learning_rate=0.3, validation="newest", refit=True).resolve(ALL), GMF, ALL)
    assert presets.read(home, "shop", NAME)["refit"] is True  # as `nmtr train --config` takes it
    options = options_for(home, config())
    assert options["learning_rate"] == 0.3 and not {"validation", "refit"} & set(options)


def test_weights_of_other_behaviors_and_options_of_another_loss_are_left_out(home: Path) -> None:
    options = options_for(home, config(behaviors=("cart", "buy")))
    assert not {"lambdas", "behaviors"} & set(options) and options["learning_rate"] == 0.3
    assert "unobserved_weight" not in options_for(home, config(loss="exact"))


def test_preset_of_some_behaviors_is_named_by_them_and_taken_for_no_others(home: Path) -> None:
    fewer = config(behaviors=("cart", "buy"), learning_rate=0.7)
    assert presets.write(home, fewer.resolve(ALL), GMF, ALL) == f"{NAME}-cart+buy"
    assert options_for(home, config())["learning_rate"] == 0.3
    assert options_for(home, config(behaviors=("cart", "buy")))["learning_rate"] == 0.7
    assert options_for(home, config(behaviors=("view", "buy")))["learning_rate"] == 0.3  # that of all

    file(home).write_text(file(home, f"{NAME}-cart+buy").read_text(encoding="utf-8"), encoding="utf-8")
    assert presets.find(home, GMF, config(), ALL) is None  # whatever the file is called


@pytest.mark.parametrize(
    ("options", "tuned_for"),
    [
        ({}, ""),
        ({"seed": 5, "threads": 3}, ""),
        ({"behaviors": ("cart", "buy")}, "behaviors view+cart+buy"),
        ({"sample": {"cart": 0.5}}, "all pairs"),
        ({"training": "sequential"}, "training joint"),
        ({"training": "joint"}, ""),
        ({"validation": "newest", "refit": True}, "validation random"),
        ({"lambdas": (0.0, 0.5, 0.5), "embedding_size": 8}, "λ .50/.30/.20, embedding_size 64"),
    ],
)
def test_preset_says_what_else_it_was_tuned_for(home: Path, options: dict[str, object], tuned_for: str) -> None:
    given = config(**options)
    preset = presets.find(home, GMF, given, ALL)
    assert preset is not None and preset.tuned_for(given) == tuned_for


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"loss": "bpr"}', "loss must be one of sampled, shared, exact or squared; got bpr."),
        ('{"behaviors": 3}', "behaviors must be a valid tuple; got 3."),
        ('{"shared_side": "user"}', "nmtr has no option shared_side; leave it out, or choose another method."),
        ("[]", "--config needs a JSON object of options; "),
    ],
)
def test_preset_that_was_spoiled_is_one_sentence_that_names_the_file(home: Path, text: str, sentence: str) -> None:
    file(home).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        presets.find(home, GMF, config(), ALL)
    assert str(error.value).startswith(f"preset {file(home)} must be mended or removed: {sentence}")


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
    for path in presets.SHIPPED.glob("*/*.json"):
        options = json.loads(path.read_text(encoding="utf-8"))
        protocol, behaviors = options["protocol"], options["behaviors"]
        names = {presets.name_of(one, protocol, some): one for one in VARIANTS.values() for some in ((), behaviors)}
        variant = names[path.stem.removesuffix("-als")]  # by least squares
        assert RunConfig.parse({**options, **variant.options}).to_json().items() >= options.items()
