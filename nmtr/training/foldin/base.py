"""Fold-in: the vector of one shopper, fitted to a history while everything else of a trained model stays as it is.

Where scores are products, they are linear in the shopper's vector p (D,), so the loss that training has in the mean is
a convex problem of D unknowns: a linear system of the squared loss, L-BFGS of the others. Dropout, which training has
on p, is part of that mean. It makes a score normal (as a sum of D parts): its mean is that of p, its variance
d / (1 - d) sum_e (p_e k_e)^2. The squared loss then has one more quadratic term, and nothing is approximated; the log
loss is integrated over the normal by Gauss-Hermite nodes, which keeps it convex.

A weight decay l2 acts once a step, and a shopper's loss, in mean over an epoch's instances, once an epoch of as many
steps: the minimum is that of the shopper's summed loss + l2 / 2 instances |p|^2. A training with neither dropout nor
decay is held back by its early end alone; there the trained vectors' own spread does (`Penalty.of_spread`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: The items of one shopper under each behavior, lowest first: R of (n_r,).
History = Sequence[NDArray[np.integer]]
#: A loss of a vector (D,), with its gradient (D,).
Loss = Callable[[Floats], tuple[float, Floats]]
#: Steps at most, and how small each part of the gradient is to be: a history of 30 has a loss of about 100.
_STEPS, _GRADIENT = 300, 1e-4
#: Steps of the conjugate gradients, and the step of a difference beside the vector's length.
_CONJUGATE, _DIFFERENCE = 20, 1e-4
#: What is added to a curvature, of its mean along the axes.
_LEAST_CURVATURE = 1e-6
#: How much the trained vectors' spread counts, in place of an early end.
_SPREAD = 0.1


class FoldIn(Protocol):
    """How a method finds the vector of a shopper."""

    @property
    def reads(self) -> tuple[int, ...]:
        """The behaviors whose pairs move the vector, as positions among the config's."""
        ...

    @property
    def about(self) -> str:
        """How the vector is found, to follow "Only the shopper's vector is fitted: "."""
        ...

    def vector(self, history: History, start: Floats) -> Floats:
        """The vector (D,) of a history that holds a pair of a behavior in `reads`; start: (D,), to begin at."""
        ...

    def loss(self, history: History) -> Loss:
        """What the vector minimizes."""
        ...

    def direction(self, item: int, p: Floats) -> Floats:
        """The gradient (D,) of the item's target score by the vector p (D,)."""
        ...


@dataclass(frozen=True, eq=False)
class Penalty:
    """1/2 (p - center)' matrix (p - center), which is added to the summed loss of a shopper."""

    center: Floats  # (D,)
    matrix: Floats  # (D, D)
    about: str = ""  # to follow what is minimized

    @classmethod
    def of(cls, l2: float, instances: float, dropout: float, vectors: NDArray[np.floating]) -> Penalty:
        """That of a training: l2 is its weight decay, instances those of an epoch, vectors (M, D) what it learned."""
        if l2 or dropout:
            width = vectors.shape[1]
            return cls(np.zeros(width), l2 * instances * np.eye(width))
        return cls.of_spread(vectors)

    @classmethod
    def of_spread(cls, vectors: NDArray[np.floating]) -> Penalty:
        """Minus the log of the normal law of the trained vectors (M, D), counted a tenth.

        A tenth gives the vectors nearest to the trained ones of the demo: see docs/whatif.md.
        """
        covariance = np.atleast_2d(np.cov(vectors, rowvar=False, dtype=np.float64))
        least = 1e-4 * np.trace(covariance) / len(covariance) + 1e-12
        matrix = _SPREAD * np.linalg.inv(covariance + least * np.eye(len(covariance)))
        about = ", held near the trained shoppers' vectors, since only its early end held those back"
        return cls(vectors.mean(0, dtype=np.float64), matrix, about)

    def __call__(self, p: Floats) -> tuple[float, Floats]:
        """Its value and its gradient (D,) at p (D,)."""
        gradient = self.matrix @ (p - self.center)
        return float((p - self.center) @ gradient) / 2, gradient


def minimum(loss: Loss, start: Floats, steps: int = _STEPS, curvature: Floats | None = None) -> Floats:
    """The minimum (D,) of a convex loss from a start, or where `steps` led to.

    curvature: about that of the loss at the start, (D, D). In coordinates in which it is the identity, L-BFGS looks at
    the loss some 7 times in place of 50.
    """
    options: Any = {"maxiter": steps, "gtol": _GRADIENT, "ftol": 1e-13, "maxcor": 20}
    if curvature is None:
        found = scipy.optimize.minimize(loss, start, method="L-BFGS-B", jac=True, options=options)
        return np.asarray(found.x)
    least = _LEAST_CURVATURE * np.trace(curvature) / len(curvature) + 1e-12  # flat directions are to have a length, too
    root = np.linalg.cholesky(curvature + least * np.eye(len(curvature)))
    inverse = scipy.linalg.solve_triangular(root, np.eye(len(root)), lower=True)

    def straightened(moved: Floats) -> tuple[float, Floats]:
        value, gradient = loss(start + moved @ inverse)
        return value, inverse @ gradient

    # Each part of the gradient by p is then below _GRADIENT.
    options["gtol"] = _GRADIENT / (np.linalg.norm(root, 2) * np.sqrt(len(root)))
    found = scipy.optimize.minimize(straightened, np.zeros_like(start), method="L-BFGS-B", jac=True, options=options)
    return np.asarray(start + found.x @ inverse)


def without(history: History, behavior: int, item: int) -> History:
    """The history less one pair."""
    return [own[own != item] if r == behavior else own for r, own in enumerate(history)]


def first_order(fold_in: FoldIn, history: History, p: Floats, item: int, removed: Sequence[tuple[int, int]]) -> Floats:
    """(n,): about how much the item's score would fall, were each (behavior, item) removed from the history.

    p: (D,), where the history's loss is least. The loss without a pair has the slope g there, and its minimum lies at
    p - H^-1 g with H the loss's curvature, so the score, of slope k, falls by about k' H^-1 g (influence functions;
    Koh and Liang, ICML 2017). H^-1 k is found by conjugate gradients, H times a vector by differences of slopes.
    """
    loss = fold_in.loss(history)
    direction = fold_in.direction(item, p)

    def curved(vector: Floats) -> Floats:
        step = _DIFFERENCE * (1 + np.linalg.norm(p)) / max(float(np.linalg.norm(vector)), 1e-30)
        return np.asarray((loss(p + step * vector)[1] - loss(p - step * vector)[1]) / (2 * step))

    solved = np.zeros_like(direction)
    rest, along = direction.copy(), direction.copy()
    for _ in range(_CONJUGATE):
        bent = curved(along)
        size = float(along @ bent)
        if size <= 0 or float(rest @ rest) <= 1e-6 * float(direction @ direction):
            break
        length = float(rest @ rest) / size
        solved, left = solved + length * along, rest - length * bent
        along = left + float(left @ left) / float(rest @ rest) * along
        rest = left
    return np.array([solved @ fold_in.loss(without(history, *pair))(p)[1] for pair in removed])
