"""A rising map from scores to chances, by isotonic regression on held-out pairs.

Isotonic and not Platt's two numbers: docs/chances.md says what either leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

Floats = NDArray[np.float64]

#: Held-out pairs that a group of scores must have, and groups at most.
_A_GROUP, _MOST_GROUPS = 50, 30
#: Fewer held-out pairs say too little: a chance would be off by a fifth or more anywhere.
FEWEST = 100
_Z = 1.96


@dataclass(frozen=True)
class Curve:
    """Log-odds at rising scores, with the ends of their 95 % intervals; in between they are interpolated."""

    scores: Floats
    log_odds: Floats
    low: Floats
    high: Floats


def wilson(found: NDArray[Any], pairs: NDArray[Any]) -> tuple[Floats, Floats]:
    """The 95 % interval of a share. Each user has one held-out pair, so those of a group are of different users."""
    share = found / pairs
    middle = (share + _Z**2 / (2 * pairs)) / (1 + _Z**2 / pairs)
    half = _Z / (1 + _Z**2 / pairs) * np.sqrt(share * (1 - share) / pairs + _Z**2 / (4 * pairs**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def rising(scores: Floats, pairs: Floats, found: Floats) -> Curve:
    """The curve through pairs that were counted by score.

    scores: (C,) rising; pairs, found: (C,) how many pairs have the score, and how many of them were held out. Groups of
    scores have as many held-out pairs each; neighbours that do not rise are made one, with the interval of all of them.
    A group stands at the mean score of its held-out pairs.
    """
    from scipy.optimize import isotonic_regression  # takes a third of a second, and only this needs it

    hit = np.flatnonzero(found)
    before = (np.cumsum(found) - found / 2)[hit] / found.sum()
    _, group = np.unique((before * np.clip(found.sum() // _A_GROUP, 2, _MOST_GROUPS)).astype(int), return_inverse=True)
    # Scores that no held-out pair has go with the next higher one that some have.
    of = group[np.minimum(np.searchsorted(hit, np.arange(len(found))), len(hit) - 1)]
    n, hits = np.bincount(of, pairs), np.bincount(of, found)
    at = np.bincount(of, scores * found) / hits
    blocks = isotonic_regression(hits / n, weights=n).blocks
    n, hits = np.add.reduceat(n, blocks[:-1]), np.add.reduceat(hits, blocks[:-1])
    low, high = wilson(hits, n)
    spread = np.repeat(np.arange(len(n)), np.diff(blocks))
    shares = (values[spread] for values in (hits / n, low, high))
    return Curve(at, *(logit(np.clip(share, 1e-12, 1 - 1e-12)) for share in shares))
