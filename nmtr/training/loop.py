"""One phase of training: epochs of an objective's batches, each reproducible by its number alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nmtr.config import RunConfig
from nmtr.errors import NmtrError
from nmtr.training.objectives import Objective
from nmtr.training.optimizer import optimizer_of
from nmtr.training.report import Stopped


class Trainer:
    """Trains a model epoch by epoch.

    Each epoch seeds its own generators from (seed, epoch), so a training that goes on from a checkpoint draws what
    an undisturbed one draws, and a checkpoint holds no generator's state.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        config: RunConfig,
        schedule: Callable[[int], Sequence[float]] | None = None,
    ) -> None:
        """schedule: the λ of each epoch, where they change."""
        self.model, self.objective, self.seed, self.schedule = model, objective, config.seed, schedule
        self.optimizer = optimizer_of(model, config)
        self.steps = objective.steps

    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        """Trains one epoch: ((R,) mean loss an instance of each behavior, seconds).

        Raises Stopped where stop() says so at a batch boundary, NmtrError where the loss is no longer a number.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, number])
        losses = np.zeros(len(self.objective.instances))
        if self.schedule is not None:
            self.objective.lambdas = self.schedule(number)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**62)))
            for batch in self.objective.batches(rng):
                if stop():
                    raise Stopped
                self.optimizer.zero_grad()
                losses += self.objective.backward(batch)
                self.optimizer.step()
        self.model.eval()
        if not np.isfinite(losses).all():
            raise NmtrError(f"the loss is no longer a number after epoch {number}: train with a lower learning rate.")
        return losses / np.maximum(self.objective.instances, 1), time.perf_counter() - started

    def state(self) -> dict[str, Any]:
        """The model's and the optimizer's tensors."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
