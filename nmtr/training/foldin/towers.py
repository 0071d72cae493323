"""Fold-in of a cascade with towers: not convex, so what some steps lead to, over a sample of items and of dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import softplus

from nmtr.models.nmtr import NMTR
from nmtr.training.foldin.base import Floats, History, Loss, Penalty, minimum

#: Unobserved items that are looked at, masks of dropout, and steps.
_ITEMS, _MASKS, _STEPS = 1024, 4, 12


@dataclass(frozen=True, eq=False)
class Towers:
    """The log loss that training has in the mean, from sampled items that count as often as they are few."""

    model: NMTR
    reads: tuple[int, ...]
    lambdas: Sequence[float]
    penalty: Penalty
    dropout: float
    negatives: int  # ρ

    @property
    def about(self) -> str:
        masks = f" and {_MASKS} draws of dropout" if self.dropout else ""
        return (
            f"approximately, by up to {_STEPS} steps towards the least loss that training had in the mean, over the "
            f"history, up to {_ITEMS:,} other items{masks}{self.penalty.about}; with towers the problem is not convex."
        )

    def vector(self, history: History, start: Floats) -> Floats:
        return minimum(self.loss(history), start, _STEPS)

    def direction(self, item: int, p: Floats) -> Floats:
        vector = torch.from_numpy(p.astype(np.float32)).requires_grad_()
        with torch.no_grad():
            q, bias = self.model.items.weight[item : item + 1], self.model.bias[:, item : item + 1]
        (slope,) = torch.autograd.grad(self.model.over_items(vector[None], q, bias)[-1].sum(), vector)
        return slope.numpy().astype(np.float64)

    def loss(self, history: History) -> Loss:
        rng = np.random.default_rng(0)
        total = self.model.num_items
        touched = np.unique(np.concatenate([history[r] for r in self.reads]))
        # The same items whatever one pair is: a history less one pair is to differ by that pair alone.
        shuffled = rng.permutation(total)
        others = shuffled[~np.isin(shuffled, touched, assume_unique=True)]
        sampled = others[:_ITEMS]
        chosen = torch.from_numpy(np.concatenate([touched, sampled]).astype(np.int64))
        labels, weights = np.zeros((2, len(self.reads), len(chosen)), np.float32)
        weights[:, : len(touched)], weights[:, len(touched) :] = 1.0, len(others) / max(1, len(sampled))
        for r, (label, weight) in enumerate(zip(labels, weights, strict=True)):
            own = history[self.reads[r]]
            label[np.searchsorted(touched, own)] = 1
            left = total - len(own)
            weight *= np.where(label > 0, 1.0, self.negatives * len(own) / left if left else 0.0)
            weight *= self.lambdas[r]
        signs, counts = torch.from_numpy(1 - 2 * labels), torch.from_numpy(weights)
        kept = 1 - self.dropout
        masks = torch.ones(1, self.model.users.embedding_dim)
        if self.dropout:
            drawn = rng.random((_MASKS, masks.shape[1])) < kept
            masks = torch.from_numpy(drawn.astype(np.float32) / np.float32(kept))
        with torch.no_grad():
            q, bias = self.model.items.weight[chosen], self.model.bias[:, chosen]

        def value(p: Floats) -> tuple[float, Floats]:
            vector = torch.from_numpy(p.astype(np.float32)).requires_grad_()
            logits = torch.stack(self.model.over_items(vector * masks, q, bias), dim=1)  # (masks, R, n)
            loss = (softplus(signs * logits) * counts).sum() / len(masks)
            (slope,) = torch.autograd.grad(loss, vector)
            held_back, gradient = self.penalty(p)
            return float(loss.detach()) + held_back, gradient + slope.numpy()

        return value
