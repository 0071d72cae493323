"""One item of a run: its scores over all shoppers, its funnel, who may buy it next, and what is like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.chances import Chance, Chances
from nmtr.errors import ConfigError
from nmtr.evaluation.scorer import FloatArray, ItemVectors, PairScorer, StageScorer
from nmtr.explain import Fitted, Stage, with_chances
from nmtr.items.chances import Probability, chance_of_learning
from nmtr.items.stuck import Stuck, stuck
from nmtr.items.table import Items

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 40
#: Pairs scored at once.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Spread:
    """The score of one stage over all shoppers."""

    behavior: str
    bias: float | None  # b_i^r; None where the method has no stages
    mean: float
    quantiles: tuple[float, ...]  # at QUANTILES
    histogram: tuple[int, ...]  # shoppers in each bin; the bins are the item's `edges`


@dataclass(frozen=True)
class Step:
    """One behavior in the item's funnel; counts are of the pairs that the run learned from."""

    behavior: str
    observed: int  # shoppers who did it
    fewer: float  # share of the other items with fewer
    expected: float | None  # how many the run expects; None where scores are no chances, or the behavior has no stage
    also: int | None  # of those, how many did the behavior before, too; None of the first
    conversion: float | None  # observed, for each who did the behavior before; None of the first, or where nobody did
    expected_conversion: float | None  # the same of the expected numbers


@dataclass(frozen=True)
class Shopper:
    """Someone who has not bought the item."""

    user: str
    score: float
    stages: tuple[Stage, ...]  # lowest behavior first; empty where the method has no cascade
    held_out: bool  # whether the item is their held-out test purchase
    chance: Chance | None  # that the item is their next one; None where the score says none, or that was not asked


@dataclass(frozen=True)
class Neighbor:
    """An item near by in the embedding."""

    item: str
    title: str | None
    similarity: float  # cosine
    scores: tuple[float, ...]  # mean stage scores, lowest behavior first
    parts_at: str | None  # the stage that adds the most to one of the two beyond the other; None of a single stage
    difference: float | None  # what it adds to the neighbor beyond what it adds to the item


@dataclass(frozen=True, eq=False)
class Item:
    """What a run says of one item, over all M shoppers."""

    run: str
    item: str
    title: str | None
    place: int  # by mean target score, from 1
    items: int  # among how many
    edges: tuple[float, ...]  # of the histograms' bins, for all stages the same
    scores: FloatArray  # (M, S) each shopper's stage scores
    spread: tuple[Spread, ...]  # S, lowest behavior first
    funnel: tuple[Step, ...]  # R, lowest behavior first
    stuck: Stuck | None  # None of a method without stages to compare
    shoppers: tuple[Shopper, ...]  # the likeliest to buy it next, the first first
    neighbors: tuple[Neighbor, ...]  # the nearest first; none of a method without an embedding
    notes: tuple[str, ...]  # what is missing, and why

    def to_json(self) -> dict[str, Any]:
        """All but each shopper's scores."""
        plain = ("run", "item", "title", "place", "items", "edges")
        lists = {name: [asdict(part) for part in getattr(self, name)] for name in ("spread", "funnel")}
        return {
            **{name: getattr(self, name) for name in plain},
            "quantiles": [*QUANTILES],
            **lists,
            "stuck": self.stuck and asdict(self.stuck),
            "shoppers": [asdict(shopper) for shopper in self.shoppers],
            "neighbors": [asdict(neighbor) for neighbor in self.neighbors],
            "notes": [*self.notes],
        }


def one_item(
    fitted: Fitted,
    items: Items,
    item: str,
    k: int = 10,
    probability: Probability | None = None,
    chances: Chances | None = None,
) -> Item:
    """What a run says of one item, with k shoppers and k neighbors.

    items: what `all_items` gave. Its place, its neighbors' mean scores and where it gets stuck are told from
    that, so over the shoppers that were drawn there; all else is over all shoppers. `probability` as there; chances:
    the run's (`Workspace.chances`), for each shopper's chance. Raises DataError for an unknown item, ConfigError for
    k < 1.
    """
    if k < 1:
        raise ConfigError(f"the number of shoppers must be at least 1; got {k}.")
    dataset = fitted.dataset
    column = dataset.item_index(item)
    scores, bias = _scores(fitted, column)
    edges = _edges(scores)
    return Item(
        run=fitted.run,
        item=item,
        title=dataset.title(column),
        place=int(items.rank[column]) + 1,
        items=dataset.num_items,
        edges=tuple(edges.tolist()),
        scores=scores,
        spread=tuple(
            Spread(
                behavior=behavior,
                bias=None if bias is None else float(bias[stage]),
                mean=float(own.mean(dtype=np.float64)),
                quantiles=tuple(np.quantile(own, QUANTILES).tolist()),
                histogram=tuple(np.histogram(own, _BINS, (edges[0], edges[-1]))[0].tolist()),
            )
            for stage, (behavior, own) in enumerate(zip(items.scored, scores.T, strict=True))
        ),
        funnel=tuple(_funnel(items, column, _expected(fitted, scores, probability))),
        stuck=stuck(items, column),
        shoppers=_likeliest(fitted, column, scores[:, -1], k, chances),
        neighbors=_neighbors(fitted, items, column, k),
        notes=items.notes,
    )


