"""Fold-in of the pairwise losses: BPR, and the levels of feedback of Multi-Channel BPR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtr.training.foldin.base import Floats, History, Loss, Penalty, minimum
from nmtr.training.foldin.linear import DEVIATION_FLOOR, NODES, WEIGHTS, LinearScores, softplus

#: Pairs of items that a loss looks at, at most: beyond, it takes as many of the unobserved items as give so many.
_PAIRS = 300_000


@dataclass(frozen=True, eq=False)
class Pairwise:
    """-ln σ of how much better a positive scores than its negative, over all negatives in the mean.

    Of each positive at a level, training draws ρ negatives: an item that was never touched with the chance
    `unseen_share`, else one of a lower level; a shopper who has none of one kind gets the other. BPR has one level and
    draws what was not touched at that level.
    """

    scores: LinearScores  # of one behavior, the target
    reads: tuple[int, ...]  # the behaviors, lowest first, each a level
    shares: Sequence[float]  # how often an epoch draws a positive of each level
    unseen_share: float
    negatives: int  # ρ
    penalty: Penalty
    dropout: float

    @property
    def about(self) -> str:
        dropout = ", with dropout by its effect on a normal difference" if self.dropout else ""
        return (
            "the minimum of the pairwise loss that training had in the mean, over the shopper's items and all others "
            f"(a sample of these beyond {_PAIRS:,} pairs){dropout}{self.penalty.about}; "
            "the problem is convex and solved to its end."
        )

    def vector(self, history: History, start: Floats) -> Floats:
        return minimum(self.loss(history), start)

    def direction(self, item: int, p: Floats) -> Floats:
        return self.scores.direction(item)

    def loss(self, history: History) -> Loss:
        blocks = self._blocks(history)
        (items,), (head,), (bias,) = self.scores.items, self.scores.heads, self.scores.bias
        spread = self.dropout / (1 - self.dropout)

        def value(p: Floats) -> tuple[float, Floats]:
            total, gradient = self.penalty(p)
            for positives, others, weights in blocks:
                own, other = items[positives] * head, items[others] * head  # (n, D), (m, D)
                worse = (other @ p + bias[others])[None] - (own @ p + bias[positives])[:, None]  # (n, m)
                squares = p * p
                variances = (own**2 @ squares)[:, None] + (other**2 @ squares)[None] - 2 * (own * squares) @ other.T
                deviations = np.sqrt(spread * np.maximum(variances, 0) + DEVIATION_FLOOR)
                slopes, of_deviations = np.zeros_like(worse), np.zeros_like(worse)
                for node, share in zip(NODES, WEIGHTS, strict=True) if spread else ((0.0, 1.0),):
                    loss, slope = softplus(worse + deviations * node)
                    total += share * float((weights * loss).sum())
                    slope *= share * weights
                    slopes += slope
                    of_deviations += node * slope
                gradient = gradient + slopes.sum(0) @ other - slopes.sum(1) @ own
                if spread:
                    half = spread * of_deviations / deviations  # twice the gradient by the variances
                    mixed = (own * (half @ other)).sum(0)
                    gradient = gradient + p * (half.sum(1) @ own**2 + half.sum(0) @ other**2 - 2 * mixed)
            return total, gradient

        return value

    def _blocks(self, history: History) -> list[tuple[NDArray[np.integer], NDArray[np.integer], Floats]]:
        """For each level with positives: these (n,), their negatives (m,), and the weights of the pairs (n, m)."""
        total = self.scores.items.shape[1]
        levels: list[NDArray[np.integer]] = []
        higher = np.zeros(total, np.bool_)
        for r in reversed(self.reads):
            own = np.zeros(total, np.bool_)
            own[history[r]] = True
            levels.insert(0, np.flatnonzero(own & ~higher))
            higher |= own
        unseen = np.flatnonzero(~higher)
        # The same items whatever one pair is: a history less one pair is to differ by that pair alone.
        shuffled = np.random.default_rng(0).permutation(total)
        sampled = shuffled[~higher[shuffled]][: max(1, _PAIRS // max(1, int(higher.sum())))]
        blocks = []
        for level, positives in enumerate(levels):
            below = np.concatenate([np.empty(0, np.int64), *levels[:level]])
            if len(positives) == 0 or len(below) + len(unseen) == 0:
                continue
            share = self.unseen_share if len(below) else 1.0
            share = share if len(unseen) else 0.0
            weights = np.repeat(
                [share / max(1, len(sampled)), (1 - share) / max(1, len(below))], [len(sampled), len(below)]
            )
            weights = np.broadcast_to(self.negatives * self.shares[level] * weights, (len(positives), len(weights)))
            blocks.append((positives, np.concatenate([sampled, below]), weights))
        return blocks
