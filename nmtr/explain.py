"""What a fitted model recommends to a user, and one score taken apart along the cascade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from nmtr.chances import Chance, Chances
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.split import Split
from nmtr.errors import ConfigError
from nmtr.evaluation.scorer import CascadeScorer, FloatArray, Scorer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Fitted:
    """A finished run, ready to be asked."""

    run: str
    config: RunConfig
    dataset: Dataset  # with the run's behaviors
    split: Split
    scorer: Scorer
    weights: Mapping[str, Tensor] = field(default_factory=dict)  # the scorer's, by name; empty of a rule


@dataclass(frozen=True)
class Stage:
    """One stage of the cascade for one user-item pair (Eq. 9): ``logit == inherited + own + bias``, to the last bit."""

    behavior: str
    inherited: float  # what it keeps of the logit of the stage before: all, half (mean) or none; 0 at the first
    own: float  # f^r(p_u, q_i), or half of it
    bias: float  # b_i^r
    logit: float  # log-odds where the loss is a log loss; else a score
    probability: float | None  # sigmoid of the log-odds, which is no chance: see `chance`; None for a score
    chance: Chance | None = None  # what the score says of how likely it is; None where that was not asked, or nothing
    rank: int | None = None  # the item's rank by this stage alone, from 0; None where it was not asked for

    @property
    def expected(self) -> float:
        """How much this step is expected: the probability, or the score in its place, which may leave [0, 1]."""
        return self.logit if self.probability is None else self.probability


@dataclass(frozen=True)
class Recommendation:
    """One item in a user's list."""

    item: str
    title: str | None
    rank: int  # from 0, among the items that the user has not bought
    logit: float
    stages: tuple[Stage, ...]  # lowest behavior first; empty where the method has no cascade
    held_out: bool  # whether it is the user's held-out test item
    chance: Chance | None = None  # of the target, of methods without a cascade too

    def to_json(self) -> dict[str, Any]:
        stages = [
            {
                "behavior": s.behavior,
                "own": s.own,
                "bias": s.bias,
                "logit": s.logit,
                "probability": s.probability,
                "chance": s.chance and s.chance.to_json(),
            }
            for s in self.stages
        ]
        title = {} if self.title is None else {"title": self.title}
        chance = self.chance and self.chance.to_json()
        return {
            "item": self.item,
            **title,
            "rank": self.rank,
            "logit": self.logit,
            "chance": chance,
            "stages": stages,
        }


@dataclass(frozen=True)
class Recommendations:
    """A user's top items."""

    user: str
    items: tuple[Recommendation, ...]
    candidates: int  # how many items were ranked
    held_out: Recommendation | None  # the user's held-out item with its rank, wherever it stands
    wanted: int | None = None  # how many of the candidates may be listed; None for all

    def to_json(self) -> dict[str, Any]:
        return {"user": self.user, "items": [item.to_json() for item in self.items]}


@dataclass(frozen=True)
class Lift:
    """A held-out item that one stage brings among the first of its user's list."""

    user: str
    item: str
    stage: int  # which brings it there, from 0
    before: int  # its rank by the stage before, from 0
    after: int  # its rank by this stage, from 0


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
    chance: Chance | None = None  # of the target; of an item already bought, that of another one with this score

    def to_json(self) -> dict[str, Any]:
        shown = (self.item, self.title, self.rank, self.logit, self.stages, self.held_out, self.chance)
        item = Recommendation(*shown).to_json()
        for stage, shown in zip(self.stages, item["stages"], strict=True):
            shown["rank"] = stage.rank
        return {"user": self.user, **item, "candidates": self.candidates, "bought": self.bought}


def recommend(
    fitted: Fitted, user: str, k: int, chances: Chances | None = None, among: NDArray[np.bool_] | None = None
) -> Recommendations:
    """The top k items for a user, the user's training and validation purchases left out.

    chances: the run's (`Workspace.chances`), for each item's and stage's chance beside its score. among: (N,) which
    items may be listed (`Wanted.items`); their ranks stay those of the whole list. Ties are broken by item order.
    Raises DataError for an unknown user, ConfigError for k < 1.
    """
    if k < 1:
        raise ConfigError(f"the number of items must be at least 1; got {k}.")
    row = fitted.dataset.user_index(user)
    scores, candidates = _scores(fitted, row)
    count = int(candidates.sum())
    best = np.argsort(np.where(candidates, -scores, np.inf), kind="stable")[:count]
    places = np.arange(count) if among is None else np.flatnonzero(among[best])
    wanted = None if among is None else len(places)
    best, places = best[places[:k]], places[:k]
    held_out = int(fitted.split.test_item[row])
    shown, ranks = best.tolist(), places.tolist()
    if held_out >= 0:
        shown.append(held_out)
        ranks.append(rank_of(scores, candidates, held_out))
    found = with_chances(fitted, np.full(len(shown), row), np.array(shown, np.int64), scores[shown], chances)
    items = [
        Recommendation(
            item=str(fitted.dataset.items[item]),
            title=fitted.dataset.title(item),
            rank=rank,
            logit=stages[-1].logit if stages else float(scores[item]),
            stages=stages,
            held_out=item == held_out,
            chance=chance,
        )
        for item, rank, (stages, chance) in zip(shown, ranks, found, strict=True)
    ]
    return Recommendations(user, tuple(items[: len(best)]), count, items[-1] if held_out >= 0 else None, wanted)


