"""The first items of every tested user's list, and what such lists are like as a whole, whatever the method.

Novelty, popularity, coverage and diversity are RecTools' `MeanInvUserFreq`, `AvgRecPopularity`, `CatalogCoverage` and
`IntraListDiversity` (with the Hamming distance of the category): `tests/test_lists.py` compares them with its figures.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtr.data.dataset import Dataset
from nmtr.evaluation.significance import Values
from nmtr.explain import Fitted
from nmtr.files import kept_if_there_is_room, whole

NAME = "lists.npz"
LENGTH = 20  # items that are kept of each list
_VERSION = 1
_BLOCK_SCORES = 1 << 21  # held at once, as in ranking
_AT_ONCE = 500  # users whose rows are held at once
_BANDS = 4  # of prices: quarters of the catalogue

Lists = NDArray[np.int32]


def first_items(fitted: Fitted) -> Lists:
    """(n, LENGTH) int32: `best_items` of each of the n users with a held-out item."""
    return best_items(fitted, np.flatnonzero(fitted.split.test_item >= 0), LENGTH)


def best_items(fitted: Fitted, users: NDArray[np.int64], length: int) -> Lists:
    """(n, length) int32: the best items of each of n users (rows); -1 where a list is shorter.

    As `recommend` lists them: what the user has bought before is left out, and ties are broken by item order.
    """
    found = np.full((len(users), length), -1, np.int32)
    size = max(1, _BLOCK_SCORES // max(1, fitted.dataset.num_items))
    for start in range(0, len(users), size):
        block = users[start : start + size]
        scores = fitted.scorer.score(block)
        known = fitted.split.known[block]
        scores[np.repeat(np.arange(len(block)), np.diff(known.indptr)), known.indices] = -np.inf
        _best(scores, found[start : start + size])
    return found


def _best(scores: NDArray[np.float32], out: Lists) -> None:
    """Write the items with the highest scores (B, N) into each row, those at -inf left out."""
    count = min(out.shape[1], scores.shape[1])
    least = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count]
    rows, items = np.nonzero((scores >= least[:, None]) & (scores > -np.inf))
    order = np.lexsort((items, -scores[rows, items], rows))
    rows, items = rows[order], items[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = place < count
    out[rows[kept], place[kept]] = items[kept]


def rows(fitted: Fitted, users: NDArray[np.int64], length: int) -> Iterator[list[dict[str, object]]]:
    """A row for each item of `best_items` with its place from 1, some hundred users at a time, so of bounded memory."""
    dataset = fitted.dataset
    for start in range(0, len(users), _AT_ONCE):
        block = users[start : start + _AT_ONCE]
        yield [
            {
                "user": str(dataset.users[user]),
                "place": place,
                "item": str(dataset.items[item]),
                "title": dataset.title(int(item)),
            }
            for user, listed in zip(block, best_items(fitted, block, length), strict=True)
            for place, item in enumerate(listed, 1)
            if item >= 0
        ]


def read(path: Path, users: int) -> Lists | None:
    """The kept lists of so many users; None where there are none, or damaged or older ones, to be made again."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            version, found = int(file["version"]), file["items"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if version == _VERSION and found.shape == (users, LENGTH) and found.dtype == np.int32 else None


def write(path: Path, found: Lists) -> None:
    """Keep lists, whole or not at all."""
    with kept_if_there_is_room(), whole(path) as file:
        np.savez_compressed(file, version=np.array(_VERSION), items=found)


# What lists are like


def popularity(dataset: Dataset) -> NDArray[np.int64]:
    """(N,) how many users have each item as a target pair in training, held-out pairs left out."""
    return np.bincount(dataset.matrices[-1].indices, minlength=dataset.num_items).astype(np.int64)


