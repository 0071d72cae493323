"""BPR and Multi-Channel BPR, of a matrix factorization or of one interaction unit."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array
from torch import nn

from nmtr.config import RunConfig, given
from nmtr.config.methods import METHODS
from nmtr.errors import RunError
from nmtr.evaluation.scorer import Scorer
from nmtr.methods import cascade
from nmtr.models.factorization import Factorization
from nmtr.models.nmtr import NMTR
from nmtr.training.foldin.base import FoldIn, Penalty
from nmtr.training.foldin.linear import LinearScores
from nmtr.training.foldin.pairs import Pairwise
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


def fold_in(model: nn.Module, config: RunConfig, train: Sequence[csr_array]) -> FoldIn:
    assert isinstance(model, Factorization | NMTR)
    if isinstance(model, NMTR) and model.has_towers:
        raise RunError(
            f"fitting one more shopper needs a method whose scores are products or whose loss is of single items; "
            f"{config.label} has towers and learns from pairs of items: choose a run of another method."
        )
    if isinstance(model, NMTR):
        scores = cascade.linear_scores(model)
    else:
        scores = LinearScores.of(*model.of_vector())
    shares: tuple[float, ...] = (1.0,)
    positives = train[-1].nnz
    if config.uses("unseen_share"):
        levels = LevelSampler(train, given(config.lambdas), config.unseen_share, config.negatives, 1)
        drawn = [count / max(1, len(pairs)) for count, pairs in zip(levels.counts, levels.levels, strict=True)]
        shares, positives = tuple(map(float, drawn)), levels.positives
    instances, dropout = positives * config.negatives, given(config.dropout)
    return Pairwise(
        scores,
        reads=tuple(range(len(train) - len(shares), len(train))),
        shares=shares,
        unseen_share=config.unseen_share,
        negatives=config.negatives,
        penalty=Penalty.of(given(config.l2_embeddings), instances, dropout, model.users.weight.detach().numpy()),
        dropout=dropout,
    )
