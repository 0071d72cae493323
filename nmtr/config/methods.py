"""Every method, in one table: what it is called, what it reads and which file holds it.

A method is one entry here and one file under `nmtr/methods`, which needs torch and is imported when a run of it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["gmf", "mlp", "neumf"]
Loss = Literal["sampled", "shared", "exact", "squared"]
#: Where a method stands in the comparison: the paper's own, its two groups of baselines, rules that learn nothing, and
#: what came later.
Family = Literal["nmtr", "multi", "single", "floor", "beyond"]

#: Of rules: nothing is trained once more, but validation purchases are counted in.
_COUNTED = frozenset({"refit"})
_SEARCHED = frozenset({"epochs", "patience", "rank_every", "refit", "watch_test", "embedding_size", "l2_embeddings"})
_DESCENT = _SEARCHED | {"dropout", "optimizer", "learning_rate", "batch_size", "initial_scale"}
_TOWER = frozenset({"layers", "l2_towers"})
_CASCADE = _DESCENT | _TOWER | {"loss"}
_PAIRS = _DESCENT | {"negatives"}
_SEVERAL = frozenset({"hold_out_lower"})
_LEVELS = _PAIRS | {"lambdas", "unseen_share"}


@dataclass(frozen=True)
class Method:
    """The facts of one method that are wanted before anything is trained."""

    label: str  # as tables and pages name it
    family: Family
    about: str  # one sentence
    file: str  # under nmtr/methods
    options: frozenset[str] = frozenset()  # of RunConfig, beside those that every run and its loss has
    losses: tuple[Loss, ...] = ()  # that `loss` may name, the default first; none where there is but one way
    pairwise: bool = False  # whether it learns from differences of scores
    unit: Unit | None = None  # its interaction unit, where the method says which
    several: bool = False  # whether it learns scores of all behaviors; else of the target alone
    lower: bool = False  # whether it needs a behavior below the target

    @property
    def has_units(self) -> bool:
        """Whether its scores come of interaction units."""
        return self.unit is not None or "unit" in self.options


METHODS: dict[str, Method] = {
    "nmtr": Method(
        "NMTR",
        "nmtr",
        "A cascade with an interaction unit a behavior, trained together with weights λ (the paper's).",
        "cascade",
        _CASCADE | _SEVERAL | {"unit", "lambdas", "cascade", "embedding", "training", "solver"},
        ("exact", "sampled", "shared", "squared"),
        several=True,
    ),
    "bpr": Method(
        "BPR-MF",
        "single",
        "Matrix factorization on the target alone, learned from pairs: bought before not bought.",
        "pairwise",
        _PAIRS | {"item_bias"},
        pairwise=True,
    ),
    "gmf": Method(
        "GMF",
        "single",
        "A weighted product of embeddings, on the target alone.",
        "cascade",
        (_CASCADE - _TOWER) | {"solver"},
        ("exact", "sampled", "shared", "squared"),
        unit="gmf",
    ),
    "mlp": Method(
        "MLP",
        "single",
        "A neural network over two embeddings, on the target alone.",
        "cascade",
        _CASCADE,
        ("shared", "sampled", "exact"),
        unit="mlp",
    ),
    "neumf": Method(
        "NeuMF",
        "single",
        "GMF and MLP side by side, on the target alone.",
        "cascade",
        _CASCADE,
        ("shared", "sampled", "exact"),
        unit="neumf",
    ),
    "cmf": Method(
        "CMF",
        "multi",
        "All behaviors factorized at once, items or users sharing one embedding; squared error, weights λ.",
        "cmf",
        _DESCENT | _SEVERAL | {"loss", "lambdas", "shared_side", "item_bias", "solver"},
        ("squared", "sampled"),
        several=True,
    ),
    "mc-bpr": Method(
        "MC-BPR",
        "multi",
        "BPR-MF that ranks levels of feedback: bought before carted before viewed before never seen.",
        "pairwise",
        _LEVELS | {"item_bias"},
        pairwise=True,
    ),
    "mc-gmf": Method(
        "MC-GMF",
        "multi",
        "GMF, learned from levels of feedback as MC-BPR does.",
        "pairwise",
        _LEVELS,
        pairwise=True,
        unit="gmf",
    ),
    "mc-mlp": Method(
        "MC-MLP",
        "multi",
        "MLP, learned from levels of feedback as MC-BPR does.",
        "pairwise",
        _LEVELS | _TOWER,
        pairwise=True,
        unit="mlp",
    ),
    "mc-neumf": Method(
        "MC-NeuMF",
        "multi",
        "NeuMF, learned from levels of feedback as MC-BPR does.",
        "pairwise",
        _LEVELS | _TOWER,
        pairwise=True,
        unit="neumf",
    ),
    "popularity": Method(
        "Popularity",
        "floor",
        "The most bought items first, the same for everyone. Nothing to train.",
        "rules",
        _COUNTED,
    ),
    "last-behavior": Method(
        "Touched before, not bought",
        "floor",
        "What the shopper touched in the step before the target and did not buy. Nothing to train.",
        "rules",
        _COUNTED,
        lower=True,
    ),
    "ehcf": Method(
        "EHCF",
        "beyond",
        "One product a behavior whose weights are handed on from lower ones; squared error over all pairs (2020).",
        "ehcf",
        _DESCENT | _SEVERAL | {"lambdas", "unobserved_weight"},
        several=True,
    ),
    "ials": Method(
        "iALS",
        "beyond",
        "Matrix factorization of the target by alternating least squares, over all pairs (2008; library implicit).",
        "ials",
        _SEARCHED | {"unobserved_weight"},
    ),
}
