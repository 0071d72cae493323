"""The solution that is moved from one λ to the next, and what it is worth at each. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from nmtr.config import RunConfig, given
from nmtr.data.dataset import Dataset
from nmtr.data.split import split
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import by_purchases, purchases
from nmtr.evaluation.metrics import hit_rate_per_user
from nmtr.evaluation.significance import Values, mcnemar
from nmtr.experiment import Experiment, rank
from nmtr.explain import Fitted
from nmtr.lists import best_items
from nmtr.live.record import FIRST, PENALTIES, SAMPLE, Answer, GroupValue, Listed, Question, Value

_TRIED, _COLD, _WARM = 4, 12, 3  # sweeps: of each penalty, of the first λ in all, and of each λ after it
_CUTOFF = 100


class Engine:
    """A training by least squares whose λ can be changed."""

    def __init__(
        self, config: RunConfig, dataset: Dataset, penalties: Sequence[float] = PENALTIES, sample: int = SAMPLE
    ) -> None:
        """config: resolved, with the als solver. ConfigError where nobody has a validation purchase."""
        self._dataset, self._swept = dataset.select(config.behaviors), 0
        parts = split(self._dataset, config.protocol, config.seed, validation=config.validation)
        there = np.flatnonzero(parts.valid_item >= 0)
        if not len(there):
            raise ConfigError(
                f"trying λ live needs validation purchases; nobody of {dataset.name} has two to learn from."
            )
        chosen = np.random.default_rng(config.seed).permutation(there)[:sample]
        self._held_out = np.full_like(parts.valid_item, -1)
        self._held_out[chosen] = parts.valid_item[chosen]
        self._of_users, self._users = len(there), np.sort(chosen)
        self._experiment = self._best(config, penalties)
        #: Where comparisons began: who was hit, and the place of each item of a user's list.
        self._began: tuple[Values, int, dict[int, int]] | None = None

    def _best(self, config: RunConfig, penalties: Sequence[float]) -> Experiment:
        """The training with the penalty that validation prefers after some sweeps."""
        tried: dict[float, tuple[float, Experiment]] = {}
        for l2 in penalties:
            experiment = Experiment(config.model_copy(update={"l2_embeddings": l2}), self._dataset)
            for number in range(_TRIED if len(penalties) > 1 else 0):
                experiment.train(number + 1, lambda: False)
            tried[l2] = float(self._hits(experiment).mean()), experiment
        _, best = max(tried.values(), key=lambda pair: pair[0])
        self._swept = _TRIED if len(penalties) > 1 else 0
        return best

    def _hits(self, experiment: Experiment) -> Values:
        """(n,) whether the held-out item of each user of the sample is among the first hundred."""
        scorer, _, known = experiment.comparison()
        return hit_rate_per_user(rank(scorer, self._held_out, known), _CUTOFF)

    def answer(self, question: Question) -> Answer:
        """Move to the question's λ; ConfigError where that is none of this config's, or the shopper is not there."""
        started, dataset = time.perf_counter(), self._dataset
        user = int(self._users[0]) if question.user is None else dataset.user_index(question.user)
        sweeps = self._move(question.lambdas)
        hits, scorer = self._hits(self._experiment), self._experiment.comparison()[0]
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
            l2=given(self._experiment.config.l2_embeddings),
            sweeps=sweeps,
            seconds=time.perf_counter() - started,
        )

    def _move(self, lambdas: Sequence[float]) -> int:
        """Sweep towards the solution of this λ; how often."""
        self._experiment.weigh(lambdas)
        sweeps = max(_WARM, _COLD - self._swept)
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
