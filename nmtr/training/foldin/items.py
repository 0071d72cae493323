"""Fold-in of losses of single items: the log loss and the squared error, of scores that are products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nmtr.config import RunConfig, given
from nmtr.training.foldin.base import Floats, History, Loss, Penalty, minimum
from nmtr.training.foldin.linear import DEVIATION_FLOOR, NODES, WEIGHTS, LinearScores, softplus


@dataclass(frozen=True, eq=False)
class Pointwise:
    """Losses of single items: label 1 weighs 1, label 0 what the loss gives an unobserved item, each times λ."""

    scores: LinearScores
    reads: tuple[int, ...]
    lambdas: Sequence[float]
    penalty: Penalty
    dropout: float
    negatives: int | None = None  # ρ of each observed pair, over all unobserved items in the mean
    unobserved_weight: float | None = None  # else what each unobserved item weighs

    def unobserved(self, history: History) -> Floats:
        """What an unobserved item weighs beside 1 under each behavior, (R,)."""
        if self.negatives is None:
            assert self.unobserved_weight is not None, "one of the two says what an unobserved item weighs"
            return np.full(len(self.reads), self.unobserved_weight)
        count, total = np.array([len(history[r]) for r in self.reads]), self.scores.bias.shape[1]
        return np.where(count < total, self.negatives * count / np.maximum(total - count, 1), 0.0)

    def labels(self, history: History) -> tuple[Floats, Floats]:
        """y and weights, (R, N) each."""
        labels = np.zeros_like(self.scores.bias)
        for row, r in zip(labels, self.reads, strict=True):
            row[history[r]] = 1
        weights = np.where(labels > 0, 1.0, self.unobserved(history)[:, None])
        return labels, weights * np.asarray(self.lambdas)[:, None]

    def held(self, history: History) -> Penalty:
        """What is added to the summed loss of this history."""
        return self.penalty

    def direction(self, item: int, p: Floats) -> Floats:
        return self.scores.direction(item)


class LogLoss(Pointwise):
    """The log loss, by L-BFGS."""

    @property
    def about(self) -> str:
        dropout = ", with dropout by its effect on a normal score" if self.dropout else ""
        return (
            f"the minimum of the log loss that training had in the mean, over all items{dropout}"
            f"{self.penalty.about}; the problem is convex and solved to its end."
        )

    def vector(self, history: History, start: Floats) -> Floats:
        return minimum(self.loss(history), start, curvature=self.curvature(history, start))

    def curvature(self, history: History, p: Floats) -> Floats:
        """About the loss's curvature (D, D) at p (D,)."""
        labels, weights = self.labels(history)
        signs, scores = 1 - 2 * labels, self.scores(p)
        spread = self.dropout / (1 - self.dropout)
        deviations = np.sqrt(spread * self.scores.variances(p) + DEVIATION_FLOOR) if spread else scores
        of_scores, of_deviations = np.zeros_like(scores), np.zeros_like(scores)
        for node, share in zip(NODES, WEIGHTS, strict=True) if spread else [(0.0, 1.0)]:
            slope = softplus(signs * (scores + deviations * node))[1]
            of_scores += share * weights * slope * (1 - slope)
            of_deviations += share * node * weights * signs * slope
        of_variances = spread * of_deviations / (2 * deviations) if spread else np.zeros_like(scores)
        return self.penalty.matrix + self.scores.curvature_of(of_scores, np.maximum(of_variances, 0))

    def loss(self, history: History) -> Loss:
        labels, weights = self.labels(history)
        signs = 1 - 2 * labels
        spread = self.dropout / (1 - self.dropout)

        def value(p: Floats) -> tuple[float, Floats]:
            scores = self.scores(p)
            deviations = np.sqrt(spread * self.scores.variances(p) + DEVIATION_FLOOR) if spread else scores
            total, gradient = self.penalty(p)
            of_scores, of_deviations = np.zeros_like(scores), np.zeros_like(scores)
            for node, share in zip(NODES, WEIGHTS, strict=True) if spread else [(0.0, 1.0)]:
                loss, slope = softplus(signs * (scores + deviations * node))
                total += share * float((weights * loss).sum())
                slope *= share * weights * signs
                of_scores += slope
                of_deviations += node * slope
            gradient = gradient + self.scores.slope(of_scores)
            if spread:
                gradient += self.scores.slope_of_variances(spread * of_deviations / (2 * deviations), p)
            return total, gradient

        return value


class SquaredError(Pointwise):
    """The squared error, in closed form."""

    @property
    def about(self) -> str:
        return f"the minimum of training's squared error over all items{self.penalty.about}, in closed form."

    def loss(self, history: History) -> Loss:
        labels, weights = self.labels(history)
        spread, penalty = self.dropout / (1 - self.dropout), self.held(history)

        def value(p: Floats) -> tuple[float, Floats]:
            total, gradient = penalty(p)
            errors = self.scores(p) - labels
            total += float((weights * (errors**2 + spread * self.scores.variances(p))).sum())
            varied = self.scores.slope_of_variances(spread * weights, p)
            return total, gradient + self.scores.slope(2 * weights * errors) + varied

        return value

    def vector(self, history: History, start: Floats) -> Floats:
        """Solves (K + d / (1 - d) diag K + penalty / 2) p = sum c (y - b) k + penalty / 2 center, K = sum c k k'."""
        labels, weights = self.labels(history)
        lambdas = np.asarray(self.lambdas)
        observed = [history[r] for r in self.reads]
        matrix = self.scores.curvature(lambdas * self.unobserved(history), observed, lambdas)
        matrix[np.diag_indices_from(matrix)] *= 1 + self.dropout / (1 - self.dropout)
        penalty = self.held(history)
        matrix += penalty.matrix / 2
        right = self.scores.slope(weights * (labels - self.scores.bias))
        right += penalty.matrix @ penalty.center / 2
        return np.asarray(np.linalg.lstsq(matrix, right)[0])  # of all minima the shortest, where there are several


class ScaledSquaredError(SquaredError):
    """The squared error with a penalty that grows with how much of it is about the shopper: `training.als`."""

    def held(self, history: History) -> Penalty:
        """`penalty` times sum_r lambda_r (n^r + w N)."""
        counts = np.array([len(history[r]) for r in self.reads])
        scale = float(np.asarray(self.lambdas) @ (counts + self.unobserved(history) * self.scores.bias.shape[1]))
        return replace(self.penalty, matrix=scale * self.penalty.matrix)


def solved(
    config: RunConfig, scores: LinearScores, reads: tuple[int, ...], lambdas: Sequence[float], spread: Floats
) -> SquaredError:
    """The step of `training.als` that solves for a user, with everything else as it is; spread: (D,) what the penalty
    weighs in each direction.
    """
    return (ScaledSquaredError if config.l2_scaling else SquaredError)(
        scores,
        reads=reads,
        lambdas=lambdas,
        penalty=Penalty(np.zeros(len(spread)), np.diag(2 * given(config.l2_embeddings) * spread)),
        dropout=0.0,
        unobserved_weight=config.unobserved_weight,
    )
