"""BPR and Multi-Channel BPR, of a matrix factorization or of one interaction unit."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.config.methods import METHODS
from nmtr.evaluation.scorer import Scorer
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.models.scoring import scorer_of
from nmtr.training.levels import LevelSampler
from nmtr.training.loop import Trainer
from nmtr.training.pairwise import PairwiseLoss, TripleSampler

#: Standard deviation of the embeddings' first values.
_SCALE, _MF_SCALE = 0.1, 0.01


def build(config: RunConfig, num_users: int, num_items: int) -> Factorization | NMTR:
    scale = config.initial_scale or (_MF_SCALE if METHODS[config.method].unit is None else _SCALE)
    if METHODS[config.method].unit is None:
        return Factorization(
            num_users, num_items, embedding_size=config.embedding_size, scale=scale, item_bias=config.item_bias
        )
    return NMTR(
        num_users,
        num_items,
        config.units,
        embedding_size=config.embedding_size,
        layers=config.layers,
        scale=scale,
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
    assert isinstance(model, Factorization | NMTR)
    return scorer_of(model) if isinstance(model, NMTR) else model
