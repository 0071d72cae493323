"""What a method's file offers, and how it is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig
from nmtr.config.methods import METHODS
from nmtr.evaluation.scorer import Scorer
from nmtr.methods import cascade, cmf, ehcf, ials, pairwise, rules
from nmtr.training.foldin.base import FoldIn


class Learning(Protocol):
    """A training under way; `nmtr.training.loop.Trainer` is the one for everything that descends a gradient."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        ...

    def epoch(self, number: int, stop: Callable[[], bool]) -> tuple[NDArray[np.float64], float]:
        """Trains one epoch, from 1: (mean loss an instance of each behavior that is learned, seconds)."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that is needed to go on from here, "model" with the model's tensors among it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Weighing(Protocol):
    """A training that can go on with other λ."""

    def weigh(self, lambdas: Sequence[float]) -> None: ...


class Trained(Protocol):
    """The file of a method that trains; configs are resolved."""

    def build(self, config: RunConfig, num_users: int, num_items: int) -> nn.Module:
        """The model with its first weights; parameters under `units` get the towers' L2 penalty."""
        ...

    def learning(self, model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Learning:
        """The training of the model on R matrices (M, N), lowest behavior first."""
        ...

    def scorer(self, model: nn.Module) -> Scorer:
        """What ranks with the model as it is now."""
        ...

    def fold_in(self, model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
        """How the model, trained on R matrices (M, N), finds the vector of one more shopper; RunError where it cannot.

        The vector is the last row that the model's table `users` has of a shopper.
        """
        ...


class Several(Trained, Protocol):
    """The file of a method that learns scores of several behaviors."""

    def lower(self, model: nn.Module, stage: int) -> Scorer:
        """What ranks by the scores of a behavior below the target, 0 the lowest."""
        ...


class Rule(Protocol):
    """The file of a method that learns nothing."""

    def rule(self, config: RunConfig, train: Sequence[csr_array]) -> Scorer: ...

    def shopper(self, config: RunConfig, train: Sequence[csr_array], history: Sequence[csr_array]) -> Scorer:
        """What ranks for one more shopper, of whom R matrices (1, N) tell."""
        ...


_TRAINED: dict[str, Trained] = {
    "cascade": cascade,
    "cmf": cmf,
    "ehcf": ehcf,
    "ials": ials,
    "pairwise": pairwise,
}
_SEVERAL: dict[str, Several] = {"cascade": cascade, "cmf": cmf, "ehcf": ehcf}
_RULES: dict[str, Rule] = {"rules": rules}


def trained(config: RunConfig) -> Trained:
    """The file of the config's method, which trains."""
    return _TRAINED[METHODS[config.method].file]


def several(config: RunConfig) -> Several:
    """The file of the config's method, which learns scores of several behaviors."""
    return _SEVERAL[METHODS[config.method].file]


def rule(config: RunConfig) -> Rule:
    """The file of the config's method, which learns nothing."""
    return _RULES[METHODS[config.method].file]
