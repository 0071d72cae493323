"""What is in a data set: the figures of `nmtr data show` and of the Data page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.data.activity import Activity
from nmtr.data.dataset import Dataset, IntArray, Origin, pairs_of
from nmtr.data.library import count_interactions
from nmtr.data.split import stands_in
from nmtr.frozen import Frozen

_SAMPLE = 5
_SHOWN = {
    *("name", "users", "items", "behaviors", "interactions", "test_users", "fingerprint", "sample", "leak"),
    *("held_out_newest", "valid_named", "activity"),
}


class Sample(Frozen):
    """A few labels to try."""

    users: tuple[str, ...]
    items: tuple[str, ...]


class Bin(Frozen):
    """How many users have between `low` and `high` interactions, both included."""

    low: int
    high: int
    users: int


class Spread(Frozen):
    """Interactions per user of one behavior, over all users; the target's with the held-out one."""

    mean: float
    quantiles: dict[str, float]  # "0.05" "0.25" "0.5" "0.75" "0.95" -> interactions
    most: int
    bins: tuple[Bin, ...]  # 0, 1, 2, 3-4, 5-8, 9-16, … up to the most


class Step(Frozen):
    """One behavior in the funnel."""

    behavior: str
    pairs: int  # distinct user-item pairs; the target's with the held-out ones
    users: int  # with at least one
    items: int  # with at least one
    bought: float  # share of these pairs that are purchases too; 1 for the target
    of_purchases: float  # share of purchases that stand in this behavior too; 1 for the target


class Summary(Frozen):
    """Everything that is worth knowing about a data set before a model learns from it."""

    name: str
    users: int
    items: int
    behaviors: tuple[str, ...]  # lowest first, the target last
    interactions: dict[str, int]  # behavior -> pairs; the target's with the held-out ones
    test_users: int  # users with a held-out pair
    fingerprint: str
    sample: Sample
    leak: dict[str, float]  # lower behavior -> share of held-out pairs that stand in it
    #: Share of held-out pairs whose item stands in the data set behind all else that the user bought, and what chance
    #: would give: far apart, items are numbered by time, and validation purchases are best drawn as `newest`.
    held_out_newest: dict[str, float]  # "share", "by_chance"
    valid_named: int  # users whose validation purchase the source names, however others' are drawn
    funnel: tuple[Step, ...]  # lowest behavior first
    per_user: dict[str, Spread]
    activity: Activity | None  # None where the source has no times of day
    origin: Origin

    def to_json(self) -> dict[str, Any]:
        """What `nmtr data show --json` prints."""
        return self.model_dump(mode="json", include=_SHOWN)


def describe(dataset: Dataset) -> Summary:
    """Count a data set. Without held-out pairs, the leaks are 0."""
    held_out = dataset.test_item >= 0
    purchases = _purchases(dataset)
    leak = {
        behavior: float(stands_in(dataset.matrix(behavior), dataset.test_item)[held_out].mean())
        if held_out.any()
        else 0.0
        for behavior in dataset.behaviors[:-1]
    }
    pairs = {behavior: pairs_of(dataset.matrix(behavior)) for behavior in dataset.behaviors[:-1]}
    pairs[dataset.target] = purchases
    return Summary(
        name=dataset.name,
        users=dataset.num_users,
        items=dataset.num_items,
        behaviors=dataset.behaviors,
        interactions=count_interactions(dataset),
        test_users=int(held_out.sum()),
        fingerprint=dataset.fingerprint,
        sample=Sample(users=_some(dataset.users), items=_some(dataset.items)),
        leak=leak,
        held_out_newest=_held_out_newest(dataset),
        valid_named=int((dataset.given_valid_item >= 0).sum()),
        funnel=tuple(
            _step(behavior, *pairs[behavior], _keys(dataset, *purchases), dataset) for behavior in dataset.behaviors
        ),
        per_user={
            behavior: _spread(np.bincount(users, minlength=dataset.num_users)) for behavior, (users, _) in pairs.items()
        },
        activity=dataset.activity,
        origin=dataset.origin,
    )


def _held_out_newest(dataset: Dataset) -> dict[str, float]:
    """Of the users with a held-out pair and other purchases; zeros where there is none."""
    bought = dataset.matrices[-1]
    count = np.diff(bought.indptr)
    users = np.flatnonzero((dataset.test_item >= 0) & (count > 0))
    if not len(users):
        return {"share": 0.0, "by_chance": 0.0}
    last = bought.indices[bought.indptr[1:][users] - 1]  # indices are sorted
    share = (dataset.test_item[users] > last).mean()
    return {"share": float(share), "by_chance": float((1 / (count[users] + 1)).mean())}


def _purchases(dataset: Dataset) -> tuple[IntArray, IntArray]:
    """The users and items of all target pairs, the held-out ones included."""
    users, items = pairs_of(dataset.matrices[-1])
    held_out = np.flatnonzero(dataset.test_item >= 0).astype(np.int32)
    return np.concatenate([users, held_out]), np.concatenate([items, dataset.test_item[held_out]])


def _keys(dataset: Dataset, users: IntArray, items: IntArray) -> NDArray[np.int64]:
    """One number for each pair."""
    return users.astype(np.int64) * dataset.num_items + items


def _step(behavior: str, users: IntArray, items: IntArray, purchases: NDArray[np.int64], dataset: Dataset) -> Step:
    both = len(np.intersect1d(_keys(dataset, users, items), purchases, assume_unique=True))
    return Step(
        behavior=behavior,
        pairs=len(users),
        users=int(np.count_nonzero(np.bincount(users))),
        items=int(np.count_nonzero(np.bincount(items))),
        bought=both / max(len(users), 1),
        of_purchases=both / max(len(purchases), 1),
    )


def _spread(counts: NDArray[np.intp]) -> Spread:
    most = int(counts.max())
    # Each bin's upper end: doubling, since interactions per user have a long tail.
    highs = [0, 1]
    while highs[-1] < most:
        highs.append(2 * highs[-1])
    bins = tuple(
        Bin(low=low + 1, high=high, users=int(((counts > low) & (counts <= high)).sum()))
        for low, high in zip([-1, *highs[:-1]], highs, strict=True)
    )
    quantiles = {f"{q:g}": float(np.quantile(counts, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)}
    return Spread(mean=float(counts.mean()), quantiles=quantiles, most=most, bins=bins)


def _some(labels: NDArray[np.str_]) -> tuple[str, ...]:
    """A few labels from all over."""
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(_SAMPLE, len(labels))).astype(int))
    return tuple(str(label) for label in labels[chosen])
