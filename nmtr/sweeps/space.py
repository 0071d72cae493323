"""How points are drawn: each searched option is a number from 0 to 1 for Optuna, or a unit by name.

λ of R behaviors is R - 1 such numbers, by breaking a stick: the r-th says which share of what is left goes to behavior
r, so that independent uniform numbers give a λ that is uniform on the simplex (of n parts that are left, the first is
1 - (1 - u)^(1 / (n - 1)) of them). Unlike sorted cuts and normalized exponentials it can be turned around: each λ has
one place in the cube (two where nothing is left), and so a sampler learns from points that were not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from nmtr.config import UNITS, RunConfig
from nmtr.config.search_space import SPACE
from nmtr.sweeps.plan import Plan

if TYPE_CHECKING:
    from optuna.trial import Trial

_DIGITS = 2  # of a drawn λ: what is tried can be written down


def from_sticks(sticks: Sequence[float]) -> tuple[float, ...]:
    """R - 1 numbers from 0 to 1 -> λ of R behaviors, in hundredths that sum to 1."""
    left, weights = 1.0, []
    for number, u in enumerate(sticks):
        weights.append(left * (1 - (1 - u) ** (1 / (len(sticks) - number))))
        left -= weights[-1]
    ends = [0.0, *(round(end, _DIGITS) for end in accumulate(weights)), 1.0]
    return tuple(round(b - a, _DIGITS) for a, b in zip(ends, ends[1:], strict=False))


def to_sticks(lambdas: Sequence[float]) -> tuple[float, ...]:
    """The numbers of a λ, without the rounding."""
    left, sticks = 1.0, []
    for number, weight in enumerate(lambdas[:-1]):
        share = min(1.0, weight / left) if left > 0 else 0.0
        sticks.append(1 - (1 - share) ** (len(lambdas) - 1 - number))
        left -= weight
    return tuple(sticks)


def draw(trial: Trial, plan: Plan, behaviors: Sequence[str], usual: Callable[[RunConfig], RunConfig]) -> dict[str, Any]:
    """The options of a point, by what the trial suggests; `usual` resolves a config, for the defaults to draw around.

    What a drawn unit's method does not read is left out.
    """
    options: dict[str, Any] = {}
    if "unit" in plan.search:
        options["unit"] = trial.suggest_categorical("unit", UNITS)
    if "lambdas" in plan.search:
        options["lambdas"] = list(from_sticks([trial.suggest_float(_stick(b), 0.0, 1.0) for b in behaviors[:-1]]))
    for name in SPACE:
        if name in plan.search:
            resolved = usual(RunConfig.parse({**plan.config.model_dump(exclude_unset=True), **options}))
            if resolved.uses(name):
                options[name] = SPACE[name].value(trial.suggest_float(name, 0.0, _BELOW_ONE), getattr(resolved, name))
    return options


#: Choices are cut out of [0, 1), so that 1 itself would be one too many.
_BELOW_ONE = 1 - 1e-9


def place_of(options: Mapping[str, Any], behaviors: Sequence[str]) -> dict[str, Any]:
    """Optuna's parameters of a point that was given, as far as they can be told: of λ and of the unit."""
    found = {"unit": options["unit"]} if "unit" in options else {}
    if "lambdas" in options:
        found |= dict(zip(map(_stick, behaviors[:-1]), to_sticks(options["lambdas"]), strict=True))
    return found


def suggest_given(trial: Trial, options: Mapping[str, Any], behaviors: Sequence[str]) -> None:
    """Let a trial that was given its place take it, for the sampler to see."""
    for name in place_of(options, behaviors):
        if name == "unit":
            trial.suggest_categorical(name, UNITS)
        else:
            trial.suggest_float(name, 0.0, 1.0)


def _stick(behavior: str) -> str:
    return f"lambda {behavior}"
