"""How each run of a comparison looks, the same in all of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.charts.base import REFERENCE


@dataclass(frozen=True)
class Look:
    """A color from blue-grey to violet, and a symbol and a dash for who cannot tell those apart."""

    color: str
    symbol: str
    dash: str


_FIRST, _LAST = (0x5F, 0x82, 0x9C), (0x9A, 0x5F, 0xC4)  # 3:1 and more on light and on dark paper, and all between
_SYMBOLS = ("circle", "diamond", "triangle-up", "star", "pentagon", "triangle-down", "hexagon", "cross", "x", "bowtie")
_DASHES = ("solid", "dash", "dashdot", "longdash")
_REFERENCE = Look(REFERENCE, "square", "dot")


def looks(names: Sequence[str], reference: str) -> dict[str, Look]:
    """The look of each name; what the others are held against is a grey square."""
    others = [name for name in names if name != reference]
    found = {reference: _REFERENCE}
    for place, name in enumerate(others):
        share = place / max(1, len(others) - 1)
        mixed = (round(first + share * (last - first)) for first, last in zip(_FIRST, _LAST, strict=True))
        color = "#" + "".join(f"{part:02X}" for part in mixed)
        found[name] = Look(color, _SYMBOLS[place % len(_SYMBOLS)], _DASHES[place % len(_DASHES)])
    return found
