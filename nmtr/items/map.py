"""All items of a run on a map: near each other where the model learned the same of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtr import lists
from nmtr.evaluation.scorer import FloatArray, ItemVectors
from nmtr.explain import Fitted
from nmtr.items.stuck import stuck_at
from nmtr.items.table import Counts, Items

#: Items whose nearest neighbor is looked for, at most; of more, some are drawn.
_ASKED = 1_000
_SCORES = 1 << 22  # similarities held at once


@dataclass(frozen=True, eq=False)
class Kind:
    """Items by one thing that is known of them, and whether those of a group are near each other."""

    place: Counts  # (N,) each item's group, -1 where it is not known
    names: tuple[str, ...]
    same: float  # of the items that were asked, the share whose nearest neighbor (by cosine) is of their group
    chance: float  # the same, were neighbors drawn at random
    asked: int


@dataclass(frozen=True, eq=False)
class ItemMap:
    """The plane on which items of N lie furthest apart (PCA of their vectors, each made of length 1)."""

    places: FloatArray  # (N, 2) float32; NaN of an item of which nothing was learned
    share: float  # of all that the vectors differ by, how much the plane shows
    kinds: dict[str, Kind]  # "stuck", "category", "price": those that are known


def item_map(fitted: Fitted, items: Items) -> ItemMap | None:
    """Where each item lies; None of a method that learns no vector of an item, and where fewer than three have one.

    items: what `all_items` gave. Each direction's sign is that of its largest entry, so a run has one map.
    """
    if not isinstance(fitted.scorer, ItemVectors):
        return None
    vectors = fitted.scorer.item_vectors
    length = np.linalg.norm(vectors, axis=1)
    known = np.flatnonzero(length > 0)
    if len(known) < 3 or vectors.shape[1] < 2:
        return None
    units = vectors[known] / length[known, None]
    centered = units - units.mean(axis=0)
    variance, directions = np.linalg.eigh(centered.T.astype(np.float64) @ centered)  # ascending
    if variance[-1] <= 0:
        return None
    plane = directions[:, [-1, -2]]
    plane = plane * np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]])
    places = np.full((len(vectors), 2), np.nan, np.float32)
    places[known] = centered @ plane
    groups = _groups(fitted, items)
    neighbor = _nearest(units, known)
    kinds = {name: _kind(place, names, neighbor) for name, (place, names) in groups.items()}
    return ItemMap(places, float(variance[-2:].sum() / variance.clip(0).sum()), kinds)


def _groups(fitted: Fitted, items: Items) -> dict[str, tuple[Counts, list[str]]]:
    found = dict(lists.groups(fitted.dataset))
    if len(items.scored) > 1:
        found = {"stuck": (stuck_at(items), [*items.scored])} | found
    return found


def _nearest(units: FloatArray, known: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, n) columns of items that are asked, evenly spread, and of the item of the highest cosine to each."""
    asked = np.linspace(0, len(known) - 1, min(_ASKED, len(known))).astype(np.int64)
    nearest = []
    size = max(1, _SCORES // len(units))
    for start in range(0, len(asked), size):
        block = asked[start : start + size]
        similarity = units[block] @ units.T
        similarity[np.arange(len(block)), block] = -np.inf
        nearest.append(similarity.argmax(axis=1))
    found: NDArray[np.int64] = known[np.stack([asked, np.concatenate(nearest)])]
    return found


def _kind(place: Counts, names: list[str], neighbor: NDArray[np.int64]) -> Kind:
    own, other = place[neighbor]
    asked = own >= 0
    sizes = np.bincount(place[place >= 0], minlength=len(names))
    # An item is not its own neighbor.
    chance = ((sizes[own[asked]] - 1) / max(len(place) - 1, 1)).mean() if asked.any() else 0.0
    same = float((own[asked] == other[asked]).mean()) if asked.any() else 0.0
    return Kind(place, tuple(names), same, float(chance), int(asked.sum()))
