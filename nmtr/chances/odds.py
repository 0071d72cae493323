"""From what a log loss fits to what the data support: the weight of unobserved pairs taken back (docs/chances.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]  # float32 or float64
Counts = NDArray[np.integer[Any]]


def next_log_odds(out: Values, known: Counts, num_items: int, negatives: int) -> Values:
    """The log-odds that the next pair of a user is this one: ln(ρ / (N - n)) + out.

    out: logits of a log loss, of any shape; known: n, how many pairs each user has in training, broadcast to them.
    """
    offset = np.log(negatives) - np.log(np.maximum(num_items - known, 1))
    result: Values = out + offset.astype(out.dtype)
    return result


def window(chance: Values, known: Counts) -> Values:
    """The chance that the pair is one of as many as the user has in training, n: its odds are n times the next one's.

    NaN of users who have none: there is no such window.
    """
    count = np.where(known > 0, known, 1)
    result: Values = np.where(known > 0, count * chance / (1 + (count - 1) * chance), np.nan)
    return result
