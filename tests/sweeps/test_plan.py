"""Plans are checked before anything is kept, and grids hold every λ once."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtr.config import RunConfig
from nmtr.errors import ConfigError
from nmtr.sweeps import Plan, simplex


def plan(**parts: Any) -> Plan:
    return Plan.parse({"config": {"data": "shop"}, **parts})


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"step": 0.3}, "step must divide 1, such as 0.1 or 1/6; got 0.3."),
        ({"step": 0.0}, "step must divide 1, such as 0.1 or 1/6; got 0."),
        ({"metric": "HR@7"}, "metric must be one of HR@10, .*; got HR@7."),
        ({"search": ["lambdas", "momentum"], "sampler": "tpe"}, "search must be among lambdas, .*; got momentum."),
        ({"search": [], "sampler": "tpe"}, "search must name one option or more, each once; got none."),
        ({"search": ["unit"]}, "a grid is of lambdas alone; got unit: draw by tpe instead."),
        ({"trials": 9}, "a grid has as many points as its step gives; leave trials out, or draw by tpe."),
        ({"sampler": "tpe"}, "drawing by tpe needs trials: how many points; got none."),
        ({"sampler": "tpe", "trials": 9, "step": 0.5}, "points that are drawn have no step; .*"),
        ({"sampler": "sobol"}, "sampler must be one of grid, tpe; got sobol."),
        ({"jobs": 0}, "jobs must be greater than or equal to 1; got 0."),
        ({"rounds": 3}, "rounds is not part of a plan; its parts are config, .*"),
        ({"config": {"method": "bpr"}}, "BPR-MF has no option lambdas to search; leave it out of search."),
        ({"config": {"lambdas": [0.5, 0.5]}}, "what is searched must be left open; the config sets lambdas: .*"),
        ({"config": {"lambdas": [0.5, 0.6]}}, r"lambdas must sum to 1; got 0.5, 0.6, which sum to 1.1."),
        ({"config": {"epoch": 3}}, "epoch is not an option; the options are data, .*"),
    ],
)
def test_plan_that_cannot_be_is_refused_with_a_sentence(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}$"):
        plan(**parts)


def test_plan_comes_back_from_json_and_leaves_open_what_it_left_open() -> None:
    given = plan(config={"data": "shop", "unit": "mlp"}, sampler="tpe", trials=4, search=["lambdas", "dropout"])
    again = Plan.parse(given.to_json())
    assert again == given
    assert again.config.model_fields_set == {"data", "unit", "protocol"}  # which no later default may change


def test_threads_are_the_share_of_the_cores_unless_the_config_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [plan(jobs=jobs).threads for jobs in (1, 3, 16)] == [8, 2, 1]
    assert Plan(config=RunConfig(threads=5), jobs=4).threads == 5


def test_grids_are_those_of_the_paper() -> None:
    assert len(simplex(2, 0.1)) == 11 and len(simplex(3, 1 / 6)) == 28
    assert simplex(2, 0.5) == ((0.0, 1.0), (0.5, 0.5), (1.0, 0.0))
    assert simplex(1, 0.1) == ((1.0,),)


@given(st.integers(1, 5), st.integers(1, 6))
def test_grid_holds_every_multiple_of_its_step_once(behaviors: int, parts: int) -> None:
    grid = simplex(behaviors, 1 / parts)
    assert len(set(grid)) == len(grid) == comb(parts + behaviors - 1, behaviors - 1)
    for lambdas in grid:
        assert sum(lambdas) == pytest.approx(1) and min(lambdas) >= 0
        assert all(weight in [part / parts for part in range(parts + 1)] for weight in lambdas)


def test_grid_that_is_too_fine_is_refused() -> None:
    with pytest.raises(ConfigError, match="^a grid must have 1000 points or fewer; 3 behaviors in steps of 1/100 have"):
        simplex(3, 0.01)