def per_user(lists: Lists, dataset: Dataset) -> dict[str, Values]:
    """What each user's list (n, k) is like, (n,) float64 each; NaN where a list says nothing of it.

    novelty: mean of -log2(share of buyers who bought the item), in bits; an item that nobody bought counts as bought
    once. popularity: mean number of its buyers. price: mean of those known. diversity: share of its pairs of items that
    are of two categories, of those where both are known. The last two only where the data set tells.
    """
    bought = popularity(dataset)
    buyers = max(1, int((np.diff(dataset.matrices[-1].indptr) > 0).sum()))
    found = {
        "novelty": _mean(-np.log2(np.maximum(bought, 1) / buyers), lists),
        "popularity": _mean(bought.astype(np.float64), lists),
    }
    if (prices := _prices(dataset)) is not None:
        found["price"] = _mean(prices, lists)
    if (categories := _categories(dataset)) is not None:
        found["diversity"] = _diversity(np.where(lists >= 0, categories[0][lists], -1))
    return found


def coverage(lists: Lists, dataset: Dataset) -> float:
    """The share of all items that stand in anybody's list."""
    return len(np.unique(lists[lists >= 0])) / max(1, dataset.num_items)


def alike(lists: Lists) -> float:
    """The share of users whose list has the very items that somebody else's has, in any order."""
    _, counts = np.unique(np.sort(lists, axis=1), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / max(1, len(lists)))


def groups(dataset: Dataset) -> dict[str, tuple[NDArray[np.int64], list[str]]]:
    """By attribute: each item's group (N,), -1 where it is not known, and what the groups are called."""
    found = {}
    if (categories := _categories(dataset)) is not None:
        found["category"] = categories
    prices = _prices(dataset)
    if prices is not None:
        cuts = np.unique(np.nanquantile(prices, np.linspace(0, 1, _BANDS + 1)))
        if len(cuts) > 2:
            place = np.clip(np.searchsorted(cuts, prices, side="right") - 1, 0, len(cuts) - 2)
            inner = [f"{low:g} to under {high:g}" for low, high in zip(cuts[1:-1], cuts[2:-1], strict=False)]
            names = [f"under {cuts[1]:g}", *inner, f"{cuts[-2]:g} and more"]
            found["price"] = np.where(np.isnan(prices), -1, place), names
    return found


def shares(lists: Lists, place: NDArray[np.int64], count: int) -> Values:
    """(count + 1,) which share of all listed items is in each group, and last in none that is known."""
    listed = place[lists[lists >= 0]]
    counts = np.bincount(np.where(listed < 0, count, listed), minlength=count + 1)
    return counts / max(1, len(listed))


def _mean(values: Values, lists: Lists) -> Values:
    """(n,) the mean value of each list's items that have one; NaN of none."""
    given = np.where(lists >= 0, values[lists], np.nan)
    known = ~np.isnan(given)
    total = np.where(known, given, 0.0).sum(axis=1)
    counts = known.sum(axis=1)
    mean: Values = np.divide(total, counts, out=np.full(len(lists), np.nan), where=counts > 0)
    return mean


def _diversity(places: NDArray[np.int64]) -> Values:
    """(n,) the share of each list's pairs in two groups; places (n, k), -1 = not known. NaN of fewer than two known."""
    pairs, apart = np.zeros(len(places)), np.zeros(len(places))
    for one in range(places.shape[1]):
        for other in range(one + 1, places.shape[1]):
            both = (places[:, one] >= 0) & (places[:, other] >= 0)
            pairs += both
            apart += both & (places[:, one] != places[:, other])
    share: Values = np.divide(apart, pairs, out=np.full(len(places), np.nan), where=pairs > 0)
    return share


def _prices(dataset: Dataset) -> Values | None:
    """(N,) float64, NaN where there is none; None where no item has one."""
    if dataset.attributes is None or "price" not in dataset.attributes:
        return None
    prices = dataset.attributes["price"].to_numpy(np.float64, na_value=np.nan)
    return prices if np.isfinite(prices).any() else None


def _categories(dataset: Dataset) -> tuple[NDArray[np.int64], list[str]] | None:
    """Each item's category (N,), -1 where there is none, and their names; None where no item has one."""
    if dataset.attributes is None or "category" not in dataset.attributes:
        return None
    import pandas as pd

    place, names = pd.factorize(dataset.attributes["category"], sort=True)
    return (place.astype(np.int64), [str(name) for name in names]) if len(names) else None
