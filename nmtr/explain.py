"""What a fitted model recommends to a user, and one score taken apart along the cascade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.split import Split
from nmtr.errors import ConfigError
from nmtr.evaluation.scorer import CascadeScorer, FloatArray, Scorer


@dataclass(frozen=True, eq=False)
class Fitted:
    """A finished run, ready to be asked."""

    run: str
    config: RunConfig
    dataset: Dataset  # with the run's behaviors
    split: Split
    scorer: Scorer


@dataclass(frozen=True)
class Stage:
    """One stage of the cascade for one user-item pair (Eq. 9): ``logit = inherited + own + bias``."""

    behavior: str
    inherited: float  # the logit of the stage before; 0 at the first
    own: float  # f^r(p_u, q_i)
    bias: float  # b_i^r
    logit: float
    probability: float  # sigmoid of the logit
    rank: int | None = None  # the item's rank by this stage alone, from 0; None where it was not asked for


@dataclass(frozen=True)
class Recommendation:
    """One item in a user's list."""

    item: str
    title: str | None
    rank: int  # from 0, among the items that the user has not bought
    logit: float
    stages: tuple[Stage, ...]  # lowest behavior first; empty where the method has no cascade
    held_out: bool  # whether it is the user's held-out test item

    def to_json(self) -> dict[str, Any]:
        stages = [
            {
                "behavior": s.behavior,
                "own": s.own,
                "bias": s.bias,
                "logit": s.logit,
                "probability": s.probability,
            }
            for s in self.stages
        ]
        title = {} if self.title is None else {"title": self.title}
        return {"item": self.item, **title, "rank": self.rank, "logit": self.logit, "stages": stages}


@dataclass(frozen=True)
class Recommendations:
    """A user's top items."""

    user: str
    items: tuple[Recommendation, ...]
    candidates: int  # how many items were ranked
    held_out: Recommendation | None  # the user's held-out item with its rank, wherever it stands

    def to_json(self) -> dict[str, Any]:
        return {"user": self.user, "items": [item.to_json() for item in self.items]}


@dataclass(frozen=True)
class Explanation:
    """One user-item score taken apart."""

    user: str
    item: str
    title: str | None
    rank: int  # from 0, as in the user's list; of an item already bought: where it would stand
    candidates: int
    logit: float
    stages: tuple[Stage, ...]  # each with the item's rank at that stage
    bought: bool  # the user bought it in training, so it is not recommended
    held_out: bool

    def to_json(self) -> dict[str, Any]:
        item = Recommendation(self.item, self.title, self.rank, self.logit, self.stages, self.held_out).to_json()
        for stage, shown in zip(self.stages, item["stages"], strict=True):
            shown["rank"] = stage.rank
        return {"user": self.user, **item, "candidates": self.candidates, "bought": self.bought}


def recommend(fitted: Fitted, user: str, k: int) -> Recommendations:
    """The top k items for a user, the user's training and validation purchases left out.

    Ties are broken by item order. Raises DataError for an unknown user, ConfigError for k < 1.
    """
    if k < 1:
        raise ConfigError(f"the number of items must be at least 1; got {k}.")
    row = fitted.dataset.user_index(user)
    scores, candidates = _candidate_scores(fitted, row)
    count = int(candidates.sum())
    k = min(k, count)
    top = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    top = top[np.lexsort((top, -scores[top]))][:k]
    held_out = int(fitted.split.test_item[row])
    shown = np.append(top, held_out) if held_out >= 0 else top
    stages = _stages(fitted, row, shown)
    ranks = [*range(k)]
    if held_out >= 0:
        ranks.append(_rank(scores, candidates, held_out))
    items = [
        Recommendation(
            item=str(fitted.dataset.items[item]),
            title=fitted.dataset.title(item),
            rank=rank,
            logit=float(scores[item]),
            stages=item_stages,
            held_out=item == held_out,
        )
        for item, rank, item_stages in zip(shown.tolist(), ranks, stages, strict=True)
    ]
    return Recommendations(user, tuple(items[:k]), count, items[k] if held_out >= 0 else None)


def explain(fitted: Fitted, user: str, item: str) -> Explanation:
    """The score of one user-item pair taken apart, with the item's rank at every stage.

    Raises DataError for an unknown user or item.
    """
    row, column = fitted.dataset.user_index(user), fitted.dataset.item_index(item)
    scores, candidates = _candidate_scores(fitted, row)
    bought = not candidates[column]
    ranks: list[int | None] = []
    if isinstance(fitted.scorer, CascadeScorer):
        everything = np.arange(fitted.dataset.num_items)
        logits = fitted.scorer.stages(np.full(len(everything), row), everything).logits
        scores[column] = logits[column, -1]
        ranks = [_rank(stage, candidates, column) for stage in logits.T]
    else:
        scores[column] = fitted.scorer.score(np.array([row]))[0, column]
    return Explanation(
        user=user,
        item=item,
        title=fitted.dataset.title(column),
        rank=_rank(scores, candidates, column),
        candidates=int(candidates.sum()),
        logit=float(scores[column]),
        stages=_stages(fitted, row, np.array([column]), ranks)[0],
        bought=bought,
        held_out=column == int(fitted.split.test_item[row]),
    )


def _candidate_scores(fitted: Fitted, row: int) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """(N,) target logits, -inf where bought, and (N,) which items are candidates: those that are not."""
    scores = fitted.scorer.score(np.array([row]))[0]
    candidates = np.ones(len(scores), dtype=np.bool_)
    known = fitted.split.known
    candidates[known.indices[known.indptr[row] : known.indptr[row + 1]]] = False
    scores[~candidates] = -np.inf
    return scores, candidates


def _rank(scores: FloatArray, candidates: np.ndarray[tuple[int], np.dtype[np.bool_]], item: int) -> int:
    """How many candidates stand before the item, ties in item order: its place in the list."""
    ahead = (scores > scores[item]) | ((scores == scores[item]) & (np.arange(len(scores)) < item))
    return int((ahead & candidates).sum())


def _stages(
    fitted: Fitted,
    row: int,
    items: np.ndarray[tuple[int], np.dtype[np.integer]],
    ranks: list[int | None] | None = None,
) -> list[tuple[Stage, ...]]:
    """The stages of each item; empty tuples where the method has no cascade."""
    if not isinstance(fitted.scorer, CascadeScorer) or len(items) == 0:
        return [()] * len(items)
    parts = fitted.scorer.stages(np.full(len(items), row), items)
    inherited = parts.logits - parts.own - parts.bias
    probability = 1 / (1 + np.exp(-parts.logits.astype(np.float64)))
    behaviors = fitted.dataset.behaviors
    return [
        tuple(
            Stage(
                behavior=behavior,
                inherited=0.0 if r == 0 else float(inherited[b, r]),
                own=float(parts.own[b, r]),
                bias=float(parts.bias[b, r]),
                logit=float(parts.logits[b, r]),
                probability=float(probability[b, r]),
                rank=ranks[r] if ranks else None,
            )
            for r, behavior in enumerate(behaviors)
        )
        for b in range(len(items))
    ]
