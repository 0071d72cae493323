"""All items of a run beside each other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.data.dataset import Dataset
from nmtr.errors import NmtrError
from nmtr.evaluation.scorer import CascadeScorer, FloatArray, StageScorer
from nmtr.explain import Fitted
from nmtr.items.chances import Probability, chance_of_learning, nobody_expected

#: Scores worked out in all, at most: of products, and of towers. Where shoppers have more, some are drawn.
_MOST, _MOST_OF_TOWERS = 1 << 30, 1 << 24
#: Scores held at once by a thread: 2 MB of float32.
_BLOCK = 1 << 19
#: Half of a 95 % interval, in standard errors.
_HALF_WIDTH = 1.96
_ATTRIBUTES = ("title", "category", "price")

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Items:
    """What a run says of each of N items, over all M shoppers or over some, drawn at random.

    R behaviors were given to the run, lowest first; the last S of them have a stage of their own: all, or the target
    alone. Counts are of the pairs that the run learned from, so no held-out pair is among them.
    """

    run: str
    dataset: Dataset  # with the run's behaviors
    scored: tuple[str, ...]  # S
    kept: float  # how much of a stage's score the next one inherits
    shoppers: int  # over how many the scores are; M, unless some were drawn
    observed: Counts  # (R, N) shoppers who did it
    also: Counts  # (R - 1, N) shoppers who did it and the behavior before
    score: Numbers  # (S, N) mean stage score
    score_error: Numbers | None  # (S, N) half of its 95 % interval; None where all shoppers were asked
    expected: Numbers  # (S, N) how many of the M shoppers the run expects to do it; NaN where scores are no chances
    expected_error: Numbers | None  # (S, N) half of its 95 % interval
    notes: tuple[str, ...]  # what is missing and why, and how many shoppers were drawn

    @property
    def behaviors(self) -> tuple[str, ...]:
        return self.dataset.behaviors

    @cached_property
    def rank(self) -> Counts:
        """(N,) each item's place by its mean target score, from 0; ties in item order."""
        places = np.empty(self.dataset.num_items, np.int64)
        places[np.argsort(-self.score[-1], kind="stable")] = np.arange(len(places))
        return places

    @cached_property
    def added(self) -> Numbers:
        """(S, N) what each stage adds to the mean score: its own part and the item's bias."""
        before = np.concatenate([np.zeros_like(self.score[:1]), self.score[:-1]])
        added: Numbers = self.score - self.kept * before
        return added

    @property
    def conversion(self) -> Numbers:
        """(R - 1, N) shoppers who did a behavior for each who did the one before; NaN where nobody did that.

        Above 1 where more did the later one: data need not hold a view for each purchase.
        """
        return _ratio(self.observed[1:], self.observed[:-1])

    @property
    def expected_conversion(self) -> Numbers:
        """(S - 1, N) the same of the expected numbers; NaN where there are none."""
        return _ratio(self.expected[1:], self.expected[:-1])

    def rows(self) -> list[dict[str, Any]]:
        """An item a row, the best first, with plain values for JSON, CSV and tables; None where there is no value."""
        order = np.argsort(self.rank)
        columns = {name: _plain(values[order]) for name, values in self._columns()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _columns(self) -> Iterable[tuple[str, NDArray[Any]]]:
        yield "item", self.dataset.items
        attributes = self.dataset.attributes
        for name in _ATTRIBUTES:
            if attributes is not None and name in attributes:
                yield name, attributes[name].to_numpy(object)
        yield "place", self.rank + 1
        steps = list(zip(self.behaviors, self.behaviors[1:], strict=False))
        yield from _named("observed_{}", self.behaviors, self.observed)
        yield from _named("expected_{}", self.scored, self.expected)
        yield from _named("expected_{}_error", self.scored, self.expected_error)
        yield from ((f"{a}_to_{b}", values) for (a, b), values in zip(steps, self.conversion, strict=True))
        expected = zip(steps[len(steps) + 1 - len(self.scored) :], self.expected_conversion, strict=True)
        yield from ((f"expected_{a}_to_{b}", values) for (a, b), values in expected)
        yield from ((f"{a}_and_{b}", values) for (a, b), values in zip(steps, self.also, strict=True))
        yield from _named("score_{}", self.scored, self.score)
        yield from _named("score_{}_error", self.scored, self.score_error)

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "behaviors": [*self.behaviors],
            "scored": [*self.scored],
            "shoppers": self.shoppers,
            "of": self.dataset.num_users,
            "notes": [*self.notes],
            "items": self.rows(),
        }


@dataclass(frozen=True, eq=False)
class Moments:
    """Over shoppers, (S, N) each."""

    mean: Numbers
    of_squares: Numbers  # 0 where all shoppers were asked: then nobody needs it

    def error(self, drawn: int, shoppers: int) -> Numbers | None:
        """Half of the mean's 95 % interval, of so many drawn without replacement; None where that is all."""
        if drawn == shoppers:
            return None
        variance = np.maximum(self.of_squares - self.mean**2, 0) * (1 - drawn / shoppers)
        error: Numbers = _HALF_WIDTH * np.sqrt(variance / (drawn - 1))
        return error


