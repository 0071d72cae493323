"""What the paper reports in its Tables II to V and in Fig. 4, to stand beside our figures and never among them.

Its figures are those of the best test epoch, under the protocol that is *standard* here, of one run each. Its Tmall is
another sample than the one that is published, so there they are context only.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nmtr.config import UNIT_NAMES, RunConfig
from nmtr.config.methods import METHODS, Unit

_RESULTS = Path(__file__).with_name("results.csv")
#: Printed, but not possible beside the same row's other figures: both measures rise with the cutoff.
_MISPRINTS = {("tmall", "BPR", "HR@50"), ("beibei", "MLP", "NDCG@80")}
_NAMES = {"BPR-MF": "BPR"}  # ours -> the paper's, where they differ


@dataclass(frozen=True)
class Reported:
    """One row of one of the paper's tables."""

    table: str  # "III", "IV", "V"
    dataset: str  # "beibei", "tmall"
    method: str  # "NMTR-GMF", "BPR", "Sequential-MLP"
    behaviors: str  # "cart+buy", "50%cart+buy"
    figures: dict[str, float]  # "HR@100" -> value; without misprints
    misprints: dict[str, float]  # as printed, which cannot be right: not to be shown as results


@dataclass(frozen=True)
class Weights:
    """Loss weights that the paper names."""

    lambdas: tuple[float, ...]  # lowest behavior first, the target last
    dataset: str  # that they are for: "Beibei", "Tmall"


_THIRDS, _TWO_TO_THREE = Weights((1 / 3, 1 / 3, 1 / 3), "Beibei"), Weights((0.4, 0.6), "Tmall")
#: Fig. 4, by the number of behaviors. Of Tmall it says "about"; the grids are in sixths and in tenths.
_OPTIMA = {3: _THIRDS, 2: _TWO_TO_THREE}
#: Table II, by the number of behaviors and the unit.
_TABLE_2: dict[int, dict[Unit, Weights]] = {
    3: {"gmf": _THIRDS, "mlp": _THIRDS, "neumf": _THIRDS},
    2: {"gmf": _TWO_TO_THREE, "mlp": Weights((0.5, 0.5), "Tmall"), "neumf": _TWO_TO_THREE},
}


def optimum(behaviors: int) -> Weights | None:
    """The weights with the best HR@100 in Fig. 4 for so many behaviors, almost the same for all three units.

    None where the paper looks at no such data.
    """
    return _OPTIMA.get(behaviors)


def table2(behaviors: int, unit: Unit | None = None) -> Weights | None:
    """The weights that the paper trains with, by Table II, for so many behaviors with this unit.

    Without a unit: those of every unit. None where they differ, or the paper has no such data.
    """
    by_unit = _TABLE_2.get(behaviors, {})
    found = {weights for name, weights in by_unit.items() if unit in (name, None)}
    return found.pop() if len(found) == 1 else None


@cache
def reported() -> tuple[Reported, ...]:
    """Every row, in the order of the tables."""
    with _RESULTS.open(encoding="utf-8", newline="") as file:
        return tuple(map(_reported, csv.DictReader(file)))


def _reported(row: dict[str, str]) -> Reported:
    printed = {name: float(value) for name, value in row.items() if "@" in name and value}
    wrong = {name for name in printed if (row["dataset"], row["method"], name) in _MISPRINTS}
    return Reported(
        table=row["table"],
        dataset=row["dataset"],
        method=row["method"],
        behaviors=row["data"],
        figures={name: value for name, value in printed.items() if name not in wrong},
        misprints={name: value for name, value in printed.items() if name in wrong},
    )


def find(dataset: str, method: str, behaviors: str) -> Reported | None:
    """The row of a data set, of a method and of behaviors by the paper's names; None where it has none."""
    wanted = (dataset, method, behaviors)
    return next((row for row in reported() if (row.dataset, row.method, row.behaviors) == wanted), None)


def counterpart(config: RunConfig) -> Reported | None:
    """What the paper reports of a resolved config's method on the same behaviors of the same-named data set.

    None where it reports nothing of the kind, and of the clean protocol, which it does not know.
    """
    method = _method(config)
    if config.protocol != "standard" or method is None:
        return None
    if METHODS[config.method].family == "single":
        return find(config.data, method, config.target)  # whatever else the run was given, it learned from the target
    shares = {behavior: f"{100 * share:g}%" for behavior, share in config.sample.items() if share < 1}
    return find(config.data, method, "+".join(shares.get(b, "") + b for b in config.behaviors))


def _method(config: RunConfig) -> str | None:
    """The paper's name of the method; None of a variant that is not the paper's."""
    if config.method != "nmtr":
        label = METHODS[config.method].label
        return _NAMES.get(label, label)
    if not isinstance(config.unit, str) or config.cascade != "sum" or config.embedding != "shared":
        return None
    return f"{'NMTR' if config.training == 'joint' else 'Sequential'}-{UNIT_NAMES[config.unit]}"