def _scores(fitted: Fitted, column: int) -> tuple[FloatArray, FloatArray | None]:
    """(M, S) stage scores of one item, and (S,) its biases; none where there are no stages."""
    scorer, found, bias = fitted.scorer, [], None
    size = _BLOCK if isinstance(scorer, StageScorer | PairScorer) else max(1, (_BLOCK << 5) // scorer.num_items)
    for start in range(0, scorer.num_users, size):
        users = np.arange(start, min(start + size, scorer.num_users))
        if isinstance(scorer, StageScorer):
            stages = scorer.stages(users, np.full(len(users), column))
            bias = stages.bias[0]
            found.append(stages.logits)
        elif isinstance(scorer, PairScorer):
            found.append(scorer.pairs(users, np.full(len(users), column))[:, None])
        else:
            found.append(scorer.score(users)[:, [column]])
    return np.concatenate(found), bias


def _edges(scores: FloatArray) -> NDArray[np.float64]:
    """Those of bins of equal width from the lowest to the highest score of any stage."""
    low, high = float(scores.min()), float(scores.max())
    return np.linspace(low, high, _BINS + 1) if high > low else np.linspace(low - 0.5, high + 0.5, _BINS + 1)


def _expected(fitted: Fitted, scores: FloatArray, probability: Probability | None) -> list[float | None]:
    """How many shoppers are expected under each stage, lowest first; None where scores are no chances."""
    probability = probability or chance_of_learning(fitted.config, fitted.split)
    everyone = np.arange(len(scores))
    chances = (probability(stage, own.copy(), everyone) for stage, own in enumerate(scores.T))
    return [None if of_stage is None else float(of_stage.sum(dtype=np.float64)) for of_stage in chances]


def _funnel(items: Items, column: int, expected: list[float | None]) -> Iterator[Step]:
    known = dict(zip(items.scored, expected, strict=True))
    before = None
    for r, behavior in enumerate(items.behaviors):
        counts = items.observed[r]
        observed = int(counts[column])
        yield Step(
            behavior=behavior,
            observed=observed,
            fewer=float((counts < observed).sum() / max(len(counts) - 1, 1)),
            expected=known.get(behavior),
            also=None if before is None else int(items.also[r - 1, column]),
            conversion=None if before is None else _ratio(observed, int(items.observed[r - 1, column])),
            expected_conversion=None if before is None else _ratio(known.get(behavior), known.get(before)),
        )
        before = behavior


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _likeliest(fitted: Fitted, column: int, score: FloatArray, k: int, chances: Chances | None) -> tuple[Shopper, ...]:
    """The k with the highest target score among those who have not bought the item, ties in user order."""
    before = fitted.split.known
    bought = np.searchsorted(before.indptr, np.flatnonzero(before.indices == column), side="right") - 1
    order = np.argsort(-score, kind="stable")
    chosen = order[~np.isin(order, bought)][:k]
    found = with_chances(fitted, chosen, np.full(len(chosen), column), score[chosen], chances)
    return tuple(
        Shopper(
            user=str(fitted.dataset.users[row]),
            score=own[-1].logit if own else float(score[row]),
            stages=own,
            held_out=int(fitted.split.test_item[row]) == column,
            chance=chance,
        )
        for row, (own, chance) in zip(chosen.tolist(), found, strict=True)
    )


def _neighbors(fitted: Fitted, items: Items, column: int, k: int) -> tuple[Neighbor, ...]:
    """The k items of the highest cosine to the item, ties in item order; a vector of nothing but 0 has none."""
    if not isinstance(fitted.scorer, ItemVectors):
        return ()
    vectors = fitted.scorer.item_vectors
    length = np.linalg.norm(vectors, axis=1)
    if not length[column]:
        return ()
    similarity = vectors @ vectors[column] / (np.where(length > 0, length, np.inf) * length[column])
    order = np.argsort(-similarity, kind="stable")
    differences = items.added - items.added[:, [column]]  # (S, N)
    several = len(items.scored) > 1
    found = []
    for other in order[(order != column) & (length[order] > 0)][:k].tolist():
        stage = int(np.abs(differences[:, other]).argmax())
        found.append(
            Neighbor(
                item=str(fitted.dataset.items[other]),
                title=fitted.dataset.title(other),
                similarity=float(similarity[other]),
                scores=tuple(items.score[:, other].tolist()),
                parts_at=items.scored[stage] if several else None,
                difference=float(differences[stage, other]) if several else None,
            )
        )
    return tuple(found)
