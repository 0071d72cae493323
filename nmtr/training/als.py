"""Alternating least squares: users, items and stages in turn, each at its exact minimum.

With GMF units the score of stage r is sum_e p_e q_e H_e^r, H^r being what the cascade adds up of h^1 to h^r, so the
squared error over all pairs is quadratic in the users' vectors, in the items' and in H, each while the others stay:

    sum_r lambda_r (sum_ui c (sum_e p_ue q_ie H_e^r - y_ui^r)^2 + l2 sum_u s_u |p_u * H^r|^2) + l2 sum_i s_i |q_i|^2

with c = 1 where y = 1 and c = w where y = 0. The penalty is on what a score is a product of, the user's vector as stage
r reads it and the item's; so it does not change with the length of H, and for one behavior this is iALS (Hu, Koren and
Volinsky, ICDM 2008). s is how much of the loss is about a user or item, sum_r lambda_r (n^r + w N): the scaling by
frequency of Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks" (RecSys 2022).
Biases stay 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from nmtr.config import RunConfig, given
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.native.pairs import dots
from nmtr.native.systems import Pairs, pair_products, solve_rows
from nmtr.training.report import Stopped

_PARTS = 16  # of a side: between them a training may be stopped


class _Alternation:
    """What every alternation has: the problem, one side's solution, and the losses it is left with."""

    steps = 1

    def __init__(self, model: nn.Module, config: RunConfig) -> None:
        self.model = model
        self._weight, self._l2, self._scaled = config.unobserved_weight, given(config.l2_embeddings), config.l2_scaling

    def _scale(self, side: Pairs, lambdas: Tensor) -> Tensor:
        """s of each user or item, (m,)."""
        if not self._scaled:
            return torch.ones(side.counts.shape[1])
        return (lambdas[:, None] * (side.counts + self._weight * side.each)).sum(0)

    def _solved(self, side: Pairs, factors: Tensor, lambdas: Tensor, ridge: Tensor, stop: Callable[[], bool]) -> Tensor:
        """(m, E) the best vectors of one side, given the other's under each behavior, (R, n, E); ridge: (m, E)."""
        rows = len(side.starts) - 1
        edges = [rows * part // _PARTS for part in range(_PARTS + 1)]
        gram = sum(own.double().T @ own.double() * weight for own, weight in zip(factors, lambdas, strict=True))
        everywhere = (self._weight * torch.as_tensor(gram)).float()
        found = []
        for first, last in zip(edges, edges[1:], strict=False):
            if stop():
                raise Stopped
            part = slice(first, last)
            found.append(solve_rows(side, factors, lambdas, self._weight, everywhere, ridge[part], part))
        return torch.cat(found)

    def _loss(self, p: Tensor, q: Tensor, pairs: tuple[Tensor, Tensor]) -> float:
        """The loss of a behavior's scores p . q over all pairs, a mean over the observed ones as in `SquaredLoss`."""
        out = dots(p, q, *pairs).double()
        everywhere = ((p.double().T @ p.double()) * (q.double().T @ q.double())).sum()
        observed = ((out - 1) ** 2 - self._weight * out**2).sum()
        return float(self._weight * everywhere + observed) / max(1, len(out))

    def state(self) -> dict[str, Any]:
        return {"model": self.model.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])


