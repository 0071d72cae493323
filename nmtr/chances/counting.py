"""How many pairs have each score, and how many of those were held out: all that chances are fitted and judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.data.dataset import IntArray
from nmtr.evaluation.scorer import FloatArray

Ints = NDArray[np.int64]

#: Halves that the users are dealt into, so that one can be fitted on and the other tested on; cells that scores are
#: rounded to; scores at once.
_HALVES, _CELLS, _BLOCK_SCORES = 2, 4096, 1 << 20
#: Pairs that are looked at, at most, with towers and without, but for 1,000 users at least.
_TOWER_PAIRS, _PAIRS, _FEWEST_USERS = 1 << 23, 1 << 24, 1000


@dataclass(frozen=True, eq=False)
class Question:
    """Which pair of each user was held out, and which are no candidates."""

    held_out: IntArray  # (M,), -1 = none: such users are not counted
    left_out: csr_array  # (M, N); a held-out pair in it is counted all the same


@dataclass(frozen=True, eq=False)
class Tally:
    """Candidates by score, a row for each half of the users."""

    scores: NDArray[np.float64]  # (C,) the middle of each cell
    pairs: Ints  # (2, C)
    found: Ints  # (2, C) of these, those that were held out

    @property
    def users(self) -> int:
        """How many users were counted: each has one held-out pair."""
        return int(self.found.sum())


def sample(held_out: Sequence[IntArray], num_items: int, seed: int, *, has_towers: bool) -> Ints:
    """Users with a held-out pair of any kind, in random order (seeded): all, or so many that it takes seconds."""
    users = np.flatnonzero(np.any([items >= 0 for items in held_out], axis=0))
    most = max(_FEWEST_USERS, (_TOWER_PAIRS if has_towers else _PAIRS) // num_items)
    return np.random.default_rng(seed).permutation(users)[:most].astype(np.int64)


def tally(
    score: Callable[[Ints], FloatArray], num_items: int, users: Ints, questions: Sequence[Question]
) -> list[Tally]:
    """The answer to each question, of these users; every score is asked for once.

    score: from users (B,) to what is counted, (B, N). What lies beyond those of the first block, and a quarter more
    on either side, counts as the outermost cell.
    """
    size = max(1, _BLOCK_SCORES // num_items)
    found = [np.zeros((_HALVES, _CELLS), np.int64) for _ in questions]
    pairs = [np.zeros((_HALVES, _CELLS), np.int64) for _ in questions]
    low = step = 0.0
    for number, half in enumerate(np.array_split(users, _HALVES)):
        for block in (half[start : start + size] for start in range(0, len(half), size)):
            scores = score(block)
            if not step:
                span = float(np.ptp(scores)) or 1.0
                low, step = float(scores.min()) - span / 4, 1.5 * span / _CELLS
            cells = np.clip((scores - np.float32(low)) * np.float32(1 / step), 0, _CELLS - 1).astype(np.int32)
            for asked, of_pairs, of_found in zip(questions, pairs, found, strict=True):
                _count(cells, block, asked, of_pairs[number], of_found[number])
    middles = (low + step * (np.arange(_CELLS) + 0.5)).astype(np.float64)
    return [Tally(middles, *counts) for counts in zip(pairs, found, strict=True)]


def _count(cells: NDArray[np.int32], users: Ints, asked: Question, pairs: Ints, found: Ints) -> None:
    held_out = asked.held_out[users]
    has = held_out >= 0
    own, held_out = (cells if has.all() else cells[has]), held_out[has]
    left_out = asked.left_out[users[has]]
    rows = np.repeat(np.arange(len(own)), np.diff(left_out.indptr))
    out = left_out.indices != held_out[rows]
    found += np.bincount(own[np.arange(len(own)), held_out], minlength=_CELLS)
    pairs += np.bincount(own.ravel(), minlength=_CELLS)
    pairs -= np.bincount(own[rows[out], left_out.indices[out]], minlength=_CELLS)
