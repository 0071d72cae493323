"""What each suite runs: a list of cells, each of them one row of its table, or one point of its figure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmtr.config import PROTOCOLS, Protocol
from nmtr.config.lambdas import grid
from nmtr.config.variants import VARIANTS, Variant
from nmtr.errors import ConfigError

#: The λ grid's steps by the number of behaviors: of 1/10 for two and of 1/6 for three, as in the paper.
_LAMBDA_STEPS = {1: 1, 2: 10, 3: 6}
_MANY_BEHAVIORS_STEPS = 4
_TARGET_WEIGHTS = (0.2, 0.8)


@dataclass(frozen=True)
class Cell:
    """A config but for what all cells share, to be run with every seed."""

    group: str  # what the row stands under: a family, a subset of the behaviors, a way of training
    label: str
    variant: Variant
    options: Mapping[str, Any]  # of RunConfig, beside the variant's


@dataclass(frozen=True)
class Setting:
    """What a suite is run on."""

    behaviors: tuple[str, ...]  # lowest first, the target last
    protocol: Protocol


Cells = Callable[[Sequence[Variant], Setting], list[Cell]]


def _baseline(cell: Cell) -> bool:
    return cell.variant.family != "nmtr"


@dataclass(frozen=True)
class Suite:
    """One experiment."""

    name: str
    title: str
    cells: Cells
    variants: tuple[str, ...] = tuple(VARIANTS)  # the methods that take part
    #: Which cells may be the one that others are compared with; of several the best on validation is.
    reference: Callable[[Cell], bool] = _baseline
    by_method: bool = False  # whether cells are compared with those of the same method only
    budget: int = 0  # trials a method, if not said otherwise
    both_protocols: bool = False
    protocol: Protocol = "standard"  # if not said otherwise: the paper's, where the suite is the paper's
    curves: bool = False  # whether it shows epochs
    watches_test: bool = False  # whether it shows the best test epoch, as the paper reports; nothing is chosen by it
    sparsity: bool = False  # whether it groups users by how much they bought

    def protocols(self, protocol: Protocol) -> tuple[Protocol, ...]:
        """Those that it reports."""
        return PROTOCOLS if self.both_protocols else (protocol,)


def _methods(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    """Every method once, on all behaviors."""
    options = {"behaviors": setting.behaviors, "protocol": setting.protocol}
    return [
        Cell(variant.family, variant.label, variant, options)
        for variant in variants
        if len(setting.behaviors) > 1 or not variant.needs_lower
    ]


def _trained(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    return [cell for cell in _methods(variants, setting) if cell.variant.trains]


def _both_protocols(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    return [cell for protocol in PROTOCOLS for cell in _methods(variants, Setting(setting.behaviors, protocol))]


def _nothing(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    return []


def _subsets(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    """Every subset of the behaviors with the target, and half of each lower behavior beside the target (Table IV)."""
    *lower, target = setting.behaviors
    chosen = [subset for size in range(len(lower) + 1) for subset in itertools.combinations(lower, size)]
    data: dict[str, dict[str, Any]] = {
        "+".join((*subset, target)): {"behaviors": (*subset, target)} for subset in chosen
    }
    for behavior in lower:
        data[f"50%{behavior}+{target}"] = {"behaviors": (behavior, target), "sample": {behavior: 0.5}}
    return [
        Cell(name, variant.label, variant, {"protocol": setting.protocol, **options})
        for name, options in data.items()
        for variant in variants
    ]


def _trainings(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    """All behaviors at once, and one after the other (Table V)."""
    options = {"behaviors": setting.behaviors, "protocol": setting.protocol}
    return [
        Cell(training, variant.label, variant, {**options, "training": training})
        for training in ("joint", "sequential")
        for variant in variants
    ]


def _parts(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    """NMTR as it is, with one part changed at a time, and of the target alone."""
    *lower, target = setting.behaviors
    options = {"behaviors": setting.behaviors, "protocol": setting.protocol}
    changed: dict[str, dict[str, Any]] = {}
    if lower:
        changed["as it is"] = {}
        changed |= {f"cascade: {kind}": {"cascade": kind} for kind in ("mean", "none")}
        changed["embeddings: separate"] = {"embedding": "separate"}
        for weight in _TARGET_WEIGHTS:
            rest = ((1 - weight) / len(lower),) * len(lower)
            changed[f"λ of {target}: {weight:g}"] = {"lambdas": (*rest, weight)}
    changed[f"{target} alone"] = {"behaviors": (target,)}
    return [
        Cell(part, variant.label, variant, {**options, **change})
        for part, change in changed.items()
        for variant in variants
    ]


def simplex(behaviors: int) -> list[tuple[float, ...]]:
    """The λ grid (Fig. 4): weights of that many behaviors that sum to 1, zeros included; 11 of two, 28 of three."""
    steps = _LAMBDA_STEPS.get(behaviors, _MANY_BEHAVIORS_STEPS)
    return list(grid(behaviors, steps))


def _lambdas(variants: Sequence[Variant], setting: Setting) -> list[Cell]:
    options = {"behaviors": setting.behaviors, "protocol": setting.protocol}
    return [
        Cell(" / ".join(f"{weight:.2g}" for weight in point), variant.label, variant, {**options, "lambdas": point})
        for variant in variants
        for point in simplex(len(setting.behaviors))
    ]


def _target_alone(cell: Cell) -> bool:
    return len(cell.options["behaviors"]) == 1


def _joint(cell: Cell) -> bool:
    return bool(cell.options["training"] == "joint")


def _equal_weights(cell: Cell) -> bool:
    return len(set(cell.options["lambdas"])) == 1


_UNITS = ("nmtr-gmf", "nmtr-mlp", "nmtr-neumf")
_SPARSITY = (*_UNITS, "neumf", "mc-neumf", "cmf", "mc-bpr", "gmf", "ehcf")
_BY_UNIT: dict[str, Any] = {"variants": _UNITS, "by_method": True}

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("table1", "What is in the data", _nothing),
        Suite("table2", "Options chosen on validation", _trained, budget=16, watches_test=True),
        Suite("table3", "All methods", _methods, watches_test=True),
        Suite("table4", "Which behaviors help", _subsets, reference=_target_alone, **_BY_UNIT),
        Suite("table5", "Joint and sequential training", _trainings, reference=_joint, **_BY_UNIT),
        Suite("parts", "Which part carries the gain", _parts, protocol="clean", reference=_target_alone, **_BY_UNIT),
        Suite("fig2", "Loss and validation by epoch", _trained, curves=True, watches_test=True),
        Suite("fig4", "Loss weights λ", _lambdas, reference=_equal_weights, **_BY_UNIT),
        Suite("fig5", "Users with few purchases", _methods, _SPARSITY, sparsity=True),
        Suite("leak", "What the published protocol gives away", _both_protocols, both_protocols=True),
    )
}


def find(name: str) -> Suite:
    """The suite with this name; ConfigError if there is none."""
    if name not in SUITES:
        raise ConfigError(f"a suite must be one of {', '.join(SUITES)}; got {name}.")
    return SUITES[name]
