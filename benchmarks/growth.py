"""How time and memory grow with the data set, and what a million users take."""

from __future__ import annotations

from pathlib import Path

from benchmarks.calibration import CALIBRATION, seconds_at
from benchmarks.child import call
from benchmarks.core import Case, Figures, Measure, Round, Side, Target, figure
from benchmarks.data import LIBRARY, SHAPES, ensure
from benchmarks.workers import training
from nmtr.config import RunConfig
from nmtr.data.library import Library
from nmtr.errors import CapacityError
from nmtr.estimate import check_capacity

_GROWN = [name for name in SHAPES if name.startswith("grown")]
_EMBEDDING_SIZE = 64


def refusal(data: str, folder: str = str(LIBRARY)) -> Figures:
    """Whether the exact loss is refused there, and whether the sentence names the minutes and the squared loss."""
    info = Library(Path(folder)).info(data)
    try:
        check_capacity(RunConfig.parse({"data": data, "loss": "exact"}).resolve(info.behaviors), info)
    except CapacityError as error:
        return {"refused": 1, "told": float("minutes" in str(error) and "squared" in str(error))}
    return {"refused": 0, "told": 0}


def _refusal() -> Figures:
    call(ensure, name="million")
    return call(refusal, data="million")


def beyond_linear(sides: list[Side], work: str, figures: Round) -> float:
    """The most seconds a unit of work among the larger sizes, in those of the smallest."""
    first, *larger = (figures[side.name]["seconds"] / figures[side.name][work] for side in sides)
    return max(own / first for own in larger)


def beyond_estimate(sides: list[Side], figures: Round) -> float:
    """The most memory of any size in what NMTR had estimated for it: tables, pairs and one block."""
    return max(figures[side.name]["trained_mb"] / figures[side.name]["estimated_mb"] for side in sides)


def _growth(loss: str, work: str, words: str) -> Case:
    """loss: the loss, or als for the squared one by least squares."""
    epochs = 1 if loss == "exact" else 2  # the largest takes minutes, beside which warming up is nothing
    sides = [training(f"{loss} {name}", name, _options(loss), epochs=epochs) for name in _GROWN]
    return Case(
        f"growth-{loss}",
        f"Growth of an epoch, NMTR-GMF, {'least squares' if loss == 'als' else f'{loss} loss'}",
        "Invented, cart + buy, 25,000 to 200,000 users x 10,000 to 80,000 items, 41 interactions a user. Beyond "
        f"linear: the most seconds for {words}, in those at the smallest size. Memory: the most of any size in what "
        "NMTR estimates for it before the start (tables, pairs, one block).",
        tuple(sides),
        (
            *(
                figure(side, "seconds", f"{SHAPES[name]['users']:,} users", "s")
                for side, name in zip(sides, _GROWN, strict=True)
            ),
            Measure("beyond linear", "x", lambda figures: beyond_linear(sides, work, figures), Target(1.2)),
            figure(sides[-1], "trained_mb", "peak memory, largest", "MB"),
            Measure("memory in its estimate", "x", lambda figures: beyond_estimate(sides, figures), Target(1.0)),
        ),
    )


def _options(loss: str) -> dict[str, str]:
    return {"unit": "gmf", **({"solver": loss} if loss == "als" else {"loss": loss})}


SAMPLED, SQUARED, SOLVED = (
    training(f"million {loss}", "million", _options(loss), epochs=1) for loss in ("sampled", "squared", "als")
)
REFUSED = Side("million exact", _refusal)


def _floor(figures: Round) -> float:
    """Each instance reads two vectors, forward and backward; nothing of their updates is counted."""
    return seconds_at(figures, "bandwidth", 2 * 2 * 4 * _EMBEDDING_SIZE * figures[SAMPLED.name]["instances"])


CASES = (
    _growth("sampled", "instances", "an interaction"),
    _growth("exact", "terms", "a user-item pair (M N)"),
    _growth("squared", "size", "one of users + items + interactions (M + N + interactions)"),
    _growth("als", "size", "one of users + items + interactions (M + N + interactions)"),
    Case(
        "million-users",
        "A million users",
        "Invented, cart + buy, 1,000,000 users x 200,000 items, 50 M interactions; NMTR-GMF, one epoch in one process "
        "each. Floor of the sampled epoch: reading two vectors an instance, forward and backward, at the rate of a "
        "copy.",
        (CALIBRATION, SAMPLED, SQUARED, SOLVED, REFUSED),
        (
            figure(SAMPLED, "seconds", "sampled epoch", "s"),
            Measure("floor, sampled", "s", _floor),
            figure(SAMPLED, "trained_mb", "sampled, peak memory", "MB", Target(8192)),
            figure(SQUARED, "seconds", "squared epoch", "s", Target(180)),
            figure(SQUARED, "trained_mb", "squared, peak memory", "MB", Target(8192)),
            figure(SOLVED, "seconds", "sweep of least squares", "s", Target(90)),
            figure(SOLVED, "trained_mb", "least squares, peak memory", "MB", Target(8192)),
            figure(REFUSED, "refused", "exact is refused (1: yes)", "", Target(1, at_least=True)),
            figure(REFUSED, "told", "the refusal tells minutes and alternative (1: yes)", "", Target(1, at_least=True)),
        ),
        most_rounds=1,
    ),
)
