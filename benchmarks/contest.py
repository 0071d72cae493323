"""NMTR and RecBole on the same purchases, machine and round: the sides, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.calibration import seconds_at
from benchmarks.core import Measure, Round, Side, Target, figure
from benchmarks.peers import recbole
from benchmarks.workers import training

EMBEDDING_SIZE, _NEGATIVES = 64, 4
#: Operations of one pair through the tower 64-32-16-1, above its first layer's halves, which cost once a user and item.
TOWER = 2 * (64 * 32 + 32 * 16 + 16)

DATA = "Beibei-shaped (invented; 21,716 users x 7,977 items), protocol standard"
RECBOLE = "RecBole 1.2.1 on the purchases alone, batch 2048, its other options as it sets them"


def nmtr(name: str, *, ranked: bool = False, **options: Any) -> Side:
    """NMTR on the Beibei-shaped data, in a process of its own."""
    return training(f"NMTR {name}", "beibei-shaped", options, ranked=ranked)


NEUMF = nmtr("NeuMF sampled", unit="neumf", loss="sampled", ranked=True)
GMF = nmtr("GMF sampled", unit="gmf", loss="sampled", ranked=True)
THEIR_BPR, THEIR_NEUMF = recbole("BPR"), recbole("NeuMF")
#: What an epoch of RecBole holds, in purchases: BPR's instances are a user and two items, NeuMF's a pair and its label.
_INSTANCES = {THEIR_BPR.name: _NEGATIVES, THEIR_NEUMF.name: 1 + _NEGATIVES}


def instances_per_second(side: Side, figures: Round) -> float:
    """Of an epoch of either's."""
    own = figures[side.name]
    instances = own["positives"] * _INSTANCES[side.name] if side.name in _INSTANCES else own["instances"]
    return instances / own["seconds"]


def rates(ours: Side, theirs: Side, at_least: float) -> tuple[Measure, ...]:
    """Instances a second of both, and how many times as many ours are."""

    def rate(side: Side) -> Measure:
        return Measure(side.name, "instances/s", lambda figures: instances_per_second(side, figures))

    def ratio(figures: Round) -> float:
        return instances_per_second(ours, figures) / instances_per_second(theirs, figures)

    return rate(ours), rate(theirs), Measure("ratio", "x", ratio, Target(at_least, at_least=True))


def times(ours: Side, theirs: Side, name: str) -> tuple[Measure, ...]:
    """Seconds of both."""
    return figure(ours, name, ours.name, "s"), figure(theirs, name, theirs.name, "s")


def share(ours: Side, theirs: Side, name: str, at_most: float) -> Measure:
    """Our seconds in theirs."""
    return Measure(
        "share of its time", "x", lambda figures: figures[ours.name][name] / figures[theirs.name][name], Target(at_most)
    )


def speedup(ours: Side, theirs: Side, name: str, at_least: float) -> Measure:
    """Their seconds in ours."""
    return Measure(
        "times as fast",
        "x",
        lambda figures: figures[theirs.name][name] / figures[ours.name][name],
        Target(at_least, at_least=True),
    )


def floor(
    ours: Side,
    name: str,
    operations: Callable[[Mapping[str, float]], float],
    rate: str = "peak",
    at_most: float | None = None,
) -> tuple[Measure, ...]:
    """The least seconds for the operations on this machine, and how many times that it took."""

    def least(figures: Round) -> float:
        return seconds_at(figures, rate, operations(figures[ours.name]))

    def taken(figures: Round) -> float:
        return figures[ours.name][name] / least(figures)

    return Measure("floor", "s", least), Measure("times the floor", "x", taken, at_most and Target(at_most) or None)


def memory(*sides: Side) -> tuple[Measure, ...]:
    """The most memory that each side's process held."""
    return tuple(figure(side, "peak_mb", f"peak memory, {side.name}", "MB") for side in sides)
