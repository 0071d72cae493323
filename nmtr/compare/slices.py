"""One metric by groups of test users: how much they bought, what they bought next, or a condition of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nmtr import lists
from nmtr.compare.entries import dataset_of
from nmtr.compare.filtering import facts, matching
from nmtr.compare.scores import Interval, Score, relative_drop, scores
from nmtr.compare.tables import METRIC, Compared, Comparison, about, prepared, row, shared
from nmtr.data.dataset import Dataset, IntArray
from nmtr.errors import ConfigError
from nmtr.evaluation.groups import Group, Members, by_purchases, idle_days, purchases, visited
from nmtr.frozen import Frozen
from nmtr.workspace import Workspace

#: What the held-out item is: one of the user's lower behaviors, of a category, of a price, bought by so many; or how
#: many days before the log's end the user was last seen in training.
Attribute = Literal["visited", "category", "price", "buyers", "recency"]
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
OTHERS = "others"  # users for whom a condition does not hold, or whose group would be too small
UNKNOWN = "not known"
_MOST = 10  # groups by category that are named
_ENOUGH = 30  # users; a smaller group by category is one of the others
_QUARTERS = (0.0, 0.25, 0.5, 0.75)


class Sliced(Compared):
    """One metric of one entry by group."""

    groups: tuple[Score, ...]


class Sparse(Sliced):
    """One metric of one entry by how many training purchases users have."""

    #: By which share of its value in the richest group it falls to the sparsest; None where it has nothing to lose.
    drop: Interval | None


class UserGroup(Frozen):
    """Some of the test users."""

    name: str
    users: int


class Grouped(Comparison):
    """One metric by groups of test users; entries the best of all users first."""

    groups: tuple[UserGroup, ...]
    entries: tuple[Sliced, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each entry and group."""
        return [
            row(self, entry, self.metric, group.name, group.users, score)
            for entry in self.entries
            for group, score in zip(self.groups, entry.groups, strict=True)
        ]


class Sparsity(Grouped):
    """One metric by how many training purchases users have, the sparsest first."""

    entries: tuple[Sparse, ...]


class Slices(Grouped):
    """One metric by what the users' held-out items are, or by whether a condition holds; each user in one group."""

    by: str  # an `Attribute`, or the condition


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


def slices(
    workspace: Workspace,
    run_ids: Sequence[str],
    *,
    by: str = "visited",
    reference: str | None = None,
    metric: str = METRIC,
    dataset: Dataset | None = None,
) -> Slices:
    """One metric of finished runs by groups of test users that lie across how much they bought.

    by: an `Attribute`, or a condition over users and held-out items (`filtering`). Categories that fewer than 30 users
    bought next are taken together, as are all but the ten largest; price, buyers and recency make quarters.
    Raises ConfigError where the data set does not tell, or all users are in one group; the rest as `leaderboard`.
    """
    ranked, against = prepared(workspace, run_ids, reference, metric, withhold=True)
    dataset = dataset or dataset_of(workspace, ranked[0].runs[0])
    groups = _groups(dataset, ranked[0].tested, by)
    by_group = scores(ranked, against, [metric], [group.members for group in groups])
    return Slices(
        **shared(ranked, metric, against),
        by=by,
        groups=tuple(UserGroup(name=group.name, users=int(group.members.sum())) for group in groups),
        entries=tuple(
            Sliced(**named, groups=tuple(group[number][metric] for group in by_group))
            for number, named in enumerate(about(ranked))
        ),
    )


def _groups(dataset: Dataset, tested: Members, by: str) -> list[Group]:
    """The n tested users by an attribute or a condition; two groups or more, none of them empty."""
    items = dataset.test_item[tested]
    match by:
        case "visited":
            found = _two("visited", "not visited", visited(dataset)[tested])
        case "buyers":
            found = _quarters(lists.popularity(dataset)[items])
        case "recency":
            found = _by_recency(dataset, tested)
        case "category" | "price":
            found = _by_attribute(dataset, items, by)
        case _:
            found = _two(by, OTHERS, matching(facts(dataset, tested), by))
    found = [group for group in found if group.members.any()]
    if len(found) < 2:
        raise ConfigError(f"slices need two groups of test users; by {by}, all are in one: {found[0].name}.")
    return found


def _quarters(numbers: NDArray[np.int64]) -> list[Group]:
    """Users by whole numbers (n,), in about four groups of one size, the lowest first."""
    lows = np.unique(np.quantile(numbers, _QUARTERS, method="inverted_cdf")).tolist()
    return list(by_purchases(numbers, lows))


def _by_recency(dataset: Dataset, tested: Members) -> list[Group]:
    """Quarters of the tested users by how long they had not been seen, the most recent first."""
    days = idle_days(dataset)
    if days is None:
        raise ConfigError(f"slices by recency need times of day; data set {dataset.name} does not have any.")
    known = days[tested] >= 0
    groups = []
    for group in _quarters(days[tested][known]):
        members = np.zeros(len(known), np.bool_)
        members[known] = group.members
        groups.append(Group(f"{group.name} day{'' if group.name == '1' else 's'}", members))
    return [*groups, Group(UNKNOWN, ~known)]


def _two(name: str, other: str, members: Members) -> list[Group]:
    return [Group(name, members), Group(other, ~members)]


def _by_attribute(dataset: Dataset, items: IntArray, by: str) -> list[Group]:
    """Test users by the group of their held-out items (n,): bands of prices in order, or categories by size."""
    known = lists.groups(dataset)
    if by not in known:
        raise ConfigError(f"slices by {by} need items of more than one; data set {dataset.name} does not tell it.")
    place, names = known[by][0][items], known[by][1]
    if by == "price":
        return [*(Group(name, place == n) for n, name in enumerate(names)), Group(UNKNOWN, place < 0)]
    sizes = np.bincount(place[place >= 0], minlength=len(names))
    named = [n for n in np.argsort(-sizes, kind="stable")[:_MOST] if sizes[n] >= _ENOUGH]
    rest = ~np.isin(place, named) & (place >= 0)
    return [*(Group(names[n], place == n) for n in named), Group(OTHERS, rest), Group(UNKNOWN, place < 0)]
