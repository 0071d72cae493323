"""Data sets for benchmarks: invented ones of any size, generated whole arrays at a time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.places import KEPT
from nmtr.data.dataset import Dataset, IntArray, Origin, matrix_of
from nmtr.data.library import Library
from nmtr.data.split import split

#: What each invented data set is made of; Beibei's sizes count the held-out purchases.
SHAPES: dict[str, dict[str, int]] = {
    "beibei-shaped": {"users": 21_716, "items": 7_977, "view": 2_410_000, "cart": 642_622, "buy": 304_576},
    **{
        f"grown-{users // 1000}k": {"users": users, "items": users * 2 // 5, "cart": 40 * users, "validated": 100}
        for users in (25_000, 50_000, 100_000, 200_000)
    },
    "million": {"users": 1_000_000, "items": 200_000, "cart": 49_000_000, "validated": 100},
}
LIBRARY = KEPT / "library"
_LEAST_PURCHASES = 3  # one for testing, one for validation, one to learn from
#: Of purchases that were carted, and of carted pairs that were viewed.
_CARTED, _VIEWED = 0.8, 0.9

Keys = NDArray[np.int64]


def ensure(name: str, folder: str = str(LIBRARY)) -> dict[str, float]:
    """Generates a data set into the library, once; remove .benchmarks/ to have it done anew."""
    library = Library(Path(folder))
    if name not in library.names():
        library.save(funnel(name=name, **SHAPES[name]))
    return {"pairs": sum(library.info(name).interactions.values())}


def funnel(
    users: int,
    items: int,
    *,
    buy: int = 0,
    cart: int = 0,
    view: int = 0,
    validated: int | None = None,
    name: str = "invented",
) -> Dataset:
    """Users x items with so many distinct pairs of each behavior (0: none), most of each within the one before.

    Items are long-tailed, users differ in how much they do. Each user has a purchase held out for testing, another one
    to validate on and one to learn from, and `buy` is at least that. With `validated`, that holds of the first so many
    users only and the others may have one purchase each, on which nothing is validated.
    """
    rng = np.random.default_rng(0)
    activity = np.cumsum(rng.lognormal(0.0, 0.8, users))
    popularity = np.cumsum(rng.permutation((np.arange(items) + 20.0) ** -0.8))

    def pick(cumulated: NDArray[np.float64], count: int) -> Keys:
        picked: Keys = np.searchsorted(cumulated[:-1], rng.random(count) * cumulated[-1], side="right")
        return picked

    def filled(keys: Keys, size: int) -> Keys:
        """Distinct keys, the given ones among them, with as many more as make `size`."""
        given = keys = _distinct(keys)
        while len(keys) < size:
            draws = (size - len(keys)) * 5 // 4 + 100
            keys = _distinct(keys, pick(activity, draws) * items + pick(popularity, draws))
        fresh = np.setdiff1d(keys, given, assume_unique=True)
        return _distinct(given, rng.choice(fresh, max(size - len(given), 0), replace=False))

    def some(keys: Keys, share: float) -> Keys:
        return keys[rng.random(len(keys)) < share]

    everyone = np.arange(users)
    held_out_of = users if validated is None else validated
    least = np.where(everyone < held_out_of, _LEAST_PURCHASES, 1)
    bought = np.empty(0, np.int64)
    while len(short := np.flatnonzero(np.bincount(bought // items, minlength=users) < least)):
        bought = _distinct(bought, short * items + pick(popularity, len(short)))
    bought = filled(bought, buy)
    keys = {"buy": bought}
    if cart:
        keys = {"cart": filled(some(bought, _CARTED), cart), **keys}
    if view:
        keys = {"view": filled(some(keys["cart" if cart else "buy"], _VIEWED), view), **keys}
    test = _one_each(bought[bought < held_out_of * items] // items, rng)
    test_item = np.full(users, -1, np.int32)
    test_item[:held_out_of] = bought[test] % items
    keys["buy"] = np.delete(bought, test)
    return Dataset(
        name=name,
        behaviors=tuple(keys),
        matrices=tuple(matrix_of(*_pairs(own, items), (users, items)) for own in keys.values()),
        test_item=test_item,
        given_valid_item=np.full(users, -1, np.int32),
        users=everyone.astype(np.str_),
        items=np.arange(items).astype(np.str_),
        origin=Origin("generated", made="invented for benchmarks.", synthetic=True),
    )


def write_atomic(dataset: Dataset, folder: Path) -> str:
    """RecBole's atomic files of the target's pairs, split as NMTR splits them (protocol standard, seed 0), once.

    Returns the name that they have there.
    """
    name = f"{dataset.name}-{dataset.fingerprint}"
    if (folder / name).exists():
        return name
    parts = split(dataset.select([dataset.target]), "standard", 0)
    everyone = np.arange(dataset.num_users)
    train = parts.train[-1].tocoo()
    held_out = {"valid": parts.valid_item, "test": parts.test_item}
    pairs = {"train": (train.row, train.col)} | {
        part: (everyone[item >= 0], item[item >= 0]) for part, item in held_out.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        for part, columns in pairs.items():
            path = Path(draft) / name / f"{name}.{part}.inter"
            path.parent.mkdir(exist_ok=True)
            header = "user_id:token\titem_id:token"
            np.savetxt(path, np.column_stack(columns), fmt="%d", delimiter="\t", header=header, comments="")
        (Path(draft) / name).rename(folder / name)
    return name


def _distinct(*keys: Keys) -> Keys:
    """Sorted, each once; several times as fast as np.unique, which hashes."""
    joined = np.sort(np.concatenate(keys))
    return joined[np.diff(joined, prepend=-1) > 0]


def _pairs(keys: Keys, items: int) -> tuple[IntArray, IntArray]:
    users, columns = np.divmod(keys, items)
    return users.astype(np.int32), columns.astype(np.int32)


def _one_each(users: Keys, rng: np.random.Generator) -> Keys:
    """A random position of each user in the sorted list."""
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    counts = np.diff(starts, append=len(users))
    return starts + rng.integers(0, counts)
