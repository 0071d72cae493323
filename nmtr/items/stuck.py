"""Where an item gets stuck on its way along the cascade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtr.items.table import Items

#: Many: more than this share of the items have fewer. Few: at most the rest of it have.
_MANY = 2 / 3


@dataclass(frozen=True)
class Stuck:
    """The stage that takes the most off an item's score, next to the median item."""

    behavior: str | None  # None where no stage takes anything off
    takes_off: float  # 0 there
    sentence: str


def stuck(items: Items, column: int) -> Stuck | None:
    """What each stage adds to the item's mean score, less what it adds to the median item: where that is lowest.

    Next to the median item, since every stage starts from odds of its own: most pairs are not observed, so the first
    takes much off any item. Not by the stage scores themselves, since whatever a stage adds or takes is in all later
    ones, too. None of a single stage.
    """
    if len(items.scored) < 2:
        return None
    beyond = _beyond(items)[:, column]
    stage = int(beyond.argmin())
    if beyond[stage] >= 0:
        return Stuck(None, 0.0, "Nowhere: each stage adds to its score as much as to the median item's, or more.")
    behavior, takes_off = items.scored[stage], -float(beyond[stage])
    told = [_told(items, r, column) for r in range(max(stage - 1, 0), stage + 1)]
    sentence = f"{', '.join(told)}: the {behavior} stage takes {takes_off:.2f} off its score, next to the median item."
    return Stuck(behavior, takes_off, sentence[0].upper() + sentence[1:])


def stuck_at(items: Items) -> NDArray[np.int64]:
    """(N,) the stage at which each item gets stuck, -1 where that is nowhere."""
    beyond = _beyond(items)
    stages = beyond.argmin(axis=0)
    return np.where(beyond.min(axis=0) < 0, stages, -1)


def _beyond(items: Items) -> NDArray[np.float64]:
    """(S, N) what each stage adds to an item's mean score, less what it adds to the median item's."""
    beyond: NDArray[np.float64] = items.added - np.median(items.added, axis=1, keepdims=True)
    return beyond


def _told(items: Items, r: int, column: int) -> str:
    """``many view it (1,203)``; many and few are told from the other items."""
    counts = items.observed[r]
    observed = int(counts[column])
    fewer = float((counts < observed).mean())
    how_many = "many" if fewer > _MANY else "few" if fewer <= 1 - _MANY else "some"
    return f"{how_many} {items.behaviors[r]} it ({observed:,})"