def all_items(fitted: Fitted, probability: Probability | None = None) -> Items:
    """What a run says of each item, over all shoppers.

    Where that would take more than some seconds (about 700 shoppers x 8,000 items of three towers, a thousand million
    scores of products), it is over shoppers drawn at random, always the same ones, and what it says has an interval.
    `probability` makes chances of scores; the run's own (`chance_of_learning`) if left out. A page keeps what it gets:
    nothing is kept here. Raises NmtrError where a score is not a finite number.
    """
    dataset, scorer = fitted.dataset, fitted.scorer
    probability = probability or chance_of_learning(fitted.config, fitted.split)
    by_stage = isinstance(scorer, StageScorer)
    scored = fitted.config.learned if by_stage else dataset.behaviors[-1:]
    drawn = _drawn(fitted, len(scored))
    score, chance = _moments(fitted, len(scored), drawn, probability)
    if not np.isfinite(score.mean).all():
        raise NmtrError("scores must be finite numbers; the model gives others: train with a lower learning rate.")
    num_users, num_items = dataset.num_users, dataset.num_items
    error = chance.error(len(drawn), num_users)
    observed = np.stack([np.bincount(matrix.indices, minlength=num_items) for matrix in fitted.split.train])
    return Items(
        run=fitted.run,
        dataset=dataset,
        scored=scored,
        kept=scorer.stages(drawn[:1], drawn[:1] * 0).kept if isinstance(scorer, CascadeScorer) else 1.0,
        shoppers=len(drawn),
        observed=observed.astype(np.int64),
        also=_in_both(fitted.split.train, num_items),
        score=score.mean,
        score_error=score.error(len(drawn), num_users),
        expected=num_users * chance.mean,
        expected_error=None if error is None else num_users * error,
        notes=tuple(_notes(fitted, scored, len(drawn), np.isnan(chance.mean[:, 0]))),
    )


def _drawn(fitted: Fitted, stages: int) -> NDArray[np.int64]:
    """The shoppers that are asked, in order: all, or as many as there is time for."""
    towers = isinstance(fitted.scorer, StageScorer) and fitted.scorer.has_towers
    most = max(2, (_MOST_OF_TOWERS if towers else _MOST) // (stages * fitted.dataset.num_items))
    everyone = np.arange(fitted.dataset.num_users)
    if len(everyone) <= most:
        return everyone
    return np.sort(np.random.default_rng(0).choice(everyone, most, replace=False))


def _moments(
    fitted: Fitted, stages: int, drawn: NDArray[np.int64], probability: Probability
) -> tuple[Moments, Moments]:
    """Of stage scores, and of chances (NaN where there are none), over the shoppers."""
    scorer, num_items = fitted.scorer, fitted.dataset.num_items
    squares = len(drawn) < fitted.dataset.num_users

    size = max(1, _BLOCK // (stages * num_items))

    def sums(part: NDArray[np.int64]) -> Numbers:
        """(4, S, N): of scores, their squares, chances, their squares."""
        found = np.zeros((4, stages, num_items))
        for users in (part[start : start + size] for start in range(0, len(part), size)):
            logits = scorer.logits(users) if isinstance(scorer, StageScorer) else scorer.score(users)[None]
            for stage, out in enumerate(logits):
                _add(found[:2, stage], out, squares)
                chances = probability(stage, out, users)
                if chances is None:
                    found[2:, stage] = np.nan
                else:
                    _add(found[2:, stage], chances, squares)
        return found

    at_once = os.cpu_count() or 1
    with ThreadPoolExecutor(at_once) as threads:
        total: Numbers = sum(threads.map(sums, np.array_split(drawn, at_once)), np.zeros((4, stages, num_items)))
    mean = total / len(drawn)
    return Moments(mean[0], mean[1]), Moments(mean[2], mean[3])


def _add(to: Numbers, values: FloatArray, squares: bool) -> None:
    """Adds (B, N) values, summed over B, and their squares to (2, N)."""
    to[0] += values.sum(0)
    if squares:
        to[1] += np.einsum("bn,bn->n", values, values)


def _in_both(train: tuple[csr_array, ...], num_items: int) -> Counts:
    """(R - 1, N) shoppers with both of two neighboring behaviors."""
    both = [
        np.bincount((before * after).indices, minlength=num_items)
        for before, after in zip(train, train[1:], strict=False)
    ]
    return np.array(both, np.int64).reshape(-1, num_items)


def _notes(fitted: Fitted, scored: tuple[str, ...], drawn: int, missing: NDArray[np.bool_]) -> Iterable[str]:
    """What is not there: stages, the chances of the stages that are missing them, shoppers that were not asked."""
    config, num_users = fitted.config, fitted.dataset.num_users
    if len(scored) == 1:
        yield f"{config.label} has one score here, that of the target ({scored[0]}): there are no stages to compare."
    first = len(config.learned) - len(scored)
    reasons = (nobody_expected(config, first + int(stage)) for stage in np.flatnonzero(missing))
    yield from dict.fromkeys(reason for reason in reasons if reason)
    if drawn < num_users:
        yield (
            f"Scores and expected numbers are those of {drawn:,} of the {num_users:,} shoppers, drawn at random, with "
            f"95 % intervals."
        )


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> Numbers:
    ratio = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _named(pattern: str, behaviors: tuple[str, ...], rows: NDArray[Any] | None) -> Iterable[tuple[str, NDArray[Any]]]:
    if rows is not None:
        yield from ((pattern.format(behavior), row) for behavior, row in zip(behaviors, rows, strict=True))


def _plain(values: NDArray[Any]) -> list[Any]:
    """Python values, None for what is none."""
    return [None if value is None or value != value else value for value in values.tolist()]
