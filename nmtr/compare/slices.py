"""One metric by groups of users: how much they bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmtr.compare.entries import dataset_of
from nmtr.compare.scores import Frozen, Interval, Score, relative_drop, scores
from nmtr.compare.tables import METRIC, Compared, Comparison, about, prepared, row, shared
from nmtr.data.dataset import Dataset
from nmtr.evaluation.groups import by_purchases, purchases
from nmtr.workspace import Workspace


class Sparse(Compared):
    """One metric of one entry by group."""

    groups: tuple[Score, ...]
    #: By which share of its value in the richest group it falls to the sparsest; None where it has nothing to lose.
    drop: Interval | None


class UserGroup(Frozen):
    """Users with so many training purchases."""

    name: str
    users: int


class Sparsity(Comparison):
    """One metric by how many training purchases users have, the sparsest first; entries as they were given."""

    groups: tuple[UserGroup, ...]
    entries: tuple[Sparse, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each entry and group."""
        return [
            row(self, entry, self.metric, group.name, group.users, score)
            for entry in self.entries
            for group, score in zip(self.groups, entry.groups, strict=True)
        ]


def sparsity(
    workspace: Workspace,
    run_ids: Sequence[str],
    *,
    reference: str | None = None,
    metric: str = METRIC,
    lows: Sequence[int] | None = None,
    dataset: Dataset | None = None,
    withhold: bool = True,
) -> Sparsity:
    """One metric of finished runs by how many training purchases users have; entries the best of all users first.

    lows: the fewest purchases of each group; if not given, those that the data allows (`groups.by_purchases`). The
    rest, and what is raised, as `leaderboard`.
    """
    ranked, against = prepared(workspace, run_ids, reference, metric, withhold)
    counts = purchases(dataset or dataset_of(workspace, ranked[0].runs[0]))[ranked[0].tested]
    groups = by_purchases(counts, lows)
    by_group = scores(ranked, against, [metric], [group.members for group in groups])
    found = []
    for number, named in enumerate(about(ranked)):
        values = tuple(group[number][metric] for group in by_group)
        per_user = ranked[number].per_user(metric)
        drop = relative_drop(per_user[groups[-1].members], per_user[groups[0].members])
        found.append(Sparse(**named, groups=values, drop=drop))
    return Sparsity(
        **shared(ranked, metric, against),
        groups=tuple(UserGroup(name=group.name, users=int(group.members.sum())) for group in groups),
        entries=tuple(found),
    )
