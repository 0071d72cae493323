"""Groups of users by what is known of them: by training purchases, and by whether the held-out item was visited."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtr.data.dataset import Dataset
from nmtr.data.split import stands_in
from nmtr.errors import ConfigError

Members = NDArray[np.bool_]

#: The fewest training purchases of each of the paper's groups: 5-8, 9-12, 13-16, 17-20, > 20.
PAPER_GROUPS = (5, 9, 13, 17, 21)
#: The paper's groups are taken where each has so many users; fewer say little of a group.
_ENOUGH = 30
_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, eq=False)
class Group:
    """Some of the users."""

    name: str  # "5–8", "> 20"
    members: Members  # (n,) of the users that were grouped


def purchases(dataset: Dataset) -> NDArray[np.int64]:
    """(M,) how many training purchases each user has, those that a run validates on among them."""
    return np.diff(dataset.matrices[-1].indptr).astype(np.int64)


def visited(dataset: Dataset, behaviors: Collection[str] | None = None) -> Members:
    """(M,) whether each user's held-out item stands in one of the user's lower behaviors, hidden from a run or not.

    behaviors: those that count; all if not given.
    """
    found = np.zeros(dataset.num_users, np.bool_)
    for behavior, lower in zip(dataset.behaviors[:-1], dataset.matrices[:-1], strict=True):
        if behaviors is None or behavior in behaviors:
            found |= stands_in(lower, dataset.test_item)
    return found


def idle_days(dataset: Dataset) -> NDArray[np.int64] | None:
    """(M,) days from each user's last training pair to the last of anybody's, -1 where a user has none.

    None where the data set does not know when things happened.
    """
    if dataset.last_day is None:
        return None
    last = dataset.last_day.astype(np.int64)
    return np.where(last < 0, -1, last.max(initial=0) - last)


def by_purchases(counts: NDArray[np.int64], lows: Sequence[int] | None = None) -> tuple[Group, ...]:
    """The users (n,) by how many purchases they have, the sparsest first; none of the groups is empty.

    lows: the fewest purchases of each group. If not given: those of the paper where they take in every user and have
    users enough, else as many as there are different ones among the fifths of the users. Raises ConfigError where the
    lows do not rise from 0 or more, or a group has no users; users below the first low are in no group.
    """
    if lows is None:
        lows = PAPER_GROUPS if _fit(counts) else np.unique(np.quantile(counts, _FIFTHS, method="inverted_cdf")).tolist()
    if not lows or lows[0] < 0 or list(lows) != sorted(set(lows)):
        raise ConfigError(
            f"groups must be given by the fewest purchases of each, rising from 0 or more, such as 5,9,13; "
            f"got {','.join(map(str, lows)) or 'none'}."
        )
    place = np.searchsorted(lows, counts, side="right") - 1
    names = _names(lows, int(counts.max(initial=0)))
    groups = tuple(Group(name, place == number) for number, name in enumerate(names))
    for group in groups:
        if not group.members.any():
            raise ConfigError(
                f"every group must have users; nobody who is tested has {group.name} training purchases: "
                f"give other groups, or none for those that the data allows."
            )
    return groups


def _fit(counts: NDArray[np.int64]) -> bool:
    """Whether the paper's groups take in every user, and have users enough."""
    sizes = np.bincount(np.searchsorted(PAPER_GROUPS, counts, side="right"), minlength=len(PAPER_GROUPS) + 1)
    return bool(sizes[0] == 0 and sizes[1:].min() >= _ENOUGH)


def _names(lows: Sequence[int], most: int) -> list[str]:
    """What each group holds: ``2``, ``3–5``, and of the last, open one ``> 5``."""
    closed = [
        f"{low}" if low == after - 1 else f"{low}–{after - 1}" for low, after in zip(lows, lows[1:], strict=False)
    ]
    last = lows[-1]
    if len(lows) > 1 and last > 0:
        return [*closed, f"> {last - 1}"]
    return [*closed, f"{last}" if last >= most else f"{last}–{most}"]
