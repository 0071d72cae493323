"""How each run of a comparison looks, the same in all of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.charts.base import REFERENCE, blend


@dataclass(frozen=True)
class Look:
    """A color from blue-grey to violet, and a symbol and a dash for people who cannot distinguish those."""

    color: str
    symbol: str
    dash: str


_FIRST, _LAST = "#3F7CB8", "#A355C9"  # 3:1 and more on light and on dark paper, and all between
_SYMBOLS = ("circle", "diamond", "triangle-up", "star", "pentagon", "triangle-down", "hexagon", "cross", "x", "bowtie")
_DASHES = ("solid", "dash", "dashdot", "longdash")
#: Of kinds of items, which have no order: ColorBrewer's Dark2, without its green, which is the target's.
_KINDS = ("#D95F02", "#7570B3", "#E7298A", "#66A61E", "#B8860B", "#3A86C8", "#A6761D")
_REFERENCE = Look(REFERENCE, "square", "dot")


def looks(names: Sequence[str], reference: str) -> dict[str, Look]:
    """The look of each name; what the others, if there are any, are compared with is a grey square."""
    others = [name for name in names if name != reference or len(names) == 1]
    found = {reference: _REFERENCE} if len(names) > 1 else {}
    for place, name in enumerate(others):
        share = place / max(1, len(others) - 1)
        found[name] = Look(blend(_FIRST, _LAST, share), _SYMBOLS[place % len(_SYMBOLS)], _DASHES[place % len(_DASHES)])
    return found


def kinds(count: int, ordered: bool = False) -> list[Look]:
    """The looks of some kinds of things, by color and by symbol; from light to dark where they have an order."""
    colors = [
        blend("#E0A030", "#7B2D8B", place / max(1, count - 1)) if ordered else _KINDS[place % len(_KINDS)]
        for place in range(count)
    ]
    return [Look(color, _SYMBOLS[place % len(_SYMBOLS)], "solid") for place, color in enumerate(colors)]
