"""Why an item is not among the first of a user's list: what it lacks beside the last one there, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtr.errors import ConfigError
from nmtr.evaluation.scorer import CascadeScorer
from nmtr.explain import Explanation, Fitted, recommend


@dataclass(frozen=True)
class Lack:
    """What a stage gives the item less than the other one, as it counts in the target's score; below 0: more."""

    behavior: str
    own: float
    bias: float

    @property
    def together(self) -> float:
        return self.own + self.bias


@dataclass(frozen=True)
class Shortfall:
    """How far an item is from a place among the first `first` of a user's list."""

    first: int
    item: str  # the last one among them
    title: str | None
    score: float  # its score
    lacks: float  # how much lower the score is of the item that was asked about
    stages: tuple[Lack, ...]  # they sum to `lacks`, up to rounding; empty where the method has no cascade

    def to_json(self) -> dict[str, Any]:
        title = {} if self.title is None else {"title": self.title}
        stages = [{"behavior": one.behavior, "own": one.own, "bias": one.bias} for one in self.stages]
        return {
            "first": self.first,
            "item": self.item,
            **title,
            "score": self.score,
            "lacks": self.lacks,
            "stages": stages,
        }


def why_not(fitted: Fitted, explanation: Explanation, first: int = 10) -> Shortfall | None:
    """What the explained item lacks to be among the first of its user's list; None where it is, or was bought.

    A stage counts by how much of it the target inherits (Eq. 9). Raises ConfigError for `first` < 1.
    """
    if first < 1:
        raise ConfigError(f"the number of items must be at least 1; got {first}.")
    if explanation.bought or explanation.rank < first:
        return None
    last = recommend(fitted, explanation.user, first).items[-1]
    score = last.stages[-1].logit if last.stages else last.logit
    return Shortfall(
        first, last.item, last.title, score, score - explanation.logit, _lacks(fitted, explanation, last.item)
    )


def _lacks(fitted: Fitted, explanation: Explanation, item: str) -> tuple[Lack, ...]:
    if not isinstance(fitted.scorer, CascadeScorer):
        return ()
    user = fitted.dataset.user_index(explanation.user)
    items = [fitted.dataset.item_index(label) for label in (item, explanation.item)]
    parts = fitted.scorer.stages(np.array([user, user]), np.array(items))
    # How much of each stage's logit comes through to the last one.
    through = float(parts.kept) ** np.arange(parts.own.shape[1] - 1, -1, -1)
    own, bias = (values[0].astype(np.float64) - values[1] for values in (parts.own, parts.bias))
    return tuple(
        Lack(behavior, float(f), float(b))
        for behavior, f, b in zip(fitted.config.learned, own * through, bias * through, strict=True)
    )
