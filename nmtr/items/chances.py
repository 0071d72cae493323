"""How likely a shopper is among those who did something, by the run's score; where scores say it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmtr.chances.odds import in_training, no_log_odds
from nmtr.config import RunConfig
from nmtr.data.split import Split
from nmtr.evaluation.scorer import FloatArray, IndexArray

#: probability(stage, out, users): the chance of each pair from its logits out (B, ...) under a stage, 0 the lowest that
#: is learned, for users (B,): as many numbers, or None where that stage's scores are no chances. It may change `out`.
Probability = Callable[[int, FloatArray, IndexArray], FloatArray | None]


def chance_of_learning(config: RunConfig, split: Split) -> Probability:
    """The chance that a pair stands in training, as a log loss learned it.

    Added up over shoppers, that is how many the run expects: of the pairs that it learned from, which is why these are
    what it is compared with.
    """
    num_items = split.train[-1].shape[1]
    counts = [np.diff(matrix.indptr) for matrix in split.train[-len(config.learned) :]]  # R of (M,)
    chances = [no_log_odds(config, behavior) is None for behavior in config.learned]

    def probability(stage: int, out: FloatArray, users: IndexArray) -> FloatArray | None:
        if not chances[stage]:
            return None
        return in_training(out, counts[stage][users], num_items, config.negatives)

    return probability


def nobody_expected(config: RunConfig, stage: int) -> str | None:
    """Why nothing is expected under a stage, in one sentence; None where its scores are chances."""
    why = no_log_odds(config, config.learned[stage])
    return f"{why}, so how many shoppers to expect cannot be said." if why else None
