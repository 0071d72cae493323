"""NMTR, and its single units GMF, MLP and NeuMF: a cascade of one stage, the target's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.errors import RunError
from nmtr.evaluation.scorer import Scorer
from nmtr.models.nmtr import NMTR
from nmtr.models.scoring import scorer_of
from nmtr.training.als import LeastSquares
from nmtr.training.exact import ExactLoss
from nmtr.training.foldin.base import FoldIn, Penalty
from nmtr.training.foldin.items import LogLoss, SquaredError, solved
from nmtr.training.foldin.linear import LinearScores
from nmtr.training.foldin.towers import Towers
from nmtr.training.loop import Trainer
from nmtr.training.objectives import ExpectedNegatives, Objective, SampledLoss
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


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Trainer | LeastSquares:
    assert isinstance(model, NMTR)
    learned = train[-len(config.learned) :]
    if config.solver == "als":
        return LeastSquares(model, config, learned, _lambdas(config))
    return Trainer(model, _objective(model, config, learned), config, _schedule(config))


def _objective(model: NMTR, config: RunConfig, train: Sequence[csr_array]) -> Objective:
    lambdas = _lambdas(config)
    options: dict[str, Any] = {
        "batch_size": given(config.batch_size),
        "dropout": given(config.dropout),
    }
    if config.loss == "squared":
        return SquaredLoss(model, train, lambdas, unobserved_weight=config.unobserved_weight, **options)
    losses: dict[str, Any] = {"sampled": SampledLoss, "shared": SharedLoss, "exact": ExactLoss}
    objective: Objective = losses[given(config.loss)](model, train, lambdas, negatives=config.negatives, **options)
    return objective


def _lambdas(config: RunConfig) -> Sequence[float]:
    learned = len(config.learned)
    return config.lambdas if config.uses("lambdas") and config.lambdas else (1 / learned,) * learned


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


def fold_in(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
    """By the loss that the training had in the mean: sampled and shared losses have the exact one for theirs."""
    assert isinstance(model, NMTR)
    if config.training == "sequential":
        raise RunError(
            "fitting one more shopper needs a run that learned all behaviors together; this one learned them one after "
            "the other, by no one loss: choose a run of joint training."
        )
    learned = len(config.learned)
    reads = tuple(range(len(config.behaviors) - learned, len(config.behaviors)))
    if config.solver == "als":
        lambdas = np.asarray(_lambdas(config))
        spread = lambdas @ model.heads().detach().numpy().astype(np.float64) ** 2  # (E,)
        return solved(config, linear_scores(model), reads, lambdas.tolist(), spread)
    dropout = given(config.dropout)
    squared = config.loss == "squared"
    instances = [matrix.nnz for matrix in train[-learned:]]
    if not squared:
        instances = ExpectedNegatives(train[-learned:], config.negatives).instances.tolist()
    options: dict[str, Any] = {
        "reads": reads,
        "lambdas": _lambdas(config),
        "penalty": Penalty.of(
            given(config.l2_embeddings), sum(instances), dropout, model.users.weight.detach().numpy()
        ),
        "dropout": dropout,
    }
    if model.has_towers:
        return Towers(model, negatives=config.negatives, **options)
    if squared:
        return SquaredError(linear_scores(model), unobserved_weight=config.unobserved_weight, **options)
    return LogLoss(linear_scores(model), negatives=config.negatives, **options)


def linear_scores(model: NMTR) -> LinearScores:
    """The logits of GMF units as products of a user's vector."""
    return LinearScores.of(model.items.weight[None], model.heads(), model.biases(model.bias))
