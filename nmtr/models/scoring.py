"""A cascade that is done learning, made ready to score."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from nmtr.evaluation.scorer import FloatArray, IndexArray, Scorer, Stages
from nmtr.models.nmtr import NMTR, grid
from nmtr.models.units import Tower
from nmtr.native import tensors as kernels
from nmtr.native.pairs import dots

#: User-item pairs that a tower is asked for at once, so that what it needs of them stays in cache.
_TOWER_PAIRS = 1 << 17
#: Pairs whose rough scores are checked by full ones in each block, and how much larger an error may be than theirs.
_PROBED, _MARGIN = 4096, 4.0


class Products(Protocol):
    """A model whose score under each behavior is one product of vectors."""

    num_users: int
    num_items: int

    def products(self, users: Tensor, dropout: float) -> tuple[Tensor, Tensor, Tensor]:
        """z (R, B, E) of B users, q (N, E) of all items or (R, N, E) if each behavior has its own, bias (R, N)."""
        ...


def scorer_of(model: NMTR, stage: int = -1) -> Scorer:
    """The scorer of a model as it is now, by the logits of a stage: the last is the target's."""
    rough = model.has_towers and kernels.usable(model.bias) and kernels.half_precision()
    return RoughNMTRScorer(model, stage) if rough else NMTRScorer(model, stage)


