"""Runs by what their lists are like as a whole, beside accuracy: nothing here says that more of it is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtr import lists
from nmtr.compare.entries import Entry, dataset_of
from nmtr.compare.scores import Interval, Score, mean_interval, scores
from nmtr.compare.tables import METRIC, Compared, Comparison, about, prepared, row, shared
from nmtr.data.dataset import Dataset
from nmtr.errors import ConfigError
from nmtr.evaluation.significance import Values
from nmtr.frozen import Frozen
from nmtr.runs.store import Run
from nmtr.workspace import Workspace

#: How many items of each list are looked at, unless said otherwise.
FIRST = 10
#: Of all lists together, so no mean over users, and without an interval.
TOGETHER = ("coverage", "alike")
_MOST_GROUPS = 12  # that are named, those with most purchases first; the rest is "others"


class Listing(Compared):
    """One entry's lists; every measure is one of `nmtr.lists`."""

    accuracy: Score  # the metric that was asked about
    measures: dict[str, Score]


class Part(Frozen):
    """Items of one group, such as a category."""

    name: str
    bought: float  # their share of the held-out purchases
    listed: tuple[float, ...]  # and of each entry's lists, in mean over its seeds


class Lists(Comparison):
    """What the first items of tested users' lists are like, beside what these users bought; the best entry first."""

    first: int  # how many items of each list
    users: int
    items: int  # in the catalogue
    entries: tuple[Listing, ...]
    #: Of the held-out purchases: those measures that one item has, too.
    bought: dict[str, Interval]
    makeup: dict[str, tuple[Part, ...]]  # "category", "price" -> its groups, where the data set tells

    def rows(self) -> list[dict[str, Any]]:
        """A row for each entry and measure."""
        return [
            row(self, entry, measure, "all", self.users, score) | {"first": self.first}
            for entry in self.entries
            for measure, score in {self.metric: entry.accuracy, **entry.measures}.items()
        ]


@dataclass(frozen=True, eq=False)
class _Measured:
    """An entry's measures by user, in the place of its metrics."""

    runs: tuple[Run, ...]
    values: dict[str, Values]  # (seeds, n)

    def by_seed(self, metric: str) -> Values:
        return self.values[metric]

    def per_user(self, metric: str) -> Values:
        mean: Values = self.values[metric].mean(axis=0)
        return mean


def compare_lists(
    workspace: Workspace,
    run_ids: Sequence[str],
    *,
    first: int = FIRST,
    reference: str | None = None,
    metric: str = METRIC,
    dataset: Dataset | None = None,
) -> Lists:
    """What the first items of each run's lists are like, with differences to a reference.

    A list is made for each user with a held-out item, the first time by scoring all items, and then kept. A measure
    counts the users in whose lists every entry has it. Raises ConfigError where `first` is not 1 to `lists.LENGTH`; the
    rest, and what else is raised, as `leaderboard`.
    """
    if not 1 <= first <= lists.LENGTH:
        raise ConfigError(f"the first items of a list must be 1 to {lists.LENGTH}; got {first}.")
    ranked, against = prepared(workspace, run_ids, reference, metric, withhold=True)
    dataset = dataset or dataset_of(workspace, ranked[0].runs[0])
    found = [[workspace.first_items(run.id)[:, :first] for run in entry.runs] for entry in ranked]
    measured = _measures(ranked, found, against, dataset)
    everyone = np.ones(found[0][0].shape[0], np.bool_)
    accuracy = scores(ranked, against, [metric], [everyone])[0]
    bought = dataset.test_item[dataset.test_item >= 0][:, None]
    return Lists(
        **shared(ranked, metric, against),
        first=first,
        users=len(everyone),
        items=dataset.num_items,
        entries=tuple(
            Listing(**known, accuracy=accurate[metric], measures=measures)
            for known, accurate, measures in zip(about(ranked), accuracy, measured, strict=True)
        ),
        bought=_bought(bought, dataset),
        makeup=_makeup(found, bought, dataset),
    )


def _measures(
    ranked: Sequence[Entry], found: Sequence[Sequence[lists.Lists]], against: int, dataset: Dataset
) -> list[dict[str, Score]]:
    """Of each entry: those of all lists together first, then those of each list."""
    together = {"coverage": lambda one: lists.coverage(one, dataset), "alike": lists.alike}
    measures = [{name: _plain([of(one) for one in seeds]) for name, of in together.items()} for seeds in found]
    by_seed = [[lists.per_user(one, dataset) for one in seeds] for seeds in found]
    stacked = [
        _Measured(entry.runs, {name: np.stack([one[name] for one in seeds]) for name in seeds[0]})
        for entry, seeds in zip(ranked, by_seed, strict=True)
    ]
    for name in stacked[0].values:
        known = ~np.any([np.isnan(entry.per_user(name)) for entry in stacked], axis=0)
        if known.any():
            for kept, scored in zip(measures, scores(stacked, against, [name], [known])[0], strict=True):
                kept[name] = scored[name]
    return measures


def _plain(by_seed: Sequence[float]) -> Score:
    spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
    return Score(value=float(np.mean(by_seed)), low=None, high=None, seed_spread=spread, difference=None)


def _bought(bought: lists.Lists, dataset: Dataset) -> dict[str, Interval]:
    values = {name: value[~np.isnan(value)] for name, value in lists.per_user(bought, dataset).items()}
    return {name: mean_interval(known) for name, known in values.items() if len(known)}


def _makeup(
    found: Sequence[Sequence[lists.Lists]], bought: lists.Lists, dataset: Dataset
) -> dict[str, tuple[Part, ...]]:
    makeup = {}
    for attribute, (place, names) in lists.groups(dataset).items():
        count = len(names)
        of_bought = lists.shares(bought, place, count)
        listed = [np.mean([lists.shares(one, place, count) for one in seeds], axis=0) for seeds in found]
        # Bands of prices keep their order; of categories, those come first that are bought most.
        order = np.argsort(-of_bought[:count], kind="stable") if attribute == "category" else np.arange(count)
        parts = [(names[n], [n]) for n in order[:_MOST_GROUPS]]
        parts += [("others", order[_MOST_GROUPS:].tolist()), ("not known", [count])]
        makeup[attribute] = tuple(
            Part(
                name=name,
                bought=float(of_bought[members].sum()),
                listed=tuple(float(shares[members].sum()) for shares in listed),
            )
            for name, members in parts
            if of_bought[members].sum() or any(shares[members].sum() for shares in listed)
        )
    return makeup
