"""Whether two methods differ by more than chance: paired tests over the same users, and bootstrap intervals.

Everything is two-sided, and everything has a defined outcome where there is little to go by: nothing differs -> p = 1;
nothing to judge by (no users; for the t-test one user, or the same difference for all) -> no p, None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]

#: Resamples of a bootstrap; the ends of a 95 % interval then vary by 4 % of its half width.
DRAWS = 1000
#: Users drawn in all the resamples together, at most (of a million users 200 resamples are drawn, which take seconds)…
_MOST_DRAWN = 200_000_000
_FEWEST_DRAWS = 200
#: … and at once: 32 MB of indices.
_BLOCK_DRAWN = 1 << 22
#: Means over three seeds come in thirds: differences are the same, or nothing, up to this.
_DIGITS = 12


def paired_t(differences: Values) -> float | None:
    """p of the paired t-test: the differences (n,) have mean 0; None where they have no variance to judge by."""
    differences = differences.round(_DIGITS)
    if len(differences) and not differences.any():
        return 1.0
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    count = len(differences)
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(count))
    return float(2 * special.stdtr(count - 1, -abs(t)))


def wilcoxon(differences: Values) -> float | None:
    """p of the Wilcoxon signed-rank test: the differences (n,) lie around 0; those that are 0 are left out."""
    from scipy import stats  # takes half a second, and only this needs it

    differences = differences.round(_DIGITS)
    if not len(differences):
        return None
    differing = differences[differences != 0]
    return float(stats.wilcoxon(differing).pvalue) if len(differing) else 1.0


def mcnemar(first: Values, second: Values) -> float | None:
    """p of McNemar's test: of the users whom one of two methods hits (n,), each hits half; hits are 0 or 1.

    Always by the exact binomial distribution, which costs no more than its approximation by chi squared.
    """
    if not len(first):
        return None
    only_first, only_second = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    p = 2 * special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)
    return min(1.0, float(p))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p values of a family of tests, corrected by Holm's step-down method; a test without p is not one of them."""
    corrected: list[float | None] = [None] * len(ps)
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    least = 0.0
    for smaller, (p, place) in enumerate(known):
        least = max(least, min(1.0, (len(known) - smaller) * p))
        corrected[place] = least
    return corrected


def bootstrap(values: Values, seed: int = 0) -> Values:
    """How far each column's mean over users is from its own in resamples of the users: (draws, C).

    values (n, C): the columns are resampled together, so the difference of two columns of the result is how far the
    paired difference of their means is from its own; `ends` makes intervals of either. NaN where there are fewer than
    two users, whose resamples say nothing. Drawn block by block: beside the values in float32, a few ten MB are held.
    """
    count, columns = values.shape
    if count < 2:
        return np.full((1, columns), np.nan)
    deviations = (values - values.mean(axis=0)).astype(np.float32)
    random = np.random.default_rng(seed)
    draws = max(_FEWEST_DRAWS, min(DRAWS, _MOST_DRAWN // count))
    size = max(1, _BLOCK_DRAWN // count)
    apart = np.empty((draws, columns))
    for start in range(0, draws, size):
        block = apart[start : start + size]
        drawn = random.integers(count, size=(len(block), count)) + count * np.arange(len(block))[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * len(block)).reshape(len(block), count)
        block[:] = times.astype(np.float32) @ deviations / count
    return apart


def ends(apart: Values) -> tuple[Values, Values]:
    """The low and the high end of the 95 % percentile interval, as distances from the mean; over the first axis."""
    low, high = np.percentile(apart, [2.5, 97.5], axis=0)
    return low, high
