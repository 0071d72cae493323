"""Every sentence of a wrong config, and what a right one is resolved to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.errors import ConfigError

FUNNEL = ("view", "cart", "buy")
MIX = {"view": "gmf", "cart": "mlp", "buy": "neumf"}


def resolve(behaviors: tuple[str, ...] = FUNNEL, **options: Any) -> RunConfig:
    return RunConfig.parse(options).resolve(behaviors)


def refusal(options: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        RunConfig.parse(options).resolve(FUNNEL)
    return str(refused.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lambdas": []}, "lambdas is empty; give one weight per behavior, or leave it out for equal weights."),
        ({"lambdas": [0.5, 0.6, 0.1]}, "lambdas must sum to 1; got 0.5, 0.6, 0.1, which sum to 1.2."),
        ({"lambdas": [0.5, -0.5, 1]}, "lambdas must be numbers of at least 0; got 0.5, -0.5, 1."),
        ({"lambdas": [float("nan"), 1]}, "lambdas must be numbers of at least 0; got nan, 1."),
        ({"lambdas": [float("inf"), 1]}, "lambdas must be numbers of at least 0; got inf, 1."),
        (
            {"lambdas": [0.4, 0.6]},
            "lambdas must have one weight per behavior (3: view, cart, buy); got 2.",
        ),
        ({"unit": "cnn"}, "unit must be one of gmf, mlp or neumf; got cnn."),
        ({"unit": {"view": "gmf", "cart": "cnn", "buy": "gmf"}}, "unit must be one of gmf, mlp or neumf; got cnn."),
        ({"unit": {"view": "gmf"}}, "unit must name each behavior once (view, cart, buy); got view."),
        ({"unit": {}}, "unit must name each behavior once (view, cart, buy); got none."),
        (
            {"unit": MIX | {"like": "gmf"}},
            "unit must name each behavior once (view, cart, buy); got view, cart, buy, like.",
        ),
        ({"method": "als"}, f"method must be one of {', '.join(METHODS)}; got als."),
        ({"protocol": "leaky"}, "protocol must be one of standard or clean; got leaky."),
        ({"loss": "cubed"}, "loss must be one of sampled, shared, exact or squared; got cubed."),
        ({"optimizer": "sgd"}, "optimizer must be one of adagrad or adam; got sgd."),
        ({"behaviors": ["view", "like", "buy"]}, "behaviors must be among view, cart, buy of data set demo; got like."),
        (
            {"behaviors": ["cart", "view", "buy"]},
            "behaviors must be in the order view, cart, buy, once each, with the target buy last; got cart, view, buy.",
        ),
        (
            {"behaviors": ["view", "view", "buy"]},
            "behaviors must be in the order view, cart, buy, once each, with the target buy last; got view, view, buy.",
        ),
        (
            {"behaviors": ["view", "cart"]},
            "behaviors must be in the order view, cart, buy, once each, with the target buy last; got view, cart.",
        ),
        (
            {"method": "last-behavior", "behaviors": ["buy"]},
            "last-behavior ranks by the behavior before the target, so it needs two or more behaviors; got buy alone.",
        ),
        (
            {"negatives": 8, "loss": "squared"},
            "the squared loss has no option negatives; leave it out, or choose another loss.",
        ),
        (
            {"loss": "squared", "unit": MIX},
            "the squared loss needs GMF units; got NMTR-GMF+MLP+NeuMF: "
            "give every behavior the unit gmf, or choose the sampled or the exact loss.",
        ),
        (
            {"unobserved_weight": 0.2, "loss": "exact"},
            "the exact loss has no option unobserved_weight; leave it out, or choose another loss.",
        ),
        (
            {"solver": "als", "loss": "exact"},
            "the als solver minimizes the squared loss; got exact: leave one of the two out.",
        ),
        (
            {"solver": "als", "learning_rate": 0.1},
            "the als solver has no option learning_rate; leave it out, or take the other.",
        ),
        ({"l2_scaling": False}, "the descent solver has no option l2_scaling; leave it out, or take the other."),
        ({"method": "bpr", "solver": "als"}, "bpr has no option solver; leave it out, or choose another method."),
        (
            {"solver": "als", "unit": "neumf"},
            "the squared loss needs GMF units; got NMTR-NeuMF: "
            "give every behavior the unit gmf, or choose the sampled or the exact loss.",
        ),
        ({"method": "bpr", "unit": "mlp"}, "bpr has no option unit; leave it out, or choose another method."),
        (
            {"method": "popularity", "epochs": 3},
            "popularity has no option epochs; leave it out, or choose another method.",
        ),
        ({"epochs": 0}, "epochs must be greater than or equal to 1; got 0."),
        ({"epochs": "many"}, "epochs must be a valid integer; got many."),
        ({"dropout": 1.0}, "dropout must be less than 1; got 1.0."),
        ({"learning_rate": 0}, "learning_rate must be greater than 0; got 0."),
        ({"learning_rate": float("nan")}, "learning_rate must be less than or equal to 10; got nan."),
        ({"data": ""}, "data must have at least 1 character; got nothing."),
    ],
    ids=str,
)
def test_wrong_config_is_refused_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    assert refusal(options) == sentence


def test_unknown_option_is_refused_with_the_list_of_those_there_are() -> None:
    sentence = refusal({"lamdas": [1]})
    assert sentence.startswith(
        "lamdas is not an option; the options are data, behaviors, protocol, validation, sample, method, "
    )
    assert all(name in sentence for name in RunConfig.model_fields)


@pytest.mark.parametrize(
    "lambdas", [(0.333, 0.333, 0.333), (0.333, 0.333, 0.334), (1 / 3, 1 / 3, 1 / 3), (0.1667, 0.1667, 0.6667)]
)
def test_rounded_weights_are_made_to_sum_to_one(lambdas: tuple[float, ...]) -> None:
    weights = resolve(lambdas=lambdas).lambdas
    assert weights is not None
    assert sum(weights) == pytest.approx(1, abs=1e-12)
    assert weights == pytest.approx(lambdas, abs=1e-3)


def test_weights_that_sum_to_one_are_kept_as_they_are() -> None:
    assert resolve(lambdas=(0.1, 0.2, 0.7)).lambdas == (0.1, 0.2, 0.7)
    assert resolve(lambdas=(0, 0, 1)).lambdas == (0, 0, 1)


@pytest.mark.parametrize("behaviors", [("buy",), ("view", "buy"), ("a", "b", "c", "d", "e")])
def test_open_config_is_closed_with_the_data_sets_behaviors_and_equal_weights(behaviors: tuple[str, ...]) -> None:
    config = resolve(behaviors)
    assert (config.behaviors, config.target) == (behaviors, behaviors[-1])
    assert config.lambdas == (1 / len(behaviors),) * len(behaviors)
    assert config.units == ("gmf",) * len(behaviors)


@pytest.mark.parametrize(
    ("options", "filled"),
    [
        ({}, ("exact", 0.5, 0.2, 512)),
        ({"optimizer": "adam"}, ("exact", 0.5, 0.005, 512)),
        ({"loss": "sampled"}, ("sampled", 0.0, 0.05, 4096)),
        ({"unit": "neumf"}, ("sampled", 0.0, 0.05, 4096)),
        ({"unit": MIX, "optimizer": "adam"}, ("sampled", 0.0, 0.001, 4096)),
        ({"unit": "mlp", "loss": "exact"}, ("exact", 0.5, 0.2, 512)),
        ({"loss": "squared"}, ("squared", 0.5, 0.05, 512)),
        ({"loss": "squared", "optimizer": "adam"}, ("squared", 0.5, 0.002, 512)),
        ({"dropout": 0.0, "learning_rate": 0.3, "batch_size": 7}, ("exact", 0.0, 0.3, 7)),
        ({"method": "bpr"}, (None, 0.5, 0.05, 4096)),
        ({"method": "popularity"}, (None, None, None, None)),
    ],
    ids=str,
)
def test_resolving_fills_in_what_depends_on_other_options(options: dict[str, Any], filled: tuple[object, ...]) -> None:
    config = resolve(**options)
    assert (config.loss, config.dropout, config.learning_rate, config.batch_size) == filled


def test_some_of_the_behaviors_may_be_used() -> None:
    config = RunConfig.parse({"behaviors": ["view", "buy"], "unit": {"buy": "gmf", "view": "mlp"}}).resolve(FUNNEL)
    assert config.behaviors == ("view", "buy") and config.units == ("mlp", "gmf")
    assert list(config.unit) == ["view", "buy"]


def test_mix_of_one_unit_is_that_unit() -> None:
    config = resolve(unit=dict.fromkeys(FUNNEL, "gmf"))
    assert (config.unit, config.loss, config.label) == ("gmf", "exact", "NMTR-GMF")


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"unit": "neumf"}, "NMTR-NeuMF"),
        ({"unit": MIX}, "NMTR-GMF+MLP+NeuMF"),
        ({"unit": "gmf", "cascade": "mean", "embedding": "separate"}, "NMTR-GMF, mean, separate"),
        ({"unit": "mlp", "cascade": "none", "training": "sequential"}, "NMTR-MLP, no cascade, sequential"),
        ({"method": "bpr"}, "BPR-MF"),
        ({"method": "neumf"}, "NeuMF"),
        ({"method": "popularity"}, "Popularity"),
        ({"method": "last-behavior"}, "Touched before, not bought"),
    ],
    ids=str,
)
def test_label_names_the_method_and_its_units(options: dict[str, Any], label: str) -> None:
    assert resolve(**options).label == label


@pytest.mark.parametrize("method", METHODS)
def test_resolved_config_comes_back_from_its_json_and_resolves_to_itself(method: str) -> None:
    of_nmtr = [{"unit": MIX, "lambdas": [0.2, 0.2, 0.6]}, {"loss": "squared", "unobserved_weight": 0.2}]
    for options in ({}, *(of_nmtr if method == "nmtr" else [{"protocol": "clean"}])):
        config = resolve(method=method, **options)
        saved = json.loads(json.dumps(config.to_json()))
        assert set(saved) == {name for name in RunConfig.model_fields if config.uses(name)}
        assert RunConfig.parse(saved) == config
        assert config.resolve(FUNNEL) == config


def test_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"data": "beibei", "epochs": 3}', encoding="utf-8")
    assert RunConfig.read(path) == {"data": "beibei", "epochs": 3}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not JSON (line 1)."),
        (b"[1]", "--config needs a JSON object of options; "),
        (b"\xff\xfe", "is not."),
        (None, "cannot be read (No such file or directory)."),
    ],
    ids=["broken", "list", "binary", "missing"],
)
def test_config_file_that_holds_no_options_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        RunConfig.read(path)
    assert sentence in str(refused.value) and str(path) in str(refused.value)


def test_steps_of_the_squared_loss_do_not_grow_with_the_users() -> None:
    squared = RunConfig(loss="squared")
    assert squared.resolve(["buy"], users=20_000).batch_size == squared.resolve(["buy"]).batch_size == 512
    assert squared.resolve(["buy"], users=1_000_000).batch_size == 20_833
    assert RunConfig(loss="squared", batch_size=64).resolve(["buy"], users=1_000_000).batch_size == 64
    assert RunConfig().resolve(["buy"], users=1_000_000).batch_size == 512


def test_help_of_the_loss_says_what_each_method_takes_by_default() -> None:
    """Each "LOSS for METHOD" of the help is what such a config resolves to."""
    told = (RunConfig.model_fields["loss"].description or "").partition("If not given: ")[2]
    assert told == (
        "exact for GMF and for NMTR with GMF units only, sampled for other NMTR, shared for MLP and NeuMF, "
        "squared for CMF."
    )
    usual = {
        "exact": [{"method": "gmf"}, {"unit": "gmf"}],
        "sampled": [{"unit": "mlp"}, {"unit": "neumf"}, {"unit": MIX}],
        "shared": [{"method": "mlp"}, {"method": "neumf"}],
        "squared": [{"method": "cmf"}],
    }
    for loss, configs in usual.items():
        assert {resolve(**options).loss for options in configs} == {loss}
