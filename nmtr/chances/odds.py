"""From what a log loss fits to what the data support: the weight of unobserved pairs taken back (docs/chances.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS

Values = NDArray[Any]  # float32 or float64
Counts = NDArray[np.integer[Any]]


def next_log_odds(out: Values, known: Counts, num_items: int, negatives: int) -> Values:
    """The log-odds that the next pair of a user is this one: ln(ρ / (N - n)) + out.

    out: logits of a log loss, of any shape; known: n, how many pairs each user has in training, broadcast to them.
    """
    offset = np.log(negatives) - np.log(np.maximum(num_items - known, 1))
    result: Values = out + offset.astype(out.dtype)
    return result


def in_training(out: Values, known: Counts, num_items: int, negatives: int) -> Values:
    """The chance that a pair stands in training: odds w exp(out), w = ρ n / (N - n): the `window` of the next one.

    out: (B, ...) logits of a log loss; they are overwritten, since this is where all items take their time. known: (B,)
    how many pairs each user has in training. 0 of users who have none, 1 of those who have all.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # exp(-out) may be infinite: the chance is 0
        against = ((num_items - known) / (negatives * known)).astype(out.dtype)  # 1 / w
        np.negative(out, out=out)
        np.exp(out, out=out)
        out *= against.reshape(-1, *[1] * (out.ndim - 1))
    out += 1
    np.reciprocal(out, out=out)
    out[known == 0], out[known == num_items] = 0, 1  # also where out was infinite
    return out


def no_log_odds(config: RunConfig, behavior: str) -> str | None:
    """Why a behavior's scores are no log-odds, not even up to the correction, as a clause; None where they are."""
    method = METHODS[config.method]
    if config.loss == "squared" or method.pairwise or not method.has_units:
        how = " with the squared loss" if config.loss == "squared" else ""
        return f"{config.label}{how} gives scores, not chances"
    if config.training == "sequential" and behavior != config.target:
        return f"The scores of {behavior} moved after they were learned, when the behaviors above were trained"
    if config.uses("lambdas") and config.lambdas and config.lambdas[config.behaviors.index(behavior)] == 0:
        return f"The weight λ of {behavior} is 0: its scores were fitted to nothing"
    return None


def window(chance: Values, known: Counts) -> Values:
    """The chance that the pair is one of as many as the user has in training, n: its odds are n times the next one's.

    NaN of users who have none: there is no such window.
    """
    count = np.where(known > 0, known, 1)
    result: Values = np.where(known > 0, count * chance / (1 + (count - 1) * chance), np.nan)
    return result
