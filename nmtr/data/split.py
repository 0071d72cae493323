"""The two split protocols: what a model may see, and what it is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nmtr.config import Protocol, Validation
from nmtr.data.dataset import Dataset, IntArray, matrix_of, pairs_of


@dataclass(frozen=True, eq=False)
class Split:
    """What a model trains on, and the held-out items that select and test it."""

    protocol: Protocol
    train: tuple[csr_array, ...]  # R of (M, N), without the held-out pairs that the protocol removes
    valid_item: IntArray  # (M,), -1 = none
    test_item: IntArray  # (M,), -1 = none
    known: csr_array  # (M, N) every purchase of training and validation: what the test ranking leaves out
    lower_item: tuple[IntArray, ...] = ()  # R - 1 of (M,), -1 = none: of each lower behavior, where pairs are held out


def split(
    dataset: Dataset,
    protocol: Protocol,
    seed: int,
    *,
    validation: Validation | None = "random",
    sample: Mapping[str, float] | None = None,
    hold_out_lower: bool = False,
) -> Split:
    """Hold out one purchase a user for validation, beside the test purchase that the data set holds out.

    The validation purchase is the one that the source names, else, of the training purchases of each user who has two
    or more, one drawn at random (seeded) or that of the item with the highest number, as `validation` says.
    *standard*, as published, removes the held-out pairs from the target only; *clean* removes them from every lower
    behavior too. Without `validation`, the validation purchases stay in training (refit). Of the lower behaviors in
    `sample` only that share of the pairs stays, drawn at random (seeded) from each user's.

    With `hold_out_lower`, one pair of each lower behavior is held out of every user who has two or more: drawn at
    random (seeded) from those that stand in no higher behavior, nor are the test purchase. A view that led to a cart
    would be given away by that cart, which stays in training, and hiding it there would take from the target. So these
    are views that led no further. As the target's, a held-out pair stays in the behaviors below under *standard*, and
    is removed from them under *clean*.
    """
    known = dataset.matrices[-1]
    nobodys = np.full(dataset.num_users, -1, np.int32)
    valid_item = nobodys if validation is None else _validation_items(dataset, validation, seed)
    lower = [
        _sampled(matrix, sample[behavior], [seed, r]) if sample and behavior in sample else matrix
        for r, (behavior, matrix) in enumerate(zip(dataset.behaviors[:-1], dataset.matrices[:-1], strict=True))
    ]
    held_out = _lower_items(dataset, lower, seed) if hold_out_lower else ()
    if protocol == "clean":
        lower = [without(without(matrix, dataset.test_item), valid_item) for matrix in lower]
    for r, item in enumerate(held_out):
        for below in range(r + 1) if protocol == "clean" else (r,):
            lower[below] = without(lower[below], item)
    return Split(
        protocol=protocol,
        train=(*lower, without(known, valid_item)),
        valid_item=valid_item,
        test_item=dataset.test_item,
        known=known,
        lower_item=held_out,
    )


def without(matrix: csr_array, held_out: IntArray) -> csr_array:
    """The (M, N) matrix less one pair a user, where it stands in it; `held_out` is (M,), -1 = none."""
    users, items = pairs_of(matrix)
    keep = items != held_out[users]
    return matrix if keep.all() else matrix_of(users[keep], items[keep], matrix.shape)


def _sampled(matrix: csr_array, share: float, seed: Sequence[int]) -> csr_array:
    """The (M, N) matrix with that share of each user's pairs, rounded at random, so that it holds in the mean."""
    users, items = pairs_of(matrix)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(users)), users))  # each user's pairs in random order
    place = np.arange(len(users)) - matrix.indptr[users[order]]
    kept = np.floor(share * np.diff(matrix.indptr) + rng.random(matrix.shape[0]))
    keep = np.zeros(len(users), np.bool_)
    keep[order] = place < kept[users[order]]
    return matrix_of(users[keep], items[keep], matrix.shape)


def has_validation(dataset: Dataset) -> bool:
    """Whether `split` holds a validation purchase out of any user."""
    return bool((np.diff(dataset.matrices[-1].indptr) >= 2).any())


def stands_in(matrix: csr_array, held_out: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(M,) whether each user's held-out item stands in the matrix; False where none is held out."""
    users, items = pairs_of(matrix)
    found = np.zeros(matrix.shape[0], dtype=np.bool_)
    found[users[items == held_out[users]]] = True
    return found


def _lower_items(dataset: Dataset, lower: Sequence[csr_array], seed: int) -> tuple[IntArray, ...]:
    """R - 1 of (M,): of each of the `lower` behaviors a pair of every user with two or more that stands in no higher
    one; -1 where there is none."""
    chosen = []
    for r, matrix in enumerate(lower):
        users, items = pairs_of(matrix)
        alone = (np.diff(matrix.indptr) >= 2)[users] & (items != dataset.test_item[users])
        for higher in dataset.matrices[r + 1 :]:
            alone &= ~np.isin(_numbered(matrix), _numbered(higher), assume_unique=True)
        users, items = users[alone], items[alone]
        order = np.lexsort((np.random.default_rng([seed, r, 1]).random(len(users)), users))
        _, first = np.unique(users[order], return_index=True)  # of each user's pairs in random order
        drawn = np.full(dataset.num_users, -1, np.int32)
        drawn[users[order][first]] = items[order][first]
        chosen.append(drawn)
    return tuple(chosen)


def _numbered(matrix: csr_array) -> NDArray[np.int64]:
    """Each pair of an (M, N) matrix as one number."""
    users, items = pairs_of(matrix)
    return users.astype(np.int64) * matrix.shape[1] + items


def _validation_items(dataset: Dataset, validation: Validation, seed: int) -> IntArray:
    """(M,) one training purchase of each user who has two or more, -1 for the others."""
    target = dataset.matrices[-1]
    count = np.diff(target.indptr)
    has = count >= 2
    drawn = np.full(dataset.num_users, -1, np.int32)
    if validation == "newest":
        drawn[has] = target.indices[(target.indptr[1:] - 1)[has]]  # indices are sorted
    else:
        position = np.random.default_rng(seed).integers(0, np.maximum(count, 1))
        drawn[has] = target.indices[(target.indptr[:-1] + position)[has]]
    given = dataset.given_valid_item
    return np.where((given >= 0) & has, given, drawn).astype(np.int32) if (given >= 0).any() else drawn
