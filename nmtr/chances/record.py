"""What is known of a run's chances: small, JSON in and out, all that a page needs to draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.special import expit

from nmtr.chances.monotone import Curve
from nmtr.chances.odds import Counts, Values, next_log_odds, window
from nmtr.frozen import Frozen

#: What a chance rests on: the score's log-odds, corrected; these and a map fitted on held-out pairs; the map alone, of
#: scores that are no log-odds; nothing, so that there is none.
Basis = Literal["correction", "correction and map", "map", "none"]


@dataclass(frozen=True)
class Chance:
    """What one score says of a pair that is not in training under its behavior."""

    next: float  # that the next pair of the user under this behavior is this one
    low: float | None  # its 95 % interval, where a map was fitted: of all pairs with such a score
    high: float | None
    window: float | None  # that it is one of as many pairs as the user has in training; None of users who have none
    step: float | None  # of pairs that get as far as the behavior below, how many get as far as this one

    def to_json(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in ("next", "low", "high", "window", "step")}


class Bin(Frozen):
    """Pairs with about the same chance."""

    pairs: int
    found: int  # of these, those that were held out
    chance: float  # mean of what was said
    rate: float  # found / pairs
    low: float  # 95 % interval (Wilson) of the rate
    high: float

    @property
    def agrees(self) -> bool:
        """Whether what was said is in the interval of what was found."""
        return self.low <= self.chance <= self.high


class Reliability(Frozen):
    """What was said beside what was held out; each bin is to hold as many held-out pairs."""

    pairs: int
    found: int
    expected: float  # the sum of what was said
    bins: tuple[Bin, ...]
    error: float  # expected calibration error: the mean over pairs of |chance - rate| of their bin
    by_chance: float  # what it would be in the mean if every chance were true, with so many pairs

    @property
    def rate(self) -> float:
        return self.found / self.pairs

    @property
    def misplaced(self) -> float:
        """The error in units of the rate: what share of the held-out pairs too many or too few the bins expect."""
        return self.error / self.rate


class Map(Frozen):
    """A curve from scores to log-odds, linear between its points."""

    scores: tuple[float, ...]
    log_odds: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, curve: Curve) -> Map:
        parts = (curve.scores, curve.log_odds, curve.low, curve.high)
        return cls(**dict(zip(cls.model_fields, (tuple(part.tolist()) for part in parts), strict=True)))

    @cached_property
    def _points(self) -> tuple[Values, ...]:
        return tuple(np.array(part) for part in (self.scores, self.log_odds, self.low, self.high))

    def log_odds_of(self, scores: Values) -> tuple[Values, Values, Values]:
        """The log-odds of scores of any shape, and the ends of their intervals; beyond the ends they stay level."""
        at, *values = self._points
        middle, low, high = (np.interp(scores, at, value) for value in values)
        return middle, low, high


class StageChances(Frozen):
    """One behavior's chances."""

    behavior: str
    basis: Basis
    why: str  # one sentence: why this basis
    log_odds: bool  # whether the scores are log-odds, up to the correction
    map: Map | None
    fitted_on: int  # held-out pairs, each of another user, that the map was fitted or tried on
    # On test pairs; where a lower behavior holds pairs out, on those of the users whose pairs were not fitted on; None
    # where no pairs are held out. `before`: by the correction alone, None where the scores are no log-odds.
    before: Reliability | None
    after: Reliability | None
    got_so_far: float  # pairs a user, in all of the data, whose highest behavior is this one

    @property
    def checked(self) -> bool:
        """Whether the chances were checked on pairs that neither model nor map learned from."""
        return self.after is not None


class Chances(Frozen):
    """The chances of one run's scores."""

    version: int
    run: str
    users: int  # of the users with held-out pairs, on whose pairs maps were fitted and chances judged…
    of_users: int  # …and how many there are
    num_items: int
    negatives: int | None  # ρ; None where the loss draws none
    stages: tuple[StageChances, ...]  # of the behaviors whose scores the scorer shows, lowest first

    def stage(self, behavior: str) -> StageChances:
        return next(stage for stage in self.stages if stage.behavior == behavior)

    def next(self, behavior: str, scores: Values, known: Counts) -> tuple[Values, Values, Values] | None:
        """The chance that a user's next pair is this one, and the ends of its 95 % interval (NaN without a map).

        scores: of any shape; known: how many pairs each user has in training under this behavior, broadcast to them.
        None where the scores say no chance.
        """
        stage = self.stage(behavior)
        if stage.basis == "none":
            return None
        x = np.asarray(scores, np.float64)
        if stage.log_odds and self.negatives is not None:
            x = next_log_odds(x, known, self.num_items, self.negatives)
        if stage.map is None:
            return expit(x), np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        middle, low, high = (expit(part) for part in stage.map.log_odds_of(x))
        return middle, low, high

    def steps(self, nexts: Sequence[Values | None]) -> list[Values | None]:
        """Of pairs that get as far as the behavior below, how many get as far as each: of the stages' `next`.

        A held-out pair of a lower behavior got no further, so its chance is one of getting exactly so far, and

            step^r = sum over s >= r of g_s next^s / sum over s >= r - 1 of g_s next^s

        with g_s = `got_so_far`. None of the lowest, and where a behavior that it takes was not checked, or has no
        log-odds: by a map alone, chances come too far apart for their ratio.
        """
        found: list[Values | None] = [None] * len(self.stages)
        reached: Values | None = None
        for r in range(len(self.stages) - 1, -1, -1):
            chance, stage = nexts[r], self.stages[r]
            if chance is None or not (stage.checked and stage.log_odds):
                break
            own = stage.got_so_far * chance
            so_far = own if reached is None else own + reached
            if reached is not None:
                found[r + 1] = reached / so_far
            reached = so_far
        return found

    def of_pairs(
        self, scores: Mapping[str, Values], known: Mapping[str, int | Counts]
    ) -> list[dict[str, Chance | None]]:
        """The chances of B pairs, by behavior: scores (B,), and how many pairs the user, or each user (B,), has."""
        behaviors = [stage.behavior for stage in self.stages]
        counts = {behavior: np.array(known[behavior]) for behavior in behaviors}
        said = {behavior: self.next(behavior, scores[behavior], counts[behavior]) for behavior in behaviors}
        steps = self.steps([None if chance is None else chance[0] for chance in said.values()])
        pairs: list[dict[str, Chance | None]] = [{} for _ in next(iter(scores.values()))]
        for (behavior, chance), step in zip(said.items(), steps, strict=True):
            if chance is None:
                columns = None
            else:
                columns = np.stack(
                    [*chance, window(chance[0], counts[behavior]), chance[0] * np.nan if step is None else step]
                )
            for number, pair in enumerate(pairs):
                pair[behavior] = None if columns is None else _chance(columns[:, number].tolist())
        return pairs


def _chance(values: list[float]) -> Chance:
    found, *others = (None if np.isnan(value) else value for value in values)
    assert found is not None, "a chance is a number"
    return Chance(found, *others)
