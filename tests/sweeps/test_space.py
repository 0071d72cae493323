"""λ by breaking a stick: on the simplex, uniform, and the same there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtr.config import RunConfig
from nmtr.sweeps import Plan, simplex
from nmtr.sweeps.space import draw, from_sticks, place_of, to_sticks

UNIT = st.floats(0, 1)


class Dictated:
    """A trial that suggests what it is told, or else the middle."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values, self.asked = values, set[str]()

    def suggest_float(self, name: str, low: float, high: float) -> float:
        self.asked.add(name)
        return float(self.values.get(name, (low + high) / 2))

    def suggest_categorical(self, name: str, choices: tuple[str, ...]) -> str:
        self.asked.add(name)
        return str(self.values.get(name, choices[0]))


@given(st.lists(UNIT, min_size=0, max_size=5))
def test_sticks_give_hundredths_that_sum_to_1(sticks: list[float]) -> None:
    lambdas = from_sticks(sticks)
    assert len(lambdas) == len(sticks) + 1
    hundredths = [100 * weight for weight in lambdas]
    assert all(weight == pytest.approx(round(weight)) and weight >= 0 for weight in hundredths)
    assert sum(map(round, hundredths)) == 100


@pytest.mark.parametrize(("behaviors", "step"), [(2, 0.01), (3, 0.1), (4, 0.25)])
def test_given_weights_come_back_from_their_place(behaviors: int, step: float) -> None:
    for lambdas in simplex(behaviors, step):
        sticks = to_sticks(lambdas)
        assert all(0 <= stick <= 1 for stick in sticks)
        assert from_sticks(sticks) == pytest.approx(lambdas)


def test_uniform_sticks_are_uniform_on_the_simplex() -> None:
    """Of R = 4, each weight is Beta(1, 3): mean 1/4, variance 3/80."""
    rng = np.random.default_rng(0)
    lambdas = np.array([from_sticks(row) for row in rng.random((20_000, 3)).tolist()])
    assert np.abs(lambdas.mean(axis=0) - 1 / 4).max() < 0.005
    assert np.abs(lambdas.var(axis=0) - 3 / 80).max() < 0.001
    correlation = np.corrcoef(lambdas.T)[~np.eye(4, dtype=bool)]
    assert np.abs(correlation + 1 / 3).max() < 0.03  # the Dirichlet's


def drawn(search: list[str], values: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    plan = Plan.parse({"config": {"data": "shop"}, "sampler": "tpe", "trials": 1, "search": search})
    trial = Dictated(values)
    options = draw(trial, plan, ("view", "buy"), lambda config: config.resolve(("view", "buy")))  # type: ignore[arg-type]
    return options, trial.asked


def test_every_option_that_is_searched_is_drawn_and_makes_a_config() -> None:
    search = ["lambdas", "unit", "learning_rate", "l2_embeddings", "dropout", "negatives"]
    options, asked = drawn(search, {"unit": "mlp", "lambda view": 0.25})
    assert set(options) == set(search)
    assert asked == {"lambda view", "unit", "learning_rate", "l2_embeddings", "dropout", "negatives"}
    assert options["lambdas"] == [0.25, 0.75] and options["unit"] == "mlp"
    RunConfig.parse({"data": "shop", **options}).resolve(("view", "buy"))


@pytest.mark.parametrize("u", [0.0, 1.0])
def test_ends_of_the_ranges_can_be_drawn(u: float) -> None:
    options, _ = drawn(["negatives", "dropout"], {"negatives": min(u, 1 - 1e-9), "dropout": u})
    assert options == {"negatives": 2 if u == 0 else 8, "dropout": 0.8 * u}


def test_given_point_has_its_place_among_the_drawn_ones() -> None:
    options = {"lambdas": [0.2, 0.8], "unit": "gmf", "dropout": 0.1}
    assert place_of(options, ("view", "buy")) == {"unit": "gmf", "lambda view": pytest.approx(0.2)}
