"""What is added to a source's rows or left out of them before anything is held out; each step says what it did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nmtr.data.rows import TRAIN, Rows


def implied(rows: Rows) -> tuple[Rows, int]:
    """With every step that a later one of the same pair implies, at that one's time; and how many were added.

    Takes rows that are merged: each (behavior, user, item) once.
    """
    keys = rows.user.astype(np.int64) * len(rows.items) + rows.item
    added = []
    above = np.empty(0, np.int64)
    source = np.empty(0, np.int64)  # the row that each key of `above` comes from
    known = rows.part is None or rows.part == TRAIN  # what is held out is not to be learned from
    for behavior in reversed(range(len(rows.behaviors))):
        here = np.flatnonzero((rows.behavior == behavior) & known)
        missing = ~np.isin(above, keys[here])
        if behavior < len(rows.behaviors) - 1:
            added.append((np.full(int(missing.sum()), behavior, np.int8), source[missing]))
        above = np.concatenate([keys[here], above[missing]])
        source = np.concatenate([here, source[missing]])
    of = np.concatenate([rows for _, rows in added]) if added else np.empty(0, np.int64)
    if not len(of):
        return rows, 0
    more = rows.take(of)
    more = replace(more, behavior=np.concatenate([behavior for behavior, _ in added]))
    return _joined(rows, more), len(of)


def _joined(rows: Rows, more: Rows) -> Rows:
    """Both, sorted by behavior, user and item, as merged rows are."""
    together = {
        name: None if getattr(rows, name) is None else np.concatenate([getattr(rows, name), getattr(more, name)])
        for name in ("user", "item", "behavior", "time", "part")
    }
    joined = replace(rows, **together)  # type: ignore[arg-type]
    return joined.take(np.lexsort((joined.item, joined.user, joined.behavior)))


def at_least(rows: Rows, of_user: int, of_item: int) -> tuple[Rows, int, int]:
    """The rows of users and items with so many pairs each, until nothing more falls away; how many of both did."""
    users, items = (np.unique(values).size for values in (rows.user, rows.item))
    while True:
        keep = _enough(rows.user, len(rows.users), of_user) & _enough(rows.item, len(rows.items), of_item)
        if keep.all():
            break
        rows = rows.take(np.flatnonzero(keep))
    return rows, users - np.unique(rows.user).size, items - np.unique(rows.item).size


def _enough(number: NDArray[np.int32], size: int, least: int) -> NDArray[np.bool_]:
    counts: NDArray[np.bool_] = (np.bincount(number, minlength=size) >= least)[number]
    return counts
