"""The solution that is moved from one λ to the next, and what it is worth at each. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import by_purchases, purchases
from nmtr.evaluation.metrics import hit_rate_per_user
from nmtr.evaluation.significance import Values, mcnemar
from nmtr.experiment import Experiment, rank
from nmtr.explain import Fitted
from nmtr.lists import best_items
from nmtr.live.record import FIRST, SAMPLE, Answer, GroupValue, Listed, Question, Value

_COLD, _WARM = 8, 3  # sweeps
_CUTOFF = 100


class Engine:
    """A training by least squares whose λ can be changed."""

    def __init__(self, config: RunConfig, dataset: Dataset, sample: int = SAMPLE) -> None:
        """config: resolved, with the als solver."""
        self._experiment = Experiment(config, dataset)
        self._dataset, self._swept = self._experiment.dataset, 0
        parts = self._experiment.split
        there = np.flatnonzero(parts.valid_item >= 0)
        if not len(there):
            raise ConfigError(
                f"trying λ live needs validation purchases; nobody of {dataset.name} has two to learn from."
            )
        chosen = np.random.default_rng(config.seed).permutation(there)[:sample]
        self._held_out = np.full_like(parts.valid_item, -1)
        self._held_out[chosen] = parts.valid_item[chosen]
        self._of_users, self._users = len(there), np.sort(chosen)
        #: Where comparisons began: who was hit, and the place of each item of a user's list.
        self._began: tuple[Values, int, dict[int, int]] | None = None

    def answer(self, question: Question) -> Answer:
        """Move to the question's λ; ConfigError where that is none of this config's, or the shopper is not there."""
        started, dataset = time.perf_counter(), self._dataset
        user = int(self._users[0]) if question.user is None else dataset.user_index(question.user)
        sweeps = self._move(question.lambdas)
        scorer, _, known = self._experiment.comparison()
        hits = hit_rate_per_user(rank(scorer, self._held_out, known), _CUTOFF)
        fitted = Fitted("live", self._experiment.config, dataset, self._experiment.split, scorer)
        (listed,) = best_items(fitted, np.array([user]), FIRST)
        places = {int(item): place for place, item in enumerate(listed, 1) if item >= 0}
        if question.begin or self._began is None:
            self._began = hits, user, places
        before, whose, places_before = self._began
        return Answer(
            number=question.number,
            lambdas=question.lambdas,
            metric=_mean(hits),
            difference=None if before is hits else _mean(hits - before),
            p=None if before is hits else mcnemar(hits, before),
            groups=self._groups(hits),
            user=str(dataset.users[user]),
            items=tuple(
                Listed(
                    item=str(dataset.items[item]),
                    title=dataset.title(item),
                    before=places_before.get(item) if whose == user else None,
                )
                for item in places
            ),
            compared=whose == user and before is not hits,
            users=len(self._users),
            of_users=self._of_users,
            sweeps=sweeps,
            seconds=time.perf_counter() - started,
        )

    def _move(self, lambdas: Sequence[float]) -> int:
        """Sweep towards the solution of this λ; how often."""
        self._experiment.weigh(lambdas)
        sweeps = _WARM if self._swept else _COLD
        for _ in range(sweeps):
            self._swept += 1
            self._experiment.train(self._swept, lambda: False)
        return sweeps

    def _groups(self, hits: Values) -> tuple[GroupValue, ...]:
        groups = by_purchases(purchases(self._dataset)[self._users])
        if len(groups) < 2:
            return ()
        return tuple(
            GroupValue(name=group.name, users=int(group.members.sum()), metric=_mean(hits[group.members]))
            for group in groups
        )


def _mean(values: Values) -> Value:
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    return Value(value=float(values.mean()), half_width=None if half is None else float(half))
