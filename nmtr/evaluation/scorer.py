"""The one protocol that everything which can rank implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.integer]


@runtime_checkable
class Scorer(Protocol):
    """Scores every item for a block of users; ranking, recommending, explaining and exporting know nothing else."""

    @property
    def num_users(self) -> int: ...

    @property
    def num_items(self) -> int: ...

    def score(self, users: IndexArray) -> FloatArray:
        """Target logits of all items, (B, N) float32, for users (B,); a fresh array that the caller may change."""
        ...


@runtime_checkable
class PairScorer(Scorer, Protocol):
    """A scorer that can also score listed pairs."""

    def pairs(self, users: IndexArray, items: IndexArray) -> FloatArray:
        """The target logits of listed pairs in full: users (B,), items (B,) -> (B,) float32."""
        ...


@runtime_checkable
class RoughScorer(PairScorer, Protocol):
    """A scorer that can also score roughly, and faster."""

    def rough(self, users: IndexArray) -> tuple[FloatArray, float]:
        """As `score`, (B, N), and how far at most each score is from that of `pairs`."""
        ...


@runtime_checkable
class ItemVectors(Protocol):
    """A scorer that knows items by one vector each."""

    @property
    def item_vectors(self) -> FloatArray:
        """(N, E) float32, not to be changed."""
        ...


@dataclass(frozen=True)
class Stages:
    """Scores taken apart along the cascade (Eq. 9), for B pairs and R behaviors, lowest first."""

    own: FloatArray  # (B, R) each stage's own interaction f^r(p_u, q_i); half of it after the first of a mean cascade
    bias: FloatArray  # (B, R) each stage's item bias b_i^r
    kept: float = 1.0  # how much of a stage's logit the next one inherits

    @property
    def logits(self) -> FloatArray:
        """(B, R) before the sigmoid: ``logits[:, r] == kept * logits[:, r - 1] + (own[:, r] + bias[:, r])``, to the
        bit."""
        logits = (self.own + self.bias).astype(np.float32, copy=True)
        for r in range(1, logits.shape[1]):
            logits[:, r] += np.float32(self.kept) * logits[:, r - 1]
        return logits


@runtime_checkable
class CascadeScorer(Scorer, Protocol):
    """A scorer whose target logit is the last of a cascade of stages."""

    def stages(self, users: IndexArray, items: IndexArray) -> Stages:
        """The stages of B pairs; users (B,), items (B,)."""
        ...


@runtime_checkable
class StageScorer(CascadeScorer, Protocol):
    """A cascade that scores all items by every stage at once."""

    @property
    def has_towers(self) -> bool:
        """Whether a score takes a neural network, and so about a hundred times as long as a product."""
        ...

    def logits(self, users: IndexArray) -> FloatArray:
        """Every stage's logits of all items, (R, B, N) float32, lowest behavior first; a fresh array."""
        ...
