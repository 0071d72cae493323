"""How near a shopper who is folded in comes to one who was trained, on the demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.demo import generate
from nmtr.experiment import Experiment, load_scorer
from nmtr.explain import Fitted, Recommendations, recommend
from nmtr.whatif import whatif

#: Shoppers; the length of lists; pairs that are taken from each of a shopper's behaviors.
_USERS, _FIRST, _CHANGED = 100, 20, 4


@dataclass(frozen=True)
class Nearness:
    """One comparison: the mean share of the first 20 items that two lists have in common, and its standard error."""

    what: str
    share: float
    error: float


def nearness(unit: str, loss: str | None) -> list[Nearness]:
    """Three trainings on the demo, clean: of everybody, with shoppers left out, with their histories changed."""
    dataset = generate()
    options = {"data": "demo", "embedding_size": 32, "protocol": "clean", "unit": unit, "loss": loss}
    config = RunConfig.parse(options).resolve(dataset.behaviors, dataset.num_users)
    rng = np.random.default_rng(0)
    asked, others = np.split(rng.permutation(dataset.num_users)[: 2 * _USERS], 2)
    everybody = _trained(dataset, config)
    left_out = _trained(_less(dataset, asked, lambda own: own[:0]), config)
    changed = _trained(_less(dataset, asked, lambda own: own[_CHANGED:]), config)

    def history(fitted: Fitted, row: int) -> dict[str, list[str]]:
        items = fitted.dataset.items
        return {
            behavior: [str(items[item]) for item in matrix[[row]].indices]
            for behavior, matrix in zip(fitted.dataset.behaviors, fitted.split.train, strict=True)
        }

    def real(fitted: Fitted, row: int) -> Recommendations:
        return recommend(fitted, str(dataset.users[row]), _FIRST)

    return [
        _told("folded in, beside the same shopper as trained", asked, lambda row: (
            whatif(everybody, add=history(everybody, row)).recommend(_FIRST), real(everybody, row))),
        _told("left out of training and folded in, beside a training with them", asked, lambda row: (
            whatif(left_out, add=history(everybody, row)).recommend(_FIRST), real(everybody, row))),
        _told("history changed and folded in, beside a training with the change", asked, lambda row: (
            whatif(everybody, add=history(changed, row)).recommend(_FIRST), real(changed, row))),
        _told("the change alone: as trained before it and after it", asked, lambda row: (
            real(everybody, row), real(changed, row))),
        _told("other shoppers, by the two trainings", others, lambda row: (real(everybody, row), real(left_out, row))),
        _told("the mean vector, beside the same shopper as trained", asked, lambda row: (
            whatif(everybody).recommend(_FIRST), real(everybody, row))),
    ]  # fmt: skip


def _told(
    what: str, rows: NDArray[np.integer], lists: Callable[[int], tuple[Recommendations, Recommendations]]
) -> Nearness:
    shares = []
    for row in rows.tolist():
        one, other = ({item.item for item in found.items} for found in lists(row))
        shares.append(len(one & other) / _FIRST)
    return Nearness(what, float(np.mean(shares)), float(np.std(shares) / np.sqrt(len(shares))))


def _trained(dataset: Dataset, config: RunConfig) -> Fitted:
    experiment = Experiment(config, dataset)
    for _ in experiment.epochs():
        pass
    weights = experiment.finish().weights
    scorer, parts = load_scorer(config, dataset, weights)
    return Fitted("measured", config, dataset, parts, scorer, weights)


def _less(
    dataset: Dataset, users: NDArray[np.integer], kept: Callable[[NDArray[np.integer]], NDArray[np.integer]]
) -> Dataset:
    """The data set with the pairs of these users that are kept, each behavior's in random order."""
    matrices = []
    for matrix in dataset.matrices:
        rows = [matrix.indices[start:end] for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)]
        for user in users.tolist():
            rows[user] = np.sort(kept(np.random.default_rng(user).permutation(rows[user])))
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        items = np.concatenate(rows)
        matrices.append(csr_array((np.ones(len(items), np.uint8), items, starts), shape=matrix.shape))
    return replace(dataset, matrices=tuple(matrices))
