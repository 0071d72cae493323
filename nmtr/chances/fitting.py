"""Fits a run's chances on validation pairs, and judges them on test pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit

from nmtr.chances import monotone
from nmtr.chances.counting import Ints, Question, Tally, sample, tally
from nmtr.chances.monotone import wilson
from nmtr.chances.odds import next_log_odds, no_log_odds
from nmtr.chances.record import Basis, Bin, Chances, Map, Reliability, StageChances
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.split import Split, without
from nmtr.evaluation.scorer import FloatArray, Scorer, StageScorer

Floats = NDArray[np.float64]

VERSION = 1  # of what is worked out here: kept chances of another version are worked out again
_BINS, _A_BIN = 10, 20  # bins of a reliability curve, at most, and held-out pairs that each is to have
_DOUBTFUL = 0.05  # a map is needed where chances as far off as these would come about less often than that


def fit(run: str, config: RunConfig, dataset: Dataset, split: Split, scorer: Scorer) -> Chances:
    """The chances of a finished run, by its resolved config, its data set with the run's behaviors, split and scorer.

    Of large data sets a sample of the users is looked at (seeded by the run's seed): about 17 million pairs, and half
    as many where units have towers.
    """
    held_out = [split.valid_item, split.test_item, *split.lower_item]
    has_towers = isinstance(scorer, StageScorer) and scorer.has_towers
    users = sample(held_out, dataset.num_items, config.seed, has_towers=has_towers)
    negatives = config.negatives if config.uses("negatives") else None
    lowest = -len(config.learned) if isinstance(scorer, StageScorer) else -1
    shown = range(len(config.behaviors))[lowest:]
    with_pairs = int(np.any([items >= 0 for items in held_out], axis=0).sum())
    return Chances(
        version=VERSION,
        run=run,
        users=len(users),
        of_users=with_pairs,
        num_items=dataset.num_items,
        negatives=negatives,
        stages=tuple(_stage(r, config, dataset, split, scorer, users) for r in shown),
    )


def _stage(r: int, config: RunConfig, dataset: Dataset, split: Split, scorer: Scorer, users: Ints) -> StageChances:
    behavior, target = config.behaviors[r], r == len(config.behaviors) - 1
    doubt = no_log_odds(config, behavior)
    log_odds = doubt is None
    known = np.diff(split.train[r].indptr)

    def score(block: Ints) -> FloatArray:
        """What a map reads of a block of users: log-odds of the next pair, or scores that are none."""
        scores = scorer.score(block) if target or not isinstance(scorer, StageScorer) else scorer.logits(block)[r]
        if not log_odds:
            return scores
        corrected: FloatArray = next_log_odds(scores, known[block][:, None], dataset.num_items, config.negatives)
        return corrected

    fitting, testing = _held_out(r, dataset, split, users, score)
    curve, basis, why = _chosen(fitting, doubt, _nothing_held_out(target, behavior, config))
    before = _judged(testing, testing.scores) if testing and log_odds else None
    after = before if basis != "none" else None
    if testing and curve:
        after = _judged(testing, np.interp(testing.scores, curve.scores, curve.log_odds))
    return StageChances(
        behavior=behavior,
        basis=basis,
        why=why,
        log_odds=log_odds,
        map=Map.of(curve) if curve else None,
        fitted_on=fitting.users if fitting else 0,
        before=before,
        after=after,
        got_so_far=_got_so_far(dataset, r),
    )


def _nothing_held_out(target: bool, behavior: str, config: RunConfig) -> str:
    if not target:
        return f"this run held out no {behavior} pairs to check it by"
    if config.refit:
        return "this run learned from its validation purchases too, so none are left to fit a map on"
    return f"fewer than {monotone.FEWEST} users have a validation pair, too few to fit a map on"


def _held_out(
    r: int, dataset: Dataset, split: Split, users: Ints, score: Callable[[Ints], FloatArray]
) -> tuple[Tally | None, Tally | None]:
    """The pairs to fit on and those to test on; None where there are none, or too few to fit.

    Of the target validation and test pairs. A lower behavior holds out one pair a user: those of half of the users are
    fitted on, those of the others tested on.
    """
    if r == len(dataset.behaviors) - 1:
        questions = [Question(split.valid_item, split.train[r]), Question(split.test_item, split.known)]
        fitting, testing = tally(score, dataset.num_items, users, questions)
    elif split.lower_item:
        (both,) = tally(score, dataset.num_items, users, [Question(split.lower_item[r], dataset.matrices[r])])
        fitting, testing = (Tally(both.scores, both.pairs[half], both.found[half]) for half in ([0], [1]))
    else:
        return None, None
    return fitting if fitting.users >= monotone.FEWEST else None, testing if testing.users else None


def _chosen(fitting: Tally | None, doubt: str | None, missing: str) -> tuple[monotone.Curve | None, Basis, str]:
    """The map, where it is needed, what the chances rest on, and why."""
    if fitting is None:
        if doubt is None:
            return None, "correction", f"Its chances are not checked: {missing}."
        return None, "none", f"{doubt}, and {missing}."
    curve = monotone.rising(fitting.scores, fitting.pairs.sum(0), fitting.found.sum(0))
    if doubt:
        return curve, "map", f"{doubt}: the chance comes from the map alone."
    said = _judged(fitting, fitting.scores)
    found = f"On validation the corrected log-odds expect {said.expected:,.0f} pairs and {said.found:,} are there"
    if (p := _agreement(said)) < _DOUBTFUL:
        return curve, "correction and map", f"{found}: off in some bins by more than chance, so a map is fitted."
    return None, "correction", f"{found}: no bin is off by more than chance (p = {p:.2f}), so no map is needed."


def _agreement(said: Reliability) -> float:
    """p of chi squared over the bins: how often true chances would be as far from what was held out as these."""
    off = sum((b.found - b.chance * b.pairs) ** 2 / (b.pairs * b.chance * (1 - b.chance)) for b in said.bins)
    return float(chdtrc(len(said.bins), off))


def _judged(testing: Tally, log_odds: Floats) -> Reliability:
    """The reliability of chances, given as the log-odds of each cell of scores."""
    pairs, found, chance = testing.pairs.sum(0), testing.found.sum(0), expit(log_odds)
    expected = chance * pairs
    bins = int(np.clip(found.sum() // _A_BIN, 1, _BINS))
    of = np.minimum((np.cumsum(expected) - expected / 2) / expected.sum() * bins, bins - 1).astype(int)
    n, hits, said = (np.bincount(of, values, bins) for values in (pairs, found, expected))
    n, hits, said = (values[n > 0] for values in (n, hits, said))
    low, high = wilson(hits, n)
    noise = np.sqrt(2 / np.pi * said * (1 - said / n))
    return Reliability(
        pairs=int(n.sum()),
        found=int(hits.sum()),
        expected=float(said.sum()),
        bins=tuple(
            Bin(
                pairs=int(n[b]),
                found=int(hits[b]),
                chance=said[b] / n[b],
                rate=hits[b] / n[b],
                low=low[b],
                high=high[b],
            )
            for b in range(len(n))
        ),
        error=float(np.abs(said - hits).sum() / n.sum()),
        by_chance=float(noise.sum() / n.sum()),
    )


def _got_so_far(dataset: Dataset, r: int) -> float:
    """Pairs a user, held-out ones too, that stand under this behavior and none above it."""
    target = dataset.matrices[-1]
    if r == len(dataset.behaviors) - 1:
        return float(target.nnz + (dataset.test_item >= 0).sum()) / dataset.num_users
    own = without(dataset.matrices[r], dataset.test_item)
    higher = sum(dataset.matrices[r + 2 :], start=dataset.matrices[r + 1])
    return float(own.nnz - own.multiply(higher).nnz) / dataset.num_users
