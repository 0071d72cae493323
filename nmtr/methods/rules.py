"""Rules that learn nothing."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.evaluation.scorer import Scorer
from nmtr.models.rules import LastBehavior, Popularity


def rule(config: RunConfig, train: Sequence[csr_array]) -> Scorer:
    return LastBehavior(train) if config.method == "last-behavior" else Popularity(train)
