"""Grids of the loss weights λ, for the paper's Fig. 4 and for studies."""

from __future__ import annotations

from itertools import combinations


def grid(behaviors: int, parts: int) -> tuple[tuple[float, ...], ...]:
    """Every λ of so many behaviors in multiples of 1 / parts that sum to 1, zeros included.

    The first weight rises first to last; there are C(parts + R - 1, R - 1).
    """
    # Stars and bars: where the bars stand among the stars says how many parts each weight has.
    places = combinations(range(parts + behaviors - 1), behaviors - 1)
    bars = ((-1, *bar, parts + behaviors - 1) for bar in places)
    return tuple(tuple((b - a - 1) / parts for a, b in zip(bar, bar[1:], strict=False)) for bar in bars)