class LeastSquares(_Alternation):
    """Of a cascade of GMF units: an epoch is a sweep over all users, all items, all stages."""

    model: NMTR

    def __init__(self, model: NMTR, config: RunConfig, train: Sequence[csr_array], lambdas: Sequence[float]) -> None:
        """train: R matrices (M, N), lowest behavior first."""
        super().__init__(model, config)
        self._of_users, self._of_items = Pairs.of(train), Pairs.of([matrix.T.tocsr() for matrix in train])
        self._pairs = [_positions(matrix) for matrix in train]
        self.weigh(lambdas)

    def weigh(self, lambdas: Sequence[float]) -> None:
        """Take other λ (R,), from the next sweep on."""
        self._lambdas = torch.tensor(lambdas, dtype=torch.float32)
        self._learned = [r for r, weight in enumerate(lambdas) if weight]  # a stage that weighs nothing stays as it is
        self._user_scale, self._item_scale = (
            self._scale(side, self._lambdas) for side in (self._of_users, self._of_items)
        )

    @torch.no_grad()
    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        """One sweep: ((R,) mean loss an observed pair of each behavior, seconds); Stopped where stop() says so."""
        started = time.perf_counter()
        q, stages = self.model.items.weight.detach(), self.model.heads().detach()
        p = self._users(q, stages, stop)
        ridge = (self._l2 * self._item_scale[:, None]).expand(-1, q.shape[1])
        q = self._solved(self._of_items, p * stages[:, None], self._lambdas, ridge, stop)
        if len(self._learned) > 1:  # one stage alone only stretches the users' vectors, which had their turn
            stages = self._best_stages(p, q, stages)
        # Without a change of any score or of the penalty, so that no vector grows while another shrinks.
        length = self._spread(stages).sqrt().clamp_min(1e-12)
        self._keep(p * length, q, stages / length)
        heads = self.model.heads()
        p, q = self.model.users.weight, self.model.items.weight
        losses = [self._loss(p * head, q, pairs) for head, pairs in zip(heads, self._pairs, strict=True)]
        return np.array(losses), time.perf_counter() - started

    def _users(self, q: Tensor, stages: Tensor, stop: Callable[[], bool]) -> Tensor:
        """(M, E) the best vectors of the users, given the items' and the stages."""
        ridge = self._l2 * self._user_scale[:, None] * self._spread(stages)
        return self._solved(self._of_users, q * stages[:, None], self._lambdas, ridge, stop)

    def _spread(self, stages: Tensor) -> Tensor:
        """(E,) sum_r lambda_r (H^r)^2: what the penalty of a user's vector weighs in each direction."""
        return (self._lambdas[:, None] * stages**2).sum(0)

    def _best_stages(self, p: Tensor, q: Tensor, stages: Tensor) -> Tensor:
        """(R, E) the best H^r of each learned stage, and those of the others as they are."""
        everywhere = self._weight * ((p.double().T @ p.double()) * (q.double().T @ q.double()))
        penalty = self._l2 * (self._user_scale[:, None].double() * p.double() ** 2).sum(0)
        found = stages.clone()
        for r in self._learned:
            squares, sums = pair_products(p, q, *self._pairs[r])
            system = everywhere + (1 - self._weight) * squares + torch.diag(penalty)
            found[r] = torch.linalg.lstsq(system, sums[:, None]).solution[:, 0].float()
        return found

    def _keep(self, p: Tensor, q: Tensor, stages: Tensor) -> None:
        """Write the vectors, and the heads whose cascade comes to these stages, into the model."""
        self.model.users.weight.copy_(p)
        self.model.items.weight.copy_(q)
        for unit, head in zip(self.model.units, self.model.heads_of(stages), strict=True):
            assert unit.gmf is not None, "all units are GMF"
            unit.gmf.copy_(head)


class SharedLeastSquares(_Alternation):
    """Of a factorization whose behaviors share one side: an epoch solves for the other side's vectors, then for its.

    sum_r lambda_r (sum_ui c (p_u^r . q_i - y_ui^r)^2 + l2 sum_u s_u^r |p_u^r|^2) + l2 sum_i s_i |q_i|^2 where the items
    are shared, and the same with users and items the other way round.
    """

    model: Factorization

    def __init__(self, model: Factorization, config: RunConfig, train: Sequence[csr_array]) -> None:
        """train: R matrices (M, N), lowest behavior first."""
        super().__init__(model, config)
        lambdas = given(config.lambdas)
        if config.shared_side == "user":
            train = [matrix.T.tocsr() for matrix in train]
            self._tables = model.items, model.users
        else:
            self._tables = model.users, model.items
        self._lambdas = torch.tensor(lambdas, dtype=torch.float32)
        self._one = torch.ones(1)
        self._each = [Pairs.of([matrix]) for matrix in train]
        self._of_shared = Pairs.of([matrix.T.tocsr() for matrix in train])
        self._pairs = [_positions(matrix) for matrix in train]

    @torch.no_grad()
    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        """As `LeastSquares.epoch`."""
        started = time.perf_counter()
        own, shared = self._tables
        q, width = shared.weight.detach(), shared.embedding_dim
        p = torch.stack(
            [
                self._solved(side, q[None], self._one, self._ridge(self._scale(side, self._one), width), stop)
                for side in self._each
            ]
        )  # (R, m, E)
        q = self._solved(
            self._of_shared, p, self._lambdas, self._ridge(self._scale(self._of_shared, self._lambdas), width), stop
        )
        own.weight.copy_(p.transpose(0, 1).reshape(-1, width))  # row u R + r
        shared.weight.copy_(q)
        losses = [self._loss(of_behavior, q, pairs) for of_behavior, pairs in zip(p, self._pairs, strict=True)]
        return np.array(losses), time.perf_counter() - started

    def _ridge(self, scale: Tensor, width: int) -> Tensor:
        return (self._l2 * scale[:, None]).expand(-1, width)


def _positions(matrix: csr_array) -> tuple[Tensor, Tensor]:
    """The rows and the columns of a matrix's pairs, int32."""
    rows, columns = (torch.from_numpy(part.astype(np.int32)) for part in matrix.nonzero())
    return rows, columns
