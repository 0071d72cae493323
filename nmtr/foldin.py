"""Shoppers that a finished run was not trained on: their histories made vectors, their vectors made scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits
from torch import Tensor

from nmtr.config import RunConfig
from nmtr.data.dataset import matrix_of
from nmtr.errors import RunError
from nmtr.evaluation.scorer import Scorer
from nmtr.experiment import unfilled
from nmtr.methods import contract
from nmtr.training.foldin.base import Floats, History, first_order


class Vectors:
    """The shoppers of a run with a model: only their vectors are fitted."""

    def __init__(self, config: RunConfig, weights: Mapping[str, Tensor], train: Sequence[csr_array]) -> None:
        """train: the R matrices (M, N) that the run was trained on. RunError where its method cannot fit one more."""
        self._config, self._weights = config, weights
        num_users, self._num_items = train[-1].shape
        model = unfilled(config, num_users, self._num_items)
        model.load_state_dict(weights, assign=True)
        self._fold_in = contract.trained(config).fold_in(model, config, train)
        self.reads, self.about = self._fold_in.reads, f"Only the shopper's vector is fitted: {self._fold_in.about}"
        rows = weights["users.weight"]
        self._each = len(rows) // num_users  # rows of a user, the target's the last
        self.mean: Floats = rows[self._each - 1 :: self._each].double().mean(0).numpy()

    def vector(self, history: History, start: Floats | None = None) -> Floats:
        """The vector (D,) of a history, R of (n_r,); the mean of all shoppers' where it holds nothing that is read."""
        if not any(len(history[r]) for r in self.reads):
            return self.mean
        with threadpool_limits(1, "blas"):  # products this small only wait for each other's threads
            return self._fold_in.vector(history, self.mean if start is None else start)

    def scorer(self, vectors: Sequence[Floats], histories: Sequence[History], without: int | None = None) -> Scorer:
        """Scores for B shoppers, by their vectors (D,); without: a stage that is to count nothing, as a position."""
        rows = torch.zeros(len(vectors), self._each, len(self.mean))
        rows[:, -1] = torch.from_numpy(np.stack(vectors).astype(np.float32))
        weights = {**self._weights, "users.weight": rows.flatten(0, 1)}
        if without is not None:
            for name in (f"units.{without}.gmf", f"units.{without}.tower.project.weight"):
                if name in weights:
                    weights[name] = torch.zeros_like(weights[name])
            weights["bias"] = weights["bias"].clone()
            weights["bias"][without] = 0
        model = unfilled(self._config, len(vectors), self._num_items)
        model.load_state_dict(weights, assign=True)
        return contract.trained(self._config).scorer(model.eval())

    def first_order(self, history: History, vector: Floats, item: int, pairs: Sequence[tuple[int, int]]) -> Floats:
        """About how much the item's score falls without each (behavior, item) of the history, (n,)."""
        with threadpool_limits(1, "blas"):
            return first_order(self._fold_in, history, vector, item, pairs)


class Counts:
    """The shoppers of a rule, which reads their histories as they are."""

    about = (
        "Nothing is fitted: the rule reads the history as it is, and the numbers of buyers stay as they were counted."
    )

    def __init__(self, config: RunConfig, train: Sequence[csr_array]) -> None:
        self._config, self._train = config, train
        self.reads: tuple[int, ...] = (len(train) - 2,) if config.method == "last-behavior" else ()

    def vector(self, history: History, start: Floats | None = None) -> Floats:
        """Nothing, (0,)."""
        return np.empty(0)

    def scorer(self, vectors: Sequence[Floats], histories: Sequence[History], without: int | None = None) -> Scorer:
        """Scores for B shoppers, by their histories."""
        assert without is None, "a rule has no stages"
        matrices = [stacked([history[r] for history in histories], own.shape[1]) for r, own in enumerate(self._train)]
        return contract.rule(self._config).shopper(self._config, self._train, matrices)

    def first_order(self, history: History, vector: Floats, item: int, pairs: Sequence[tuple[int, int]]) -> Floats:
        """1 where the pair moves the item's score, else 0, (n,)."""
        return np.array([float(own == item) for _, own in pairs])


def shoppers(config: RunConfig, weights: Mapping[str, Tensor], train: Sequence[csr_array]) -> Vectors | Counts:
    """How a finished run scores one more shopper; RunError where its method cannot."""
    if not config.uses("epochs"):
        return Counts(config, train)
    if not weights:
        raise RunError("fitting one more shopper needs the run's weights, which were not loaded: open the run again.")
    return Vectors(config, weights, train)


def stacked(rows: Sequence[NDArray[np.integer]], num_items: int) -> csr_array:
    """Users' items as a matrix (B, N)."""
    users = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
    return matrix_of(users, np.concatenate([np.sort(row) for row in rows]).astype(np.int32), (len(rows), num_items))
