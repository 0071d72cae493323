"""Least squares of many rows at once, each a system of E equations: kernels where there are, else PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array, hstack
from torch import Tensor

from nmtr.errors import NmtrError
from nmtr.native import tensors as kernels

_AT_ONCE = 1 << 16  # pairs whose vectors PyTorch holds at once


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of m rows with n columns under R behaviors, as one matrix: column i of behavior r is r n + i."""

    starts: Tensor  # (m + 1,) int64
    columns: Tensor  # int32
    counts: Tensor  # (R, m) float32: pairs of each row under each behavior
    each: int  # n

    @classmethod
    def of(cls, matrices: Sequence[csr_array]) -> Self:
        """R matrices (m, n)."""
        joined = hstack(matrices, format="csr")
        joined.sort_indices()
        counts = np.stack([np.diff(matrix.indptr) for matrix in matrices]).astype(np.float32)
        return cls(
            torch.from_numpy(joined.indptr.astype(np.int64)),
            torch.from_numpy(joined.indices.astype(np.int32)),
            torch.from_numpy(counts),
            matrices[0].shape[1],
        )


def solve_rows(
    pairs: Pairs, factors: Tensor, lambdas: Tensor, weight: float, everywhere: Tensor, ridge: Tensor, rows: slice
) -> Tensor:
    """The minimum (m', E) over the vectors x of some rows, of

    sum_r lambda_r (sum_i c (f_i^r . x - y)^2) + x' diag(ridge) x, c = 1 where y = 1 and c = w where y = 0,

    over all n columns i. factors: f, (R, n, E). lambdas: (R,). everywhere: sum_r lambda_r w sum_i f_i^r f_i^r', (E, E).
    ridge: (m', E) of these rows. NmtrError where a row has no one minimum.
    """
    flat = factors.flatten(0, 1)
    solve = _by_kernels if kernels.usable(flat, everywhere) else _by_torch
    solved, unsolved = solve(pairs, flat, lambdas, weight, everywhere, ridge, rows)
    if unsolved:
        raise NmtrError(
            f"{unsolved:,} of the systems of equations have no solution: train with a higher l2_embeddings."
        )
    return solved


def _by_kernels(
    pairs: Pairs, factors: Tensor, lambdas: Tensor, weight: float, base: Tensor, ridge: Tensor, rows: slice
) -> tuple[Tensor, int]:
    width = factors.shape[1]
    factors, base, ridge = kernels.padded(factors), kernels.padded(base), kernels.padded(ridge)
    full = factors.shape[1]
    square = torch.zeros(full, full)
    square[:width] = base
    square.diagonal()[width:] = 1.0  # what fills up a vector is solved for, too: it is 0
    outer, linear = (lambdas * (1 - weight)).contiguous(), lambdas.contiguous()
    out = factors.new_empty(len(ridge), full)
    given = pairs.columns.data_ptr(), factors.data_ptr(), pairs.each
    more = outer.data_ptr(), linear.data_ptr(), square.data_ptr()

    def part(first: int, last: int, _: int) -> int:
        starts = pairs.starts[rows.start + first :].data_ptr()
        own = ridge[first:].data_ptr(), out[first:].data_ptr()
        return int(kernels.loaded().solve_rows(last - first, full, starts, *given, *more, *own))

    unsolved = sum(kernels.shared(part, len(ridge), least=64))
    return out[:, :width].contiguous(), unsolved


def _by_torch(
    pairs: Pairs, factors: Tensor, lambdas: Tensor, weight: float, base: Tensor, ridge: Tensor, rows: slice
) -> tuple[Tensor, int]:
    """Rows of about as many pairs are taken together, filled up to the most of them."""
    starts = pairs.starts[rows.start : rows.stop + 1]
    counts = starts.diff()
    order = counts.argsort(stable=True)
    out, unsolved, first = torch.empty_like(ridge), 0, 0
    while first < len(order):
        most = max(1, int(counts[order[first]]))
        size = max(1, _AT_ONCE // max(most, int(counts[order[min(len(order), first + _AT_ONCE // most) - 1]])))
        own = order[first : first + size]
        first += len(own)
        place = torch.arange(max(1, int(counts[own].max())))
        there = place < counts[own, None]
        at = pairs.columns[torch.where(there, starts[own, None] + place, 0)].long() if len(pairs.columns) else place * 0
        behavior = at // pairs.each
        f = factors[at] * there[..., None]
        a = base + torch.diag_embed(ridge[own]) + f.mT @ (f * (lambdas * (1 - weight))[behavior][..., None])
        b = (f * lambdas[behavior][..., None]).sum(1)
        root, info = torch.linalg.cholesky_ex(a)
        unsolved += int((info != 0).sum())
        out[own] = torch.cholesky_solve(b[..., None], root)[..., 0]
    return out, unsolved


def pair_products(p: Tensor, q: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """sum x x' (E, E) and sum x (E,) over pairs, x = p[rows] * q[columns]; float32, added up in float64."""
    width = p.shape[1]
    a, b = torch.zeros(width, width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
    if not kernels.usable(p, q):
        for start in range(0, len(rows), _AT_ONCE):
            block = slice(start, start + _AT_ONCE)
            x = p[rows[block]] * q[columns[block]]
            a += x.T @ x
            b += x.sum(0)
        return a, b
    p, q = kernels.padded(p), kernels.padded(q)
    full = p.shape[1]

    def added(first: int, last: int, _: int) -> tuple[Tensor, Tensor]:
        squares, sums = torch.zeros(full, full, dtype=torch.float64), torch.zeros(full, dtype=torch.float64)
        for start in range(first, last, _AT_ONCE):
            own, vector = torch.zeros(full, full), torch.zeros(full)
            given = rows[start:].data_ptr(), columns[start:].data_ptr(), p.data_ptr(), q.data_ptr()
            count = min(_AT_ONCE, last - start)
            kernels.loaded().pair_products(count, full, *given, own.data_ptr(), vector.data_ptr())
            squares += own
            sums += vector
        return squares, sums

    for squares, sums in kernels.shared(added, len(rows)):
        a += squares[:width, :width]
        b += sums[:width]
    upper = a.triu()  # all that the kernels add up
    return upper + upper.triu(1).T, b
