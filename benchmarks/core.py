"""Cases: what is measured of which sides, and what is to be reached; sides take turns, round after round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nmtr.errors import NmtrError

#: What one side measured in one round, by name: seconds, counts, megabytes.
Figures = dict[str, float]
#: Of one round: side -> its figures.
Round = Mapping[str, Figures]


@dataclass(frozen=True)
class Side:
    """One contestant. Cases that name the same side share its figures, so it is measured once a round."""

    name: str
    measure: Callable[[], Figures]


@dataclass(frozen=True)
class Target:
    """What a measure has to reach."""

    limit: float
    at_least: bool = False  # else at most

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Measure:
    """One number of a case, worked out of each round; its median over the rounds is what counts."""

    label: str
    unit: str
    of: Callable[[Round], float]
    target: Target | None = None
    column: str = ""  # where measures of one label stand side by side


def figure(side: Side, name: str, label: str, unit: str, target: Target | None = None) -> Measure:
    """One of a side's figures as it is."""
    return Measure(label, unit, lambda figures: figures[side.name][name], target)


@dataclass(frozen=True)
class Case:
    """One benchmark."""

    name: str
    title: str
    setup: str  # data set, protocol and what exactly is timed, in words
    sides: tuple[Side, ...]
    measures: tuple[Measure, ...]
    most_rounds: int | None = None  # where a round takes minutes


@dataclass(frozen=True)
class Measured:
    """What the sides of some cases gave."""

    rounds: tuple[Round, ...]
    failed: Mapping[str, str]  # side -> why it gave nothing

    def of(self, case: Case) -> list[Round]:
        """The case's rounds, with its sides only."""
        return [
            {side.name: figures[side.name] for side in case.sides}
            for figures in self.rounds
            if all(side.name in figures for side in case.sides)
        ]

    def reason(self, case: Case) -> str | None:
        """Why the case has no result; None where it has."""
        return next((self.failed[side.name] for side in case.sides if side.name in self.failed), None)


def measure(cases: Sequence[Case], rounds: int, say: Callable[[str], None]) -> Measured:
    """Runs every side of the cases once a round, in turns.

    A side that raises NmtrError is left out from then on, and with it the cases that name it.
    """
    sides = {side.name: side for case in cases for side in case.sides}
    needed = {name: max(_rounds(case, rounds) for case in cases if _names(case, name)) for name in sides}
    failed: dict[str, str] = {}
    measured: list[Round] = []
    for number in range(max(needed.values())):
        figures: dict[str, Figures] = {}
        for name, side in sides.items():
            if name in failed or number >= needed[name]:
                continue
            say(f"round {number + 1}: {name}")
            try:
                figures[name] = side.measure()
            except NmtrError as error:
                failed[name] = str(error)
        measured.append(figures)
    return Measured(tuple(measured), failed)


def _rounds(case: Case, rounds: int) -> int:
    return min(rounds, case.most_rounds or rounds)


def _names(case: Case, side: str) -> bool:
    return any(own.name == side for own in case.sides)
