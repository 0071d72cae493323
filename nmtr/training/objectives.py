"""What a step minimizes: each objective deals out batches and leaves their gradient in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from nmtr.training.losses import log_loss
from nmtr.training.sampling import Batch, Distinct, PairSampler


class Objective(Protocol):
    """Deals out the batches of an epoch; `backward` adds a batch's gradient and returns its loss a behavior (sums)."""

    lambdas: Sequence[float]  # the weight of each behavior's loss
    steps: int  # batches an epoch
    instances: NDArray[np.float64]  # expected instances of an epoch, a behavior: what the reported sums are divided by

    def batches(self, rng: np.random.Generator) -> Iterator[Any]: ...

    def backward(self, batch: Any) -> NDArray[np.float64]: ...


class PairModel(Protocol):
    """A model that scores listed pairs."""

    num_users: int
    num_items: int

    def of_batch(
        self, users: Tensor, items: Tensor, rows: Tensor, columns: Tensor, sizes: Sequence[int], dropout: float = 0.0
    ) -> list[Tensor]:
        """The scores of pairs under their own behaviors; see `NMTR.of_batch`."""
        ...


class ExpectedNegatives:
    """What `SampledLoss` draws in the mean: ρ n_u negatives of the N - n_u items that a user did not touch."""

    def __init__(self, train: Sequence[csr_array], negatives: int) -> None:
        num_items = train[-1].shape[1]
        counts = np.stack([np.diff(matrix.indptr) for matrix in train])  # (R, M)
        self.drawn = np.where(counts < num_items, negatives * counts, 0)  # (R, M), an epoch
        self.weight = (self.drawn / np.maximum(num_items - counts, 1)).astype(np.float32)  # (R, M), each such item's
        self.instances = (counts + self.drawn).sum(1).astype(np.float64)  # (R,)


class SampledLoss:
    """Eq. 12 on the paper's mini-batches, in mean over a batch's instances, with the log loss or another one."""

    def __init__(
        self,
        model: PairModel,
        train: Sequence[csr_array],
        lambdas: Sequence[float],
        *,
        negatives: int,
        batch_size: int,
        dropout: float,
        loss: Callable[[Tensor, int], Tensor] = log_loss,
    ) -> None:
        self.model, self.lambdas, self.dropout, self.loss = model, lambdas, dropout, loss
        self.sampler = PairSampler(train, negatives, batch_size)
        self.users, self.items = Distinct(model.num_users), Distinct(model.num_items)
        self.steps = self.sampler.steps
        self.instances = self.sampler.instances()
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        return self.sampler.batches(rng)

    def backward(self, batch: Batch) -> NDArray[np.float64]:
        users, rows = self.users.of(np.concatenate(batch.users[::-1]))
        items, columns = self.items.of(np.concatenate(batch.items[::-1]))
        logits = self.model.of_batch(users, items, rows, columns, [len(own) for own in batch.users], self.dropout)
        losses = [self.loss(own, positive) for own, positive in zip(logits, batch.positives, strict=True)]
        (weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])


def weighted(lambdas: Sequence[float], losses: Sequence[Tensor]) -> Tensor:
    """Eq. 12: the sum of one loss a behavior, weighted by λ."""
    return sum((weight * loss for weight, loss in zip(lambdas, losses, strict=True)), torch.zeros(()))
