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
from nmtr.training.losses import bpr_loss, log_loss
from nmtr.training.sampling import Batch, Distinct, Ints, NegativeSampler, PairSampler


class Objective(Protocol):
    """Deals out the batches of an epoch; `backward` adds a batch's gradient and returns its loss a behavior (sums)."""

    steps: int  # batches an epoch
    instances: NDArray[np.float64]  # expected instances of an epoch, a behavior: what the reported sums are divided by

    def batches(self, rng: np.random.Generator) -> Iterator[Any]: ...

    def backward(self, batch: Any) -> NDArray[np.float64]: ...


class ExpectedNegatives:
    """What `SampledLoss` draws in the mean: ρ n_u negatives of the N - n_u items that a user did not touch."""

    def __init__(self, train: Sequence[csr_array], negatives: int) -> None:
        num_items = train[-1].shape[1]
        counts = np.stack([np.diff(matrix.indptr) for matrix in train])  # (R, M)
        self.drawn = np.where(counts < num_items, negatives * counts, 0)  # (R, M), an epoch
        self.weight = (self.drawn / np.maximum(num_items - counts, 1)).astype(np.float32)  # (R, M), each such item's
        self.instances = (counts + self.drawn).sum(1).astype(np.float64)  # (R,)


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
        self.users, self.items = Distinct(model.num_users), Distinct(model.num_items)
        self.steps = self.sampler.steps
        self.instances = self.sampler.instances()
        self.scale = self.steps / self.instances.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        return self.sampler.batches(rng)

    def backward(self, batch: Batch) -> NDArray[np.float64]:
        users, rows = self.users.of(np.concatenate(batch.users[::-1]))
        items, columns = self.items.of(np.concatenate(batch.items[::-1]))
        logits = self.model(users, items, rows, columns, [len(own) for own in batch.users], self.dropout)
        losses = [log_loss(own, positive) for own, positive in zip(logits, batch.positives, strict=True)]
        (weighted(self.lambdas, losses) * self.scale).backward()
        return np.array([float(loss.detach()) for loss in losses])


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
        self.distinct_users, self.distinct_items = Distinct(model.num_users), Distinct(model.num_items)
        self.steps = -(-len(self.users) // batch_size)
        self.instances = np.array([float(len(self.users) * negatives)])

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints, Ints]]:
        order = rng.permutation(len(self.users))
        for start in range(0, len(order), self.batch_size):
            own = order[start : start + self.batch_size]
            drawn = self.sampler.draw(np.repeat(self.users[own], self.negatives), rng)
            yield self.users[own], self.items[own], drawn.reshape(len(own), self.negatives)

    def backward(self, batch: tuple[Ints, Ints, Ints]) -> NDArray[np.float64]:
        users, rows = self.distinct_users.of(batch[0])
        items, columns = self.distinct_items.of(np.concatenate([batch[1], batch[2].ravel()]))
        bought, other = columns.tensor_split([len(rows)])
        loss = bpr_loss(self.model(users, items, rows, bought, other.view(len(rows), -1), self.dropout))
        (loss / batch[2].size).backward()  # type: ignore[no-untyped-call]
        return np.array([float(loss.detach())])


def weighted(lambdas: Sequence[float], losses: Sequence[Tensor]) -> Tensor:
    """Eq. 12: the sum of one loss a behavior, weighted by λ."""
    return sum((weight * loss for weight, loss in zip(lambdas, losses, strict=True)), torch.zeros(()))
