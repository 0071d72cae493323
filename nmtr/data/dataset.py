"""A multi-behavior data set in memory: one immutable object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.config.resolving import check_behaviors
from nmtr.data.activity import Activity
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from and how it was made; shown wherever the data set is."""

    source: str  # an address, a file's name, or "generated"
    licence: str = "not stated"
    made: str = ""  # one sentence: merged, dropped, how the held-out pairs were chosen
    synthetic: bool = False
    steps: tuple[str, ...] = ()  # the same, a step each; empty of what an older version made
    recipe: Recipe | None = None  # what was asked for; None of what an older version made


@dataclass(frozen=True, eq=False)
class Dataset:
    """Users, items and what users did to items, with one held-out target pair a user.

    Shapes: M users, N items, R behaviors (lowest first, the target last).
    """

    name: str
    behaviors: tuple[str, ...]
    matrices: tuple[csr_array, ...]  # R of (M, N) uint8 ones, sorted indices; the target's without test pairs
    test_item: IntArray  # (M,) held-out target item, -1 = none
    given_valid_item: IntArray  # (M,) the source's own validation item, -1 = none; still in matrices[-1]
    users: NDArray[np.str_]  # (M,) original labels
    items: NDArray[np.str_]  # (N,) original labels
    origin: Origin
    attributes: pd.DataFrame | None = field(default=None, repr=False)  # N rows: title, category, price, image
    # Of a source with times of day; no figure of a model depends on them.
    last_day: IntArray | None = field(default=None, repr=False)  # (M,) a user's last training pair, days since 1970; -1
    activity: Activity | None = field(default=None, repr=False)

    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def num_items(self) -> int:
        return len(self.items)

    @property
    def num_behaviors(self) -> int:
        return len(self.behaviors)

    @property
    def target(self) -> str:
        """The behavior that is recommended for: the last."""
        return self.behaviors[-1]

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over everything that a figure depends on: sizes, behaviors, pairs, held-out pairs."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(repr((self.num_users, self.num_items, self.behaviors)).encode())
        for matrix in self.matrices:
            digest.update(matrix.indptr.astype("<i8").tobytes())
            digest.update(matrix.indices.astype("<i4").tobytes())
        digest.update(self.test_item.astype("<i4").tobytes())
        digest.update(self.given_valid_item.astype("<i4").tobytes())
        return digest.hexdigest()

    def matrix(self, behavior: str) -> csr_array:
        """The (M, N) matrix of one behavior."""
        return self.matrices[self.behaviors.index(behavior)]

    def select(self, behaviors: Sequence[str]) -> Dataset:
        """The same data set with some of its behaviors, in its order and with its target; ConfigError for others.

        The fingerprint becomes another one: figures over other inputs are other figures.
        """
        if tuple(behaviors) == self.behaviors:
            return self
        check_behaviors(behaviors, self.behaviors, self.name)
        return replace(
            self, behaviors=tuple(behaviors), matrices=tuple(self.matrix(behavior) for behavior in behaviors)
        )

    def user_index(self, label: str) -> int:
        """The row of the user with this label; DataError if there is none."""
        return self._find(self._user_rows, label, "user", self.users)

    def item_index(self, label: str) -> int:
        """The column of the item with this label; DataError if there is none."""
        return self._find(self._item_columns, label, "item", self.items)

    def has_item(self, label: str) -> bool:
        """Whether an item has this label."""
        return label in self._item_columns

    def title(self, item: int) -> str | None:
        """The item's title, where the data set has titles."""
        if self.attributes is None or "title" not in self.attributes:
            return None
        value = self.attributes["title"].iat[item]
        return value if isinstance(value, str) else None

    @cached_property
    def _user_rows(self) -> pd.Index[str]:
        return _index(self.users)

    @cached_property
    def _item_columns(self) -> pd.Index[str]:
        return _index(self.items)

    def _absent(self, kind: str) -> str:
        return f" (users without a {self.target} are not in it)" if kind == "user" else ""

    def _find(self, index: pd.Index[str], label: str, kind: str, labels: NDArray[np.str_]) -> int:
        position = index.get_indexer(_index(np.array([label])))[0]
        if position < 0:
            raise DataError(
                f"{kind} must be one of the {len(labels):,} {kind}s of data set {self.name}, "
                f"such as {labels[0]}; got {label}{self._absent(kind)}."
            )
        return int(position)


def _index(labels: NDArray[np.str_]) -> pd.Index[str]:
    import pandas as pd  # which takes longer to import than most sources to read

    return pd.Index(labels)


def matrix_of(users: IntArray, items: IntArray, shape: tuple[int, int]) -> csr_array:
    """The binary (M, N) uint8 matrix of distinct pairs that are sorted by user, then item.

    Raises ValueError where a user or an item lies outside the shape.
    """
    indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=shape[0]))]).astype(np.int32)
    indices = items.astype(np.int32)
    matrix = csr_array((np.ones(len(indices), np.uint8), indices, indptr), shape=shape)
    matrix.check_format()
    return matrix


def pairs_of(matrix: csr_array) -> tuple[IntArray, IntArray]:
    """The users and items of a matrix's pairs, int32, sorted by user, then item."""
    users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    return users, matrix.indices.astype(np.int32, copy=False)