def explain(fitted: Fitted, user: str, item: str, chances: Chances | None = None) -> Explanation:
    """The score of one user-item pair taken apart, with the item's rank at every stage.

    chances: as `recommend` takes them. Raises DataError for an unknown user or item.
    """
    row, column = fitted.dataset.user_index(user), fitted.dataset.item_index(item)
    scores, candidates = _scores(fitted, row)
    rank = rank_of(scores, candidates, column)
    ((stages, chance),) = with_chances(fitted, np.array([row]), np.array([column]), scores[[column]], chances)
    if isinstance(fitted.scorer, CascadeScorer):
        everything = np.arange(fitted.dataset.num_items)
        lower = fitted.scorer.stages(np.full(len(everything), row), everything).logits.T[:-1]
        # The last stage ranks as the list does, whose scores are these up to rounding.
        ranks = [*(rank_of(logits, candidates, column) for logits in lower), rank]
        stages = tuple(replace(stage, rank=at) for stage, at in zip(stages, ranks, strict=True))
    return Explanation(
        user=user,
        item=item,
        title=fitted.dataset.title(column),
        rank=rank,
        candidates=int(candidates.sum()),
        logit=stages[-1].logit if stages else float(scores[column]),
        stages=stages,
        bought=not candidates[column],
        held_out=column == int(fitted.split.test_item[row]),
        chance=chance,
    )


def lifted(fitted: Fitted, ranks: NDArray[np.floating[Any]], within: int = 10, most: int = 100) -> Lift | None:
    """Of users whose held-out item is among the first `within`, the one whom a stage lifts furthest to there.

    ranks: (M,) of the held-out items in the whole list, from 0, NaN where there is none. The stage below the target's
    goes before others. Of more than `most` users so many are asked, evenly spread. None where nobody is lifted, and of
    methods without a cascade.
    """
    if not isinstance(fitted.scorer, CascadeScorer):
        return None
    near = np.flatnonzero(ranks < within)  # NaN is not
    rows = near[np.linspace(0, len(near) - 1, min(most, len(near))).astype(np.int64)]
    found = []
    for row in rows.tolist():
        label, item = str(fitted.dataset.users[row]), str(fitted.dataset.items[fitted.split.test_item[row]])
        places = [stage.rank or 0 for stage in explain(fitted, label, item).stages]
        steps = zip(places[:-1], places[1:], strict=True)
        found += [
            Lift(label, item, stage, before, after)
            for stage, (before, after) in enumerate(steps, 1)
            if after < within <= before and places[-1] < within
        ]
    favored = len(fitted.config.learned) - 2
    return max(found, key=lambda lift: (lift.stage == favored, lift.before), default=None)


def _scores(fitted: Fitted, row: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(N,) target logits, and (N,) which items are candidates: those that the user has not bought."""
    scores = fitted.scorer.score(np.array([row]))[0]
    known = fitted.split.known
    candidates = np.ones(len(scores), dtype=np.bool_)
    candidates[known.indices[known.indptr[row] : known.indptr[row + 1]]] = False
    return scores, candidates


def rank_of(scores: FloatArray, candidates: NDArray[np.bool_], item: int) -> int:
    """How many candidates stand before the item, ties in item order: its place in the list."""
    ahead = (scores > scores[item]) | ((scores == scores[item]) & (np.arange(len(scores)) < item))
    return int((ahead & candidates).sum())


def with_chances(
    fitted: Fitted, rows: NDArray[np.int64], items: NDArray[np.int64], scores: FloatArray, chances: Chances | None
) -> list[tuple[tuple[Stage, ...], Chance | None]]:
    """The stages of B pairs, and the chance that each target score says: users' rows, items and scores (B,)."""
    stages = stages_of(fitted, rows, items)
    if chances is None or len(items) == 0:
        return [(own, None) for own in stages]
    by_behavior = {fitted.config.target: scores}
    if stages[0]:
        by_behavior = {own[0].behavior: np.array([stage.logit for stage in own]) for own in zip(*stages, strict=True)}
    known = {
        behavior: np.diff(matrix.indptr)[rows]
        for behavior, matrix in zip(fitted.config.behaviors, fitted.split.train, strict=True)
    }
    said = chances.of_pairs(by_behavior, known)
    return [
        (tuple(replace(stage, chance=pair[stage.behavior]) for stage in own), pair[fitted.config.target])
        for own, pair in zip(stages, said, strict=True)
    ]


def stages_of(fitted: Fitted, rows: NDArray[np.int64], items: NDArray[np.int64]) -> list[tuple[Stage, ...]]:
    """The stages of B pairs, users' rows (B,) and items (B,); empty tuples where the method has no cascade."""
    if not isinstance(fitted.scorer, CascadeScorer) or len(items) == 0:
        return [()] * len(items)
    parts = fitted.scorer.stages(rows, items)
    return [
        tuple(_cascade(fitted.config, own, bias, parts.kept))
        for own, bias in zip(parts.own.tolist(), parts.bias.tolist(), strict=True)
    ]


def _cascade(config: RunConfig, own: Sequence[float], bias: Sequence[float], kept: float) -> Iterator[Stage]:
    """Adds one pair's parts up, in double precision, so that what is shown sums exactly."""
    inherited = 0.0
    for behavior, f, b in zip(config.learned, own, bias, strict=True):
        logit = inherited + f + b
        # Only a log loss makes log-odds; differences of scores (no loss to choose) and squared errors do not.
        probability = None if config.loss in (None, "squared") else float(expit(logit))
        yield Stage(behavior, inherited, f, b, logit, probability)
        inherited = kept * logit
