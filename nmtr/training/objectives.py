"""What a step minimizes: each objective deals out batches and leaves their gradient in the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.models.bpr import BPR
from nmtr.models.nmtr import NMTR
from nmtr.training.losses import bpr_loss, expected_log_loss, expected_log_loss_of_products, log_loss
from nmtr.training.sampling import Batch, NegativeSampler, PairSampler

#: User-item pairs whose towers' activations are held at once by the exact loss: about 150 MB at E = 64.
_TOWER_PAIRS = 1 << 17


class Objective(Protocol):
    """Deals out the batches of an epoch; `backward` adds a batch's gradient and returns its loss a behavior (sums)."""

    steps: int  # batches an epoch
    instances: NDArray[np.float64]  # expected instances of an epoch, a behavior: what the reported sums are divided by

    def batches(self, rng: np.random.Generator) -> Iterator[Any]: ...

    def backward(self, batch: Any) -> NDArray[np.float64]: ...


class SampledLoss:
    """Eq. 12 on the paper's mini-batches, in mean over a batch's instances."""

    def __init__(
        self,
        model: NMTR,
        train: Sequence[csr_array],
        lambdas: Sequence[float],
        *,
        negatives: int,
        batch_size: int,
        dropout: float,
    ) -> None:
        self.model, self.lambdas, self.dropout = model, lambdas, dropout
        self.sampler = PairSampler(train, negatives, batch_size)
        self.steps = self.sampler.steps
        self.instances = self.sampler.instances()
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        return self.sampler.batches(rng)

    def backward(self, batch: Batch) -> NDArray[np.float64]:
        users = torch.from_numpy(np.concatenate(batch.users[::-1]))
        items = torch.from_numpy(np.concatenate(batch.items[::-1]))
        logits = self.model(users, items, [len(own) for own in batch.users], self.dropout)
        losses = [log_loss(own, positive) for own, positive in zip(logits, batch.positives, strict=True)]
        (_weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])


class ExactLoss:
    """The expectation of `SampledLoss`, over every user-item pair: a batch is a block of users with all items."""

    def __init__(
        self,
        model: NMTR,
        train: Sequence[csr_array],
        lambdas: Sequence[float],
        *,
        negatives: int,
        batch_size: int,
        dropout: float,
    ) -> None:
        self.model, self.train, self.lambdas = model, train, lambdas
        self.batch_size, self.dropout = batch_size, dropout
        num_users, num_items = train[-1].shape
        self.steps = -(-num_users // batch_size)
        counts = np.stack([np.diff(matrix.indptr) for matrix in train])  # (R, M)
        drawn = np.where(counts < num_items, negatives * counts, 0)
        self.weight = (drawn / np.maximum(num_items - counts, 1)).astype(np.float32)  # (R, M)
        self.instances = (counts + drawn).sum(1).astype(np.float64)
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        order = rng.permutation(self.weight.shape[1])
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def backward(self, batch: NDArray[np.int64]) -> NDArray[np.float64]:
        p = self.model.users(torch.from_numpy(batch))
        p = torch.nn.functional.dropout(p, self.dropout, self.model.training)
        weights = torch.from_numpy(self.weight[:, batch])
        positives = [matrix[batch] for matrix in self.train]
        if not self.model.has_towers:
            stages = zip(self.model.folded(), positives, weights, strict=True)
            losses = [
                expected_log_loss_of_products(
                    p, k, b, torch.from_numpy(own.indptr), torch.from_numpy(own.indices), weight
                )
                for (k, b), own, weight in stages
            ]
            (_weighted(self.lambdas, losses) * self.scale).backward()
            return np.array([float(loss.detach()) for loss in losses])
        # Blocks of items share one user vector: its gradient is gathered over them and goes on to the table once.
        leaf = p.detach().requires_grad_()
        sums = np.zeros(len(self.lambdas))
        size = max(1, _TOWER_PAIRS // len(batch))
        for chosen in (slice(start, start + size) for start in range(0, self.model.num_items, size)):
            losses = [
                expected_log_loss(logits, *_within(own, chosen), weight)
                for logits, own, weight in zip(self.model.over_items(leaf, chosen), positives, weights, strict=True)
            ]
            (_weighted(self.lambdas, losses) * self.scale).backward()
            sums += [float(loss.detach()) for loss in losses]
        p.backward(leaf.grad)  # type: ignore[no-untyped-call]
        return sums


class PairwiseLoss:
    """BPR: -ln σ(score of a purchase - score of an item not bought), ρ items a purchase, in mean over a batch."""

    def __init__(
        self, model: BPR, train: Sequence[csr_array], *, negatives: int, batch_size: int, dropout: float
    ) -> None:
        self.model, self.negatives, self.batch_size, self.dropout = model, negatives, batch_size, dropout
        self.sampler = NegativeSampler(train[-1])
        pairs = train[-1].tocoo()
        usable = self.sampler.possible[pairs.row]
        self.users, self.items = pairs.row[usable].astype(np.int64), pairs.col[usable].astype(np.int64)
        self.steps = -(-len(self.users) // batch_size)
        self.instances = np.array([float(len(self.users) * negatives)])

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = rng.permutation(len(self.users))
        for start in range(0, len(order), self.batch_size):
            own = order[start : start + self.batch_size]
            drawn = self.sampler.draw(np.repeat(self.users[own], self.negatives), rng)
            other = drawn.reshape(len(own), self.negatives)
            yield (
                torch.from_numpy(self.users[own]),
                torch.from_numpy(self.items[own]),
                torch.from_numpy(other),
            )

    def backward(self, batch: tuple[Tensor, Tensor, Tensor]) -> NDArray[np.float64]:
        users, bought, other = batch
        loss = bpr_loss(self.model(users, bought, other, self.dropout))
        (loss / other.numel()).backward()  # type: ignore[no-untyped-call]
        return np.array([float(loss.detach())])


def _weighted(lambdas: Sequence[float], losses: Sequence[Tensor]) -> Tensor:
    """Eq. 12: the sum of one loss a behavior, weighted by λ."""
    return sum((weight * loss for weight, loss in zip(lambdas, losses, strict=True)), torch.zeros(()))


def _within(positives: csr_array, chosen: slice) -> tuple[Tensor, Tensor]:
    """The rows and columns of the positives that stand in a block of items, columns counted from its start."""
    pairs = positives.tocoo()
    rows, columns = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
    inside = (columns >= chosen.start) & (columns < chosen.stop)
    return torch.from_numpy(rows[inside]), torch.from_numpy(columns[inside] - chosen.start)
