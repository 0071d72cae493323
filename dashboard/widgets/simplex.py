"""Weights that sum to 1, moved in hundredths: what is entered or locked stays, the others share the rest.

No Streamlit: the control's fields, slider and triangle all come through here. Weights are lists of floats of at least 0
that sum to 1; a preset may be finer than hundredths (thirds), whatever is edited is not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

Weights = list[float]


def rounded(weights: Sequence[float]) -> Weights:
    """The weights in hundredths that still sum to 1: .33, .33, .34 of thirds."""
    return _of_hundredths(_share(100, weights))


def entered(weights: Sequence[float], locked: Collection[int], moved: int, value: float) -> Weights:
    """The weights once `value` is entered for one; the others that are not locked keep their proportions.

    It goes no further than the locked ones leave room; where it is locked itself, or all others are, nothing moves.
    """
    others = [r for r in range(len(weights)) if r != moved and r not in locked]
    if moved in locked or not others:
        return rounded(weights)
    held = {r: round(100 * weight) for r, weight in enumerate(rounded(weights)) if r in locked}
    wanted = round(100 * min(max(value, 0.0), 1.0)) if math.isfinite(value) else 0
    held[moved] = min(wanted, 100 - sum(held.values()))
    return _filled(held, weights)


def placed(weights: Sequence[float], locked: Collection[int], wanted: Sequence[float]) -> Weights:
    """The weights once a point is put at `wanted`; locked ones stay, and with fewer than two free nothing moves."""
    if len(weights) - len(locked) < 2:
        return rounded(weights)
    return _filled({r: round(100 * weight) for r, weight in enumerate(rounded(weights)) if r in locked}, wanted)


def readable(sent: object, count: int) -> Weights | None:
    """Weights that sum to 1, of what a browser sent; None where it cannot be read so."""
    if not isinstance(sent, list) or len(sent) != count or not all(isinstance(part, int | float) for part in sent):
        return None
    positive = [max(float(part), 0.0) if math.isfinite(part) else 0.0 for part in sent]
    total = sum(positive)
    return [part / total for part in positive] if 0 < total < math.inf else None


def _filled(held: Mapping[int, int], parts: Sequence[float]) -> Weights:
    """What is held, in hundredths; the rest shared among the others by their parts."""
    others = [r for r in range(len(parts)) if r not in held]
    shares = dict(zip(others, _share(100 - sum(held.values()), [parts[r] for r in others]), strict=True))
    return _of_hundredths([{**held, **shares}[r] for r in range(len(parts))])


def _of_hundredths(counts: Sequence[int]) -> Weights:
    return [count / 100 for count in counts]


def _share(total: int, parts: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `total`, as near to the parts' proportions as can be; equal where all parts are 0.

    What rounding down leaves goes to the largest remainders, of equal ones to the last: it is the target's.
    """
    whole = sum(parts)
    exact = [total * part / whole if whole > 0 else total / len(parts) for part in parts]
    shares = [math.floor(value + 1e-9) for value in exact]  # 100 * .29 is a hair below 29
    order = sorted(range(len(parts)), key=lambda r: (round(exact[r] - shares[r], 9), r), reverse=True)
    for r in order[: total - sum(shares)]:
        shares[r] += 1
    return shares
