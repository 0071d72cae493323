"""How likely a shopper is among those who did something, by the run's score; where scores say it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.data.split import Split
from nmtr.evaluation.scorer import FloatArray, IndexArray

#: probability(stage, out, users): the chance of each pair from its logits out (B, ...) under a stage, 0 the lowest that
#: is learned, for users (B,): as many numbers, or None where that stage's scores are no chances. It may change `out`.
Probability = Callable[[int, FloatArray, IndexArray], FloatArray | None]


def chance_of_learning(config: RunConfig, split: Split) -> Probability:
    """The chance that a pair stands in training, as a log loss learned it.

    Eq. 12 weighs each pair that user u left unobserved by w = ρ n_u / (N - n_u), n_u the items that u did observe, so
    it is lowest where the odds of a pair are w exp(out), not exp(out). Added up over shoppers, that is how many the run
    expects: of the pairs that it learned from, which is why these are what it is compared with.
    """
    num_items = split.train[-1].shape[1]
    counts = np.stack([np.diff(matrix.indptr) for matrix in split.train[-len(config.learned) :]])  # (R, M)
    with np.errstate(divide="ignore"):
        against = ((num_items - counts) / (config.negatives * counts)).astype(np.float32)  # 1 / w, (R, M)

    def probability(stage: int, out: FloatArray, users: IndexArray) -> FloatArray | None:
        if no_chance(config, stage):
            return None
        own = against[stage][users].reshape(-1, *[1] * (out.ndim - 1))
        with np.errstate(over="ignore", invalid="ignore"):  # exp(-out) may be infinite: the chance is 0
            np.negative(out, out=out)
            np.exp(out, out=out)
            out *= own
        out += 1
        np.reciprocal(out, out=out)
        observed = counts[stage][users]
        out[observed == 0], out[observed == num_items] = 0, 1  # also where out was infinite
        return out

    return probability


def no_chance(config: RunConfig, stage: int) -> str | None:
    """Why a stage's scores are no chances, in one sentence; None where they are."""
    so = "so how many shoppers to expect cannot be said."
    method, behavior = METHODS[config.method], config.learned[stage]
    if not config.uses("epochs"):
        return f"A rule's scores are counts and no chances, {so}"
    if method.pairwise:
        return f"Scores learned from differences of pairs are no chances, {so}"
    if config.loss == "squared" or method.file != "cascade":
        return f"Scores learned by the squared error are no chances, {so}"
    if config.training == "sequential" and behavior != config.target:
        return f"The scores of {behavior} moved when later behaviors were trained and are no chances any more, {so}"
    if config.uses("lambdas") and config.lambdas and config.lambdas[stage] == 0:
        return f"The weight λ of {behavior} is 0, which leaves its scores no chances, {so}"
    return None
