"""Scores that are linear in a shopper's vector, and means over a normal law of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nmtr.training.foldin.base import Floats

#: Nodes x and weights a (5,) with sum a f(x) the mean of f over a standard normal.
NODES, WEIGHTS = (
    values / scale
    for values, scale in zip(np.polynomial.hermite_e.hermegauss(5), (1.0, np.sqrt(2 * np.pi)), strict=True)
)
#: Added to a variance, whose root has no slope at 0.
DEVIATION_FLOOR = 1e-12


@dataclass(frozen=True, eq=False)
class LinearScores:
    """out^r = q^r (h^r * p) + b^r of all N items under each of R behaviors."""

    items: Floats  # q: (R, N, D), or (1, N, D) where all behaviors share it
    heads: Floats  # h: (R, D)
    bias: Floats  # b: (R, N)

    @classmethod
    def of(cls, items: Tensor, heads: Tensor, bias: Tensor) -> LinearScores:
        return cls(*(part.detach().double().numpy() for part in (items, heads, bias)))

    def __call__(self, p: Floats) -> Floats:
        """(R, N) scores of p (D,)."""
        return self._products(self.items, self.heads * p) + self.bias

    def variances(self, p: Floats) -> Floats:
        """(R, N): sum_e (p_e k_e)^2 of each score."""
        return self._products(self._squares, (self.heads * p) ** 2)

    def slope(self, of_scores: Floats) -> Floats:
        """The gradient (D,) of sum(of_scores * scores) by p."""
        return np.asarray((self._sums(self.items, of_scores) * self.heads).sum(0))

    def slope_of_variances(self, of_variances: Floats, p: Floats) -> Floats:
        """The gradient (D,) of sum(of_variances * variances) by p."""
        return np.asarray(2 * p * (self._sums(self._squares, of_variances) * self.heads**2).sum(0))

    def curvature_of(self, of_scores: Floats, of_variances: Floats) -> Floats:
        """About the curvature (D, D) of a sum of functions of scores and variances.

        of_scores: their second derivatives by the scores, (R, N). of_variances: the first ones by the variances,
        (R, N); how these change is left out.
        """
        total = np.zeros((self.items.shape[2], self.items.shape[2]))
        for r, head in enumerate(self.heads):
            q = self.items[r % len(self.items)]
            total += np.outer(head, head) * (q.T @ (of_scores[r][:, None] * q))
        total[np.diag_indices_from(total)] += 2 * (self._sums(self._squares, of_variances) * self.heads**2).sum(0)
        return total

    def direction(self, item: int) -> Floats:
        """The gradient (D,) of the item's score under the last behavior."""
        return np.asarray(self.items[-1, item] * self.heads[-1])

    def curvature(self, everywhere: Floats, observed: Sequence[NDArray[np.integer]], weight: Floats) -> Floats:
        """(D, D): sum over behaviors and items of a weight times k k'.

        weight: (R,), of the observed items, R of (n_r,); everywhere: (R,), of all others.
        """
        total = np.zeros((self.items.shape[2], self.items.shape[2]))
        for r, (own, head) in enumerate(zip(observed, self.heads, strict=True)):
            shared = r % len(self.items)
            q = self.items[shared, own]
            each = everywhere[r] * self._gram[shared] + (weight[r] - everywhere[r]) * (q.T @ q)
            total += each * np.outer(head, head)
        return total

    @cached_property
    def _gram(self) -> Floats:
        """(1 or R, D, D): Q'Q."""
        return np.asarray(self.items.transpose(0, 2, 1) @ self.items)

    @cached_property
    def _squares(self) -> Floats:
        return self.items**2

    @staticmethod
    def _products(items: Floats, vectors: Floats) -> Floats:
        """(R, N) of (1 or R, N, D) and (R, D)."""
        if len(items) == 1:
            return np.asarray((items[0] @ vectors.T).T)
        return np.asarray((items @ vectors[:, :, None])[:, :, 0])

    @staticmethod
    def _sums(items: Floats, weights: Floats) -> Floats:
        """(R, D): the items' rows added up by weights (R, N)."""
        if len(items) == 1:
            return np.asarray(weights @ items[0])
        return np.asarray((weights[:, None] @ items)[:, 0])


def softplus(x: Floats) -> tuple[Floats, Floats]:
    """ln(1 + e^x), and its derivative."""
    small = np.exp(-np.abs(x))
    value = np.maximum(x, 0) + np.log1p(small)
    return value, np.where(x >= 0, 1, small) / (1 + small)
