"""What a source says, read but not yet judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtr.data.activity import Clock
from nmtr.data.dataset import IntArray

if TYPE_CHECKING:
    import pandas as pd

TRAIN, VALID, TEST = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Rows:
    """What a source says, read but not yet judged: n rows in the source's order, duplicates included."""

    user: IntArray  # (n,) index into users
    item: IntArray  # (n,) index into items
    behavior: NDArray[np.int8]  # (n,) index into behaviors
    users: NDArray[np.str_]  # labels
    items: NDArray[np.str_]  # labels
    behaviors: tuple[str, ...]  # lowest first, the target last
    time: NDArray[np.float64] | None = None  # (n,) in any unit
    clock: Clock | None = None  # what makes times of day of them; None where they are mere numbers
    part: NDArray[np.int8] | None = None  # (n,) TRAIN, VALID or TEST, where the source says so
    duplicates: int = 0  # rows that were merged into others already, to the earliest
    split_first: bool = False  # the parts decide even where there are times
    attributes: pd.DataFrame | None = None  # a row for each of items
    catalogue: bool = False  # the items are the source's whole catalogue: keep those that nobody touched
    counts: tuple[tuple[str, int], ...] = ()  # each behavior that the source has, used or not, and its rows
    notes: tuple[str, ...] = ()  # what was read, how, and what was left out; the number of rows, if there is none

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            behavior=self.behavior[rows],
            time=None if self.time is None else self.time[rows],
            part=None if self.part is None else self.part[rows],
        )
