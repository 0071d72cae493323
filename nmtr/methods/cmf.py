"""CMF: all behaviors factorized at once (Zhao et al., 2015), as Eq. 3 of the paper has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.evaluation.scorer import Scorer
from nmtr.models.factorization import Factorization
from nmtr.models.scoring import ProductStage
from nmtr.training.als import SharedLeastSquares
from nmtr.training.foldin.base import FoldIn, Penalty
from nmtr.training.foldin.items import SquaredError, solved
from nmtr.training.foldin.linear import LinearScores
from nmtr.training.loop import Trainer
from nmtr.training.losses import squared_error
from nmtr.training.objectives import ExpectedNegatives, Objective, SampledLoss
from nmtr.training.squared import SquaredLoss

#: Standard deviation of the embeddings' first values.
_SCALE = 0.01
_SCALE_SOLVED = 0.1  # of the side that a sweep begins with


def build(config: RunConfig, num_users: int, num_items: int) -> Factorization:
    return Factorization(
        num_users,
        num_items,
        len(config.behaviors),
        shared=config.shared_side,
        embedding_size=config.embedding_size,
        scale=config.initial_scale or (_SCALE_SOLVED if config.solver == "als" else _SCALE),
        item_bias=config.item_bias,
    )


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Trainer | SharedLeastSquares:
    """Squared errors over all pairs, or over the observed ones and ρ sampled negatives each, as the paper did."""
    assert isinstance(model, Factorization)
    if config.solver == "als":
        return SharedLeastSquares(model, config, train)
    lambdas, batch_size = given(config.lambdas), given(config.batch_size)
    dropout = given(config.dropout)
    objective: Objective
    if config.loss == "squared":
        weight = config.unobserved_weight
        objective = SquaredLoss(model, train, lambdas, unobserved_weight=weight, batch_size=batch_size, dropout=dropout)
    else:
        objective = SampledLoss(
            model,
            train,
            lambdas,
            negatives=config.negatives,
            batch_size=batch_size,
            dropout=dropout,
            loss=squared_error,
        )
    return Trainer(model, objective, config)


def scorer(model: nn.Module) -> Scorer:
    assert isinstance(model, Factorization)
    return model


def lower(model: nn.Module, stage: int) -> Scorer:
    assert isinstance(model, Factorization)
    return ProductStage(model, stage)


def fold_in(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
    """Where users have a vector for each behavior, the target's moves with the target's pairs alone."""
    assert isinstance(model, Factorization)
    scores = LinearScores.of(*model.of_vector())
    learned = len(scores.heads)
    reads = tuple(range(len(train) - learned, len(train)))
    if config.solver == "als":
        spread = np.ones(model.users.embedding_dim)
        return solved(config, scores, reads, given(config.lambdas)[-learned:], spread)
    dropout = given(config.dropout)
    squared = config.loss == "squared"
    instances = [matrix.nnz for matrix in train]
    if not squared:
        instances = ExpectedNegatives(train, config.negatives).instances.tolist()
    each = len(model.users.weight) // model.num_users  # a user's vectors, the target's the last
    vectors = model.users.weight.detach().numpy()[each - 1 :: each]
    return SquaredError(
        scores,
        reads=reads,
        lambdas=given(config.lambdas)[-learned:],
        penalty=Penalty.of(given(config.l2_embeddings), sum(instances), dropout, vectors),
        dropout=dropout,
        negatives=None if squared else config.negatives,
        unobserved_weight=config.unobserved_weight if squared else None,
    )
