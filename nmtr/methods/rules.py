"""Rules that learn nothing."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.evaluation.scorer import Scorer
from nmtr.models.rules import LastBehavior, Popularity


def rule(config: RunConfig, train: Sequence[csr_array]) -> LastBehavior | Popularity:
    return LastBehavior(train) if config.method == "last-behavior" else Popularity(train)


def shopper(config: RunConfig, train: Sequence[csr_array], history: Sequence[csr_array]) -> Scorer:
    """The buyers of each item stay those that were counted."""
    return rule(config, train).of(history)
