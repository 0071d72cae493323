"""BPR and Multi-Channel BPR, of a matrix factorization or of one interaction unit."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.config.methods import METHODS
from nmtr.evaluation.scorer import Scorer
from nmtr.methods import cascade
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.training.levels import LevelSampler
from nmtr.training.loop import Trainer
from nmtr.training.pairwise import PairwiseLoss, TripleSampler

#: Standard deviation of a factorization's first values.
_SCALE = 0.01


def build(config: RunConfig, num_users: int, num_items: int) -> Factorization | NMTR:
    if METHODS[config.method].unit is not None:
        return cascade.build(config, num_users, num_items)
    return Factorization(
        num_users,
        num_items,
        embedding_size=config.embedding_size,
        scale=config.initial_scale or _SCALE,
        item_bias=config.item_bias,
    )


def learning(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> Trainer:
    assert isinstance(model, Factorization | NMTR)
    batch_size = given(config.batch_size)
    sampler = (
        LevelSampler(train, given(config.lambdas), config.unseen_share, config.negatives, batch_size)
        if config.uses("unseen_share")
        else TripleSampler(train[-1], config.negatives, batch_size)
    )
    return Trainer(model, PairwiseLoss(model, sampler, dropout=given(config.dropout)), config)


def scorer(model: nn.Module) -> Scorer:
    return model if isinstance(model, Factorization) else cascade.scorer(model)
