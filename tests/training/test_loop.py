"""Epochs: reproducible by their number, stopped at a batch, regularized where they should be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nmtr.data.split import split
from nmtr.errors import NmtrError
from nmtr.models.nmtr import NMTR
from nmtr.training.exact import ExactLoss
from nmtr.training.loop import Trainer
from nmtr.training.objectives import SampledLoss
from nmtr.training.report import Stopped
from tests.conftest import random_dataset, resolved

pytestmark = pytest.mark.usefixtures("one_thread")

DATASET = random_dataset(num_users=12, num_items=20)


def never() -> bool:
    return False


def trainer(**options: Any) -> Trainer:
    config = resolved(DATASET, **{"unit": "neumf", "dropout": 0.3, "batch_size": 4} | options)
    torch.manual_seed(config.seed)
    model = NMTR(12, 20, config.units, embedding_size=config.embedding_size, layers=config.layers)
    loss = ExactLoss if config.loss == "exact" else SampledLoss
    assert config.lambdas and config.batch_size and config.dropout is not None
    train = split(DATASET, config.protocol, config.seed).train
    objective = loss(model, train, config.lambdas, negatives=4, batch_size=config.batch_size, dropout=config.dropout)
    return Trainer(model, objective, config)


class Idle:
    """An objective of four batches whose gradient is zero everywhere."""

    steps = 4
    instances = np.ones(3)

    def __init__(self, model: torch.nn.Module) -> None:
        self.model, self.trained = model, 0

    def batches(self, rng: np.random.Generator) -> Iterator[int]:
        yield from range(self.steps)

    def backward(self, batch: int) -> NDArray[np.float64]:
        self.trained += 1
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return np.zeros(3)


def assert_same_weights(one: Trainer, other: Trainer) -> None:
    for (name, a), b in zip(one.model.state_dict().items(), other.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("loss", ["exact", "sampled"])
@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
def test_epoch_after_a_restored_state_equals_an_undisturbed_one_to_the_bit(loss: str, optimizer: str) -> None:
    undisturbed = trainer(loss=loss, optimizer=optimizer)
    undisturbed.epoch(1, never)
    file = io.BytesIO()
    torch.save(undisturbed.state(), file)
    losses, _ = undisturbed.epoch(2, never)

    file.seek(0)
    resumed = trainer(loss=loss, optimizer=optimizer, seed=0)
    torch.rand(7)  # what others draw meanwhile does not matter
    resumed.restore(torch.load(file, weights_only=True))
    np.testing.assert_array_equal(resumed.epoch(2, never)[0], losses)
    assert_same_weights(resumed, undisturbed)


def test_epoch_leaves_the_random_numbers_of_others_alone() -> None:
    fresh = trainer()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fresh.epoch(1, never)
    assert torch.equal(torch.rand(3), expected)


def test_epochs_draw_anew() -> None:
    one, other = trainer(), trainer()
    assert not np.array_equal(one.epoch(1, never)[0], other.epoch(2, never)[0])


@pytest.mark.parametrize("loss", ["exact", "sampled"])
def test_training_lowers_the_mean_loss_of_every_behavior(loss: str) -> None:
    # At σ(0) = 1/2 an instance costs ln 2.
    learning = trainer(loss=loss, dropout=0.0)
    first, seconds = learning.epoch(1, never)
    assert seconds > 0
    for number in range(2, 9):
        last, _ = learning.epoch(number, never)
    assert (last < first).all() and (last < np.log(2)).all()
    assert not learning.model.training


@pytest.mark.parametrize("loss", ["exact", "sampled"])
def test_loss_that_is_no_number_is_refused_in_a_sentence(loss: str) -> None:
    broken = trainer(loss=loss)
    with torch.no_grad():
        assert isinstance(broken.model, NMTR)
        broken.model.items.weight[0, 0] = torch.nan
    with pytest.raises(NmtrError, match="^the loss is no longer a number after epoch 3: train with a lower learning"):
        broken.epoch(3, never)


def test_stop_ends_the_epoch_at_the_next_batch() -> None:
    training = trainer()
    training.objective = idle = Idle(training.model)
    with pytest.raises(Stopped):
        training.epoch(1, lambda: idle.trained == 2)
    assert idle.trained == 2


@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
@pytest.mark.parametrize(
    ("option", "shrinking"),
    [("l2_embeddings", {"users.weight", "items.weight", "bias"}), ("l2_towers", "units."), (None, set())],
)
def test_l2_shrinks_only_its_own_group(optimizer: str, option: str | None, shrinking: Any) -> None:
    training = trainer(optimizer=optimizer, **({option: 0.1} if option else {}))
    training.objective = Idle(training.model)
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter.fill_(1.0)
    training.epoch(1, never)
    for name, parameter in training.model.named_parameters():
        shrinks = name.startswith(shrinking) if isinstance(shrinking, str) else name in shrinking
        assert bool((parameter < 1).all()) == shrinks and bool((parameter == 1).all()) != shrinks, name
