"""How each behavior looks, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cue:
    """How one behavior looks everywhere: a color, and a second cue for people who cannot distinguish colors."""

    color: str
    edge: str  # a darker shade: gives the light colors 3:1 on paper white
    symbol: str
    dash: str
    glyph: str


_TARGET = Cue("#009E73", "#00694D", "diamond", "solid", "◆")
_LOWER = (
    Cue("#56B4E9", "#1F7FB8", "circle", "dot", "●"),
    Cue("#E69F00", "#9C6B00", "square", "dash", "■"),
    Cue("#CC79A7", "#9B4A78", "triangle-up", "dashdot", "▲"),
    Cue("#0072B2", "#00517F", "pentagon", "longdash", "⬟"),
)
Cues = Mapping[str, Cue]


def cues(behaviors: Sequence[str]) -> dict[str, Cue]:
    """The cue of each behavior of a data set, lowest first; a run with fewer behaviors keeps its data set's."""
    lower = {behavior: _LOWER[i % len(_LOWER)] for i, behavior in enumerate(behaviors[:-1])}
    return {**lower, behaviors[-1]: _TARGET}
