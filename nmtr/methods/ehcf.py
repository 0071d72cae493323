"""EHCF: whole-data learning with weights handed on from behavior to behavior (Chen et al., AAAI 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.evaluation.scorer import Scorer
from nmtr.models.ehcf import EHCF
from nmtr.models.scoring import ProductStage
from nmtr.training.foldin.base import FoldIn, Penalty
from nmtr.training.foldin.items import SquaredError
from nmtr.training.foldin.linear import LinearScores
from nmtr.training.loop import Trainer
from nmtr.training.squared import SquaredLoss

#: Standard deviation of the embeddings' first values.
_SCALE = 0.01


def build(config: RunConfig, num_users: int, num_items: int) -> EHCF:
    return EHCF(
        num_users,
        num_items,
        len(config.behaviors),
        embedding_size=config.embedding_size,
        scale=config.initial_scale or _SCALE,
    )


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Trainer:
    assert isinstance(model, EHCF)
    objective = SquaredLoss(
        model,
        train,
        given(config.lambdas),
        unobserved_weight=config.unobserved_weight,
        batch_size=given(config.batch_size),
        dropout=given(config.dropout),
    )
    return Trainer(model, objective, config)


def scorer(model: nn.Module) -> Scorer:
    assert isinstance(model, EHCF)
    return model


def lower(model: nn.Module, stage: int) -> Scorer:
    assert isinstance(model, EHCF)
    return ProductStage(model, stage)


def fold_in(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
    assert isinstance(model, EHCF)
    parts = model.items.weight[None], model.heads(), torch.zeros(len(train), model.num_items)
    dropout = given(config.dropout)
    instances = sum(matrix.nnz for matrix in train)
    return SquaredError(
        LinearScores.of(*parts),
        reads=tuple(range(len(train))),
        lambdas=given(config.lambdas),
        penalty=Penalty.of(given(config.l2_embeddings), instances, dropout, model.users.weight.detach().numpy()),
        dropout=dropout,
        unobserved_weight=config.unobserved_weight,
    )
