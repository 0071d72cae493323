"""NMTR, and its single units GMF, MLP and NeuMF: a cascade of one stage, the target's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.evaluation.scorer import Scorer
from nmtr.models.nmtr import NMTR
from nmtr.models.scoring import scorer_of
from nmtr.training.exact import ExactLoss
from nmtr.training.loop import Trainer
from nmtr.training.objectives import Objective, SampledLoss
from nmtr.training.shared import SharedLoss
from nmtr.training.squared import SquaredLoss

#: Standard deviation of the embeddings' first values.
_SCALE = 0.1


def build(config: RunConfig, num_users: int, num_items: int) -> NMTR:
    return NMTR(
        num_users,
        num_items,
        config.units,
        embedding_size=config.embedding_size,
        layers=config.layers,
        cascade=config.cascade,
        embedding=config.embedding,
        scale=config.initial_scale or _SCALE,
    )


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Trainer:
    assert isinstance(model, NMTR)
    return Trainer(model, _objective(model, config, train[-len(config.learned) :]), config, _schedule(config))


def _objective(model: NMTR, config: RunConfig, train: Sequence[csr_array]) -> Objective:
    lambdas = config.lambdas if config.uses("lambdas") and config.lambdas else (1 / len(train),) * len(train)
    options: dict[str, Any] = {
        "batch_size": given(config.batch_size),
        "dropout": given(config.dropout),
    }
    if config.loss == "squared":
        return SquaredLoss(model, train, lambdas, unobserved_weight=config.unobserved_weight, **options)
    losses: dict[str, Any] = {"sampled": SampledLoss, "shared": SharedLoss, "exact": ExactLoss}
    objective: Objective = losses[given(config.loss)](model, train, lambdas, negatives=config.negatives, **options)
    return objective


def _schedule(config: RunConfig) -> Callable[[int], Sequence[float]] | None:
    """Sequential training (Table V): the whole weight on one behavior after the other, the target last."""
    if config.training == "joint":
        return None
    stages = len(config.behaviors)

    def lambdas(epoch: int) -> list[float]:
        stage = min((epoch - 1) // config.epochs_a_stage, stages - 1)
        return [float(r == stage) for r in range(stages)]

    return lambdas


def scorer(model: nn.Module) -> Scorer:
    assert isinstance(model, NMTR)
    return scorer_of(model)


def lower(model: nn.Module, stage: int) -> Scorer:
    assert isinstance(model, NMTR)
    return scorer_of(model, stage)