class NMTRScorer:
    """Scores in full: all that depends on items alone is worked out once."""

    @torch.no_grad()
    def __init__(self, model: NMTR, stage: int = -1) -> None:
        """stage: whose logits `score` gives."""
        self._model = model
        self.num_users, self.num_items = model.num_users, model.num_items
        items = model.items.weight
        self._k, self._b = model.folded(items, model.bias)[stage]
        self._panels = kernels.Panels.of(self._k) if kernels.usable(self._k) else None
        self._towers = [
            (r, unit.tower, unit.tower.of_items(model.block(items, r)), weight)
            for r, (unit, weight) in enumerate(zip(model.units, model.tower_weights(stage), strict=True))
            if unit.tower is not None and weight
        ]

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """The stage's scores of all items, (B, N) float32."""
        p, scores = self._products(users)
        self._add_towers(p, scores, half_precision=False)
        result: FloatArray = scores.numpy()
        return result

    def _products(self, users: IndexArray) -> tuple[Tensor, Tensor]:
        """The users' vectors (B, E), and what the scores (B, N) are without towers."""
        p = self._model.users.weight[_index(users)]
        scores = p.new_empty(len(p), self.num_items)
        if self._panels is not None:
            kernels.products(self._b, p, self._panels, scores)
        else:
            torch.addmm(self._b, p, self._k.T, out=scores)
        return p, scores

    def _add_towers(self, p: Tensor, scores: Tensor, *, half_precision: bool) -> None:
        if not self._towers:
            return
        step = max(1, _TOWER_PAIRS // self.num_items)
        rows, columns = grid(step, self.num_items)
        for block in (slice(start, start + step) for start in range(0, len(p), step)):
            own = scores[block]
            pairs = rows[: own.numel()], columns[: own.numel()]
            for r, tower, of_items, weight in self._towers:
                of_users = tower.of_users(self._model.block(p[block], r))
                part = tower.of_halves(of_users, of_items, *pairs, half_precision=half_precision)
                own.add_(part.view_as(own), alpha=weight)

    @torch.inference_mode()
    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        """The stages of B pairs, taken apart."""
        rows, columns = _index(users), _index(items)
        p, q = self._model.users.weight[rows], self._model.items.weight[columns]
        parts: list[Tensor] = []
        for r, unit in enumerate(self._model.units):
            own = unit(self._model.block(p, r), self._model.block(q, r))
            parts.append(own if r == 0 else self._model.own * own)
        own = torch.stack(parts, dim=1)  # (B, R)
        bias = self._model.bias[:, columns].T.numpy()  # indexing copied it
        return Stages(own=own.numpy(), bias=bias, kept=self._model.kept)

    @torch.inference_mode()
    def pairs(self, users: IndexArray, items: IndexArray) -> FloatArray:
        """The stage's scores of B pairs, (B,) float32."""
        distinct, rows = np.unique(users, return_inverse=True)
        p, columns = self._model.users.weight[_index(distinct)], torch.from_numpy(items.astype(np.int32))
        at = torch.from_numpy(rows.astype(np.int32))
        scores = self._b.index_select(0, columns) + dots(p, self._k, at, columns)
        for r, tower, of_items, weight in self._towers:
            of_users = tower.of_users(self._model.block(p, r))
            scores.add_(tower.of_halves(of_users, of_items, at, columns), alpha=weight)
        result: FloatArray = scores.numpy()
        return result

    @property
    def has_towers(self) -> bool:
        return self._model.has_towers

    @property
    def item_vectors(self) -> FloatArray:
        """(N, E) float32; of separate embeddings (N, R E), those of all behaviors side by side."""
        vectors: FloatArray = self._model.items.weight.detach().numpy()
        return vectors

    @torch.inference_mode()
    def logits(self, users: IndexArray) -> FloatArray:
        """Every stage's logits of all items, (R, B, N) float32: each tower once, whatever stages it counts in."""
        p = self._model.users.weight[_index(users)]
        scores = np.empty((self._model.num_behaviors, len(p), self.num_items), np.float32)
        rows, columns = grid(len(p), self.num_items) if self.has_towers else (p, p)
        inherited: Tensor | None = None
        with kernels.tiny_numbers_as_zero():
            for r, (own, (k, b, panels)) in enumerate(zip(scores, self._every_stage, strict=True)):
                if panels is None:
                    torch.addmm(b, p, k.T, out=torch.from_numpy(own))
                else:
                    kernels.products(b, p, panels, torch.from_numpy(own))
                tower, of_items = self._every_tower[r]
                of_tower = None
                if tower is not None:
                    of_tower = tower.of_halves(tower.of_users(self._model.block(p, r)), of_items, rows, columns)
                if of_tower is not None or inherited is not None:
                    inherited = self._model.next_stage(r, inherited, of_tower)
                    own += inherited.view(own.shape).numpy()
        return scores

    @cached_property
    def _every_stage(self) -> list[tuple[Tensor, Tensor, kernels.Panels | None]]:
        """What the logits of each stage are without towers: k (N, E) and b (N,), and k as the kernels read it."""
        return [
            (k, b, kernels.Panels.of(k) if kernels.usable(k) else None)
            for k, b in self._model.folded(self._model.items.weight, self._model.bias)
        ]

    @cached_property
    def _every_tower(self) -> list[tuple[Tower | None, Tensor]]:
        """Each unit's tower, and its half of the first layer that items have, (N, W)."""
        items = self._model.items.weight
        return [
            (unit.tower, items if unit.tower is None else unit.tower.of_items(self._model.block(items, r)))
            for r, unit in enumerate(self._model.units)
        ]


class RoughNMTRScorer(NMTRScorer):
    """Where towers can be had in bfloat16, which takes half the time, on matrix tiles less: `rough` for ranking."""

    @torch.no_grad()
    def __init__(self, model: NMTR, stage: int = -1) -> None:
        super().__init__(model, stage)
        in_tiles = kernels.matrix_tiles() and all(tower.hidden for _, tower, _, _ in self._towers)
        self._half = [kernels.HalfPanels.of(of_items) for _, _, of_items, _ in self._towers] if in_tiles else None

    @torch.inference_mode()
    def rough(self, users: IndexArray) -> tuple[FloatArray, float]:
        """`score` with towers in bfloat16, and four times the largest error seen on some pairs."""
        p, out = self._products(users)
        if self._half is None:
            self._add_towers(p, out, half_precision=True)
        else:
            for (r, tower, _, weight), of_items in zip(self._towers, self._half, strict=True):
                hidden = [layer.weight for layer in tower.hidden], [layer.bias for layer in tower.hidden]
                weights = kernels.TowerWeights(*hidden, weight * tower.project.weight[0])
                kernels.tower_grid(tower.of_users(self._model.block(p, r)), of_items, weights, out)
        scores: FloatArray = out.numpy()
        rng = np.random.default_rng(len(users))
        rows, items = rng.integers(len(users), size=_PROBED), rng.integers(self.num_items, size=_PROBED)
        error = np.abs(scores[rows, items] - self.pairs(users[rows], items)).max()
        return scores, float(_MARGIN * error)


class ProductStage:
    """Ranks by the scores of one behavior of a model of products."""

    def __init__(self, model: Products, stage: int) -> None:
        self._model, self._stage = model, stage
        self.num_users, self.num_items = model.num_users, model.num_items

    @torch.inference_mode()
    def score(self, users: IndexArray) -> FloatArray:
        """The behavior's scores of all items, (B, N) float32."""
        z, q, bias = self._model.products(_index(users), 0.0)
        scores: FloatArray = torch.addmm(
            bias[self._stage], z[self._stage], (q if q.dim() == 2 else q[self._stage]).T
        ).numpy()
        return scores


def _index(rows: IndexArray) -> Tensor:
    return torch.from_numpy(np.asarray(rows, dtype=np.int64))
