"""iALS: weighted matrix factorization by alternating least squares (Hu et al., 2008), by the library implicit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.evaluation.scorer import Scorer
from nmtr.models.factorization import Factorization
from nmtr.training.foldin.base import FoldIn, Penalty
from nmtr.training.foldin.items import SquaredError
from nmtr.training.foldin.linear import LinearScores
from nmtr.training.report import Stopped


def build(config: RunConfig, num_users: int, num_items: int) -> Factorization:
    return Factorization(num_users, num_items, embedding_size=config.embedding_size, scale=0.1)


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Alternation:
    assert isinstance(model, Factorization)
    return Alternation(model, config, train[-1])


def scorer(model: nn.Module) -> Scorer:
    assert isinstance(model, Factorization)
    return model


def fold_in(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
    """The step of the alternation that solves for a user, with the items as the last one left them."""
    assert isinstance(model, Factorization)
    width = model.users.embedding_dim
    return SquaredError(
        LinearScores.of(*model.of_vector()),
        reads=(len(train) - 1,),
        lambdas=(1.0,),
        penalty=Penalty(np.zeros(width), 2 * given(config.l2_embeddings) * np.eye(width)),
        dropout=0.0,
        unobserved_weight=config.unobserved_weight,
    )


class Alternation:
    """An epoch solves for all users, then for all items: each the minimum of

    sum_ui c (p_u . q_i - y)^2 + l2 (|P|^2 + |Q|^2), c = 1 where y = 1 and c = w where y = 0.
    """

    steps = 1

    def __init__(self, model: Factorization, config: RunConfig, target: csr_array) -> None:
        self.model, self._weight, self._threads = model, config.unobserved_weight, config.threads
        self._l2 = given(config.l2_embeddings)
        self._target = csr_matrix(target, dtype=np.float32)

    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        from implicit.cpu.als import AlternatingLeastSquares

        if stop():
            raise Stopped
        started = time.perf_counter()
        losses: list[float] = []
        with threadpool_limits(1, "blas"):  # its own threads call BLAS
            # implicit counts an unobserved pair as 1: everything is divided by w.
            solver = AlternatingLeastSquares(
                factors=self.model.users.embedding_dim,
                regularization=self._l2 / self._weight,
                alpha=1 / self._weight,
                iterations=1,
                use_cg=False,  # solve, rather than go three steps towards it
                num_threads=self._threads,
                calculate_training_loss=True,
                random_state=0,
            )
            solver.user_factors, solver.item_factors = (
                table.weight.detach().numpy().copy() for table in (self.model.users, self.model.items)
            )
            solver.fit(self._target, show_progress=False, callback=lambda *told: losses.append(float(told[2])))
        with torch.no_grad():
            self.model.users.weight.copy_(torch.from_numpy(solver.user_factors))
            self.model.items.weight.copy_(torch.from_numpy(solver.item_factors))
        return np.array(losses), time.perf_counter() - started

    def state(self) -> dict[str, Any]:
        return {"model": self.model.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
