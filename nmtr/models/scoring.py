"""A cascade that is done learning, made ready to score."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nmtr.evaluation.scorer import FloatArray, IndexArray, Stages
from nmtr.models import kernels
from nmtr.models.nmtr import NMTR, grid

#: User-item pairs that a tower is asked for at once, so that what it needs of them stays in cache.
_TOWER_PAIRS = 1 << 17


class Cascade:
    """The scorer of a model as it is now: all that depends on items alone is worked out once.

    In half precision, towers are ranked in bfloat16 where the processor has it: twice as fast, and good for choosing
    among epochs. A rank among 8,000 items then moves by a few places.
    """

    @torch.no_grad()
    def __init__(self, model: NMTR, *, half_precision: bool = False) -> None:
        self._model, self._half_precision = model, half_precision
        self.num_users, self.num_items = model.num_users, model.num_items
        items = model.items.weight
        self._k, self._b = model.folded(items, model.bias)[-1]
        self._panels = kernels.Panels.of(self._k) if kernels.usable(self._k) else None
        self._towers = [(unit.tower, unit.tower.of_items(items)) for unit in model.units if unit.tower is not None]

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """Target scores of all items, (B, N) float32."""
        scores = np.empty((len(users), self.num_items), dtype=np.float32)
        p, out = self._model.users.weight[_index(users)], torch.from_numpy(scores)
        if self._panels is not None:
            kernels.products(self._b, p, self._panels, out)
        else:
            torch.addmm(self._b, p, self._k.T, out=out)
        if self._towers:
            step = max(1, _TOWER_PAIRS // self.num_items)
            rows, columns = grid(step, self.num_items)
            for block in (slice(start, start + step) for start in range(0, len(p), step)):
                own = out[block]
                pairs = slice(own.numel())
                for tower, of_items in self._towers:
                    of_users = tower.of_users(p[block])
                    added = tower.of_halves(
                        of_users, of_items, rows[pairs], columns[pairs], half_precision=self._half_precision
                    )
                    own += added.view_as(own)
        return scores

    @torch.inference_mode()
    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        """The stages of B pairs, taken apart."""
        rows, columns = _index(users), _index(items)
        p, q = self._model.users.weight[rows], self._model.items.weight[columns]
        each = torch.arange(len(p), dtype=torch.int32)
        parts: list[Tensor] = []
        for unit in self._model.units:
            own = p.new_zeros(len(p)) if unit.gmf is None else (p * q) @ unit.gmf
            parts.append(own if unit.tower is None else own + unit.tower(p, q, each, each))
        own = torch.stack(parts, dim=1)  # (B, R)
        return Stages(own=own.numpy(), bias=self._model.bias[:, columns].T.numpy())  # indexing copied the bias


def _index(rows: IndexArray) -> Tensor:
    return torch.from_numpy(np.asarray(rows, dtype=np.int64))
