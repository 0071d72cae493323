"""The compiled kernels as functions of tensors: parts of the work go to threads (`use_threads`).

Only float32 tensors on the CPU; `usable` says whether a call may be made. Widths that are not a whole number of vectors
are padded with zeros, which change no product.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import byref, c_long, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from nmtr.native.build import level, library

T = TypeVar("T")

_threads = 1
_TINY = 1e-310  # below the least number that has all of its digits

_MOST_LAYERS = 5
#: Pairs for which a thread of its own pays.
_PAIRS_A_THREAD = 1 << 11


def usable(*tensors: Tensor) -> bool:
    """Whether the kernels are there and take these tensors."""
    return library() is not None and all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)


def half_precision() -> bool:
    """Whether the kernels can take bfloat16."""
    return level() in ("amx", "bf16")


def matrix_tiles() -> bool:
    """Whether the kernels can multiply tiles of bfloat16, and the system lets this process use them."""
    return bool(loaded().has_tiles())


def use_threads(threads: int) -> None:
    """Gives the kernels so many threads.

    PyTorch keeps one for itself then: what is left to it is small, and its threads wait for each other in every
    operation, which costs whole time slices where something else runs on the cores. Without kernels it gets them all.
    """
    global _threads
    _threads = threads
    torch.set_num_threads(1 if library() else threads)


@contextmanager
def threads_of_its_own(threads: int) -> Iterator[None]:
    """`use_threads` for a while: afterwards the kernels and PyTorch have as many as before."""
    before = _threads, torch.get_num_threads()
    use_threads(threads)
    try:
        yield
    finally:
        use_threads(before[0])
        torch.set_num_threads(before[1])


@contextmanager
def tiny_numbers_as_zero() -> Iterator[None]:
    """Takes numbers below 1e-38 as 0 for a while, in this thread; in those of the kernels always.

    As weights decay such numbers are many, and processors take a hundred times as long for each.
    """
    before = _TINY * 0.5 == 0  # as the thread takes Python's numbers, too
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@dataclass(frozen=True)
class Panels:
    """The items' vectors k (N, E) in the order in which `products` reads them."""

    items: int
    values: Tensor  # (panels, E, items a panel)

    @classmethod
    def of(cls, k: Tensor) -> Panels:
        size = 4 * loaded().lanes()
        filled = torch.nn.functional.pad(k, (0, 0, 0, -len(k) % size))
        return cls(len(k), filled.view(-1, size, k.shape[1]).transpose(1, 2).contiguous())


def products(bias: Tensor, p: Tensor, k: Panels, out: Tensor) -> None:
    """Overwrites out (B, N), contiguous, with p k' + bias: (N,), (B, E)."""
    p, bias = p.contiguous(), bias.contiguous()
    users, width = p.shape

    def part(first: int, last: int, _: int) -> None:
        given = *_from(first * width, p), k.values.data_ptr(), bias.data_ptr()
        loaded().products(last - first, k.items, width, *given, *_from(first * k.items, out))

    shared(part, users, least=1)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x weight' of (n, in) and (out, in): (n, out)."""
    out = len(weight)
    x, turned = padded(x), padded(padded(weight).T)  # (n, in), (in, out)
    result = x.new_zeros(len(x), turned.shape[1])

    def part(first: int, last: int, _: int) -> None:
        width = x.shape[1]
        given = *_from(first * width, x), width, 1, turned.data_ptr()
        loaded().multiply(last - first, result.shape[1], width, *given, *_from(first * result.shape[1], result))

    shared(part, len(x), least=256)
    return result[:, :out]


def linear_backward(x: Tensor, weight: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of sum(slope * linear(x, weight)) by x and weight."""
    x, slope = padded(x), padded(slope)
    gradients = _Gradients(x.new_empty(slope.shape[1], x.shape[1]))

    def part(first: int, last: int, thread: int) -> None:
        # slope' x, the rows shared out: each element of slope' is a step of a row away from the next.
        given = *_from(first * slope.shape[1], slope), 1, slope.shape[1], *_from(first * x.shape[1], x)
        loaded().multiply(slope.shape[1], x.shape[1], last - first, *given, *gradients.of(thread))

    shared(part, len(x), least=256)
    (of_weight,) = gradients.sums()
    return linear(slope[:, : len(weight)], weight.T), of_weight[: len(weight), : weight.shape[1]]


def adagrad_rows(table: Tensor, sums: Tensor, rows: Tensor, values: Tensor, rate: float, epsilon: float) -> None:
    """One step of Adagrad on distinct rows of a table (M, E) and its sums of squares, in place; values: (m, E)."""
    values, width = values.contiguous(), table.shape[1]

    def part(first: int, last: int, _: int) -> None:
        given = *_from(first, rows), last - first, *_from(first * width, values)
        loaded().adagrad_rows(width, *given, rate, epsilon, table.data_ptr(), sums.data_ptr())

    shared(part, len(rows))


def exact_block(
    p: Tensor, k: Tensor, bias: Tensor, starts: Tensor, columns: Tensor, weight: Tensor
) -> tuple[float, Tensor, Tensor, Tensor]:
    """`expected_log_loss_of_products` with its gradients of p, k and bias; arguments as there.

    Threads share out the items, so that only the users' gradient is summed over threads.
    """
    width = k.shape[1]
    p, k, weight = padded(p), padded(k), weight.contiguous()
    bias, starts, columns = bias.contiguous(), starts.to(torch.int64), columns.to(torch.int32)
    d_p = p.new_zeros(_threads, *p.shape)
    d_k, d_bias = torch.zeros_like(k), torch.zeros_like(bias)
    given = [tensor.data_ptr() for tensor in (p, k, bias, starts, columns, weight)]

    def part(first: int, last: int, thread: int) -> float:
        gradients = d_p[thread].data_ptr(), d_k.data_ptr(), d_bias.data_ptr()
        return float(loaded().exact_block(*p.shape, *given, first, last, *gradients))

    cost = sum(shared(part, len(k), least=256))
    return cost, d_p.sum(0)[:, :width], d_k[:, :width], d_bias


def dots(p: Tensor, k: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """p[rows] . k[columns], one number a pair: (m, E), (n, E), int32 (B,), int32 (B,) -> (B,)."""
    p, k = padded(p), padded(k)
    out = p.new_zeros(len(rows))

    def part(first: int, last: int, _: int) -> None:
        loaded().dot_forward(
            p.shape[1], p.data_ptr(), k.data_ptr(), *_from(first, rows, columns), last - first, *_from(first, out)
        )

    shared(part, len(rows))
    return out


def dots_backward(p: Tensor, k: Tensor, rows: Tensor, columns: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of sum(slope * dots(p, k, rows, columns)) by p and k."""
    width = p.shape[1]
    p, k, slope = padded(p), padded(k), slope.contiguous()
    gradients = _Gradients(p, k)

    def part(first: int, last: int, thread: int) -> None:
        loaded().dot_backward(
            p.shape[1],
            p.data_ptr(),
            k.data_ptr(),
            *_from(first, rows, columns),
            last - first,
            *_from(first, slope),
            *gradients.of(thread),
        )

    shared(part, len(rows))
    d_p, d_k = gradients.sums()
    return d_p[:, :width], d_k[:, :width]


@dataclass(frozen=True)
class HalfPanels:
    """W_item q + b_1 of all items (N, W) in the order in which `tower_grid` reads it."""

    items: int
    values: Tensor  # (panels, W / 2, items a panel, 2)

    @classmethod
    def of(cls, of_items: Tensor) -> HalfPanels:
        size = 16
        filled = torch.nn.functional.pad(padded(of_items), (0, 0, 0, -len(of_items) % size))
        return cls(len(of_items), filled.view(-1, size, filled.shape[1] // 2, 2).transpose(1, 2).contiguous())


def tower_grid(of_users: Tensor, of_items: HalfPanels, given: TowerWeights, out: Tensor) -> None:
    """out (B, N), contiguous, += a tower's output for all pairs, its layers after the first (one or more) in bfloat16.

    of_users: W_user p, (B, W). For processors with `matrix_tiles`.
    """
    assert matrix_tiles(), "which also asks the system for them"
    of_users = padded(of_users)
    width = of_users.shape[1]
    struct, kept = _tower(width, given)

    def part(first: int, last: int, _: int) -> None:
        panels = of_items.values.data_ptr(), of_items.items
        own = _from(first * width, of_users)[0], last - first
        loaded().tower_grid(byref(struct), *own, *panels, *_from(first * of_items.items, out))

    shared(part, len(of_users), least=1)
    del kept


@dataclass(frozen=True)
class TowerWeights:
    """A tower's layers after the first, as PyTorch has them: weights (out, in), biases (out,), projection (last,)."""

    weights: Sequence[Tensor]
    biases: Sequence[Tensor]
    project: Tensor


def tower(
    of_users: Tensor,
    of_items: Tensor,
    rows: Tensor,
    columns: Tensor,
    given: TowerWeights,
    *,
    half_precision: bool = False,
) -> Tensor:
    """The tower's output of each pair, from the halves of its first layer: (m, W), (n, W), (B,), (B,) -> (B,).

    In half precision, for kernels that have `half_precision`, the layers after the first take bfloat16: about twice as
    fast, with three digits.
    """
    assert not half_precision or level() in ("amx", "bf16"), "the function for it is not compiled for others"
    forward = loaded().tower_forward_bf16 if half_precision else loaded().tower_forward
    of_users, of_items = padded(of_users), padded(of_items)
    struct, kept = _tower(of_users.shape[1], given)
    out = of_users.new_zeros(len(rows))

    def part(first: int, last: int, _: int) -> None:
        halves = of_users.data_ptr(), of_items.data_ptr()
        pairs = _from(first, rows, columns)
        forward(byref(struct), *halves, *pairs, last - first, *_from(first, out))

    shared(part, len(rows))
    del kept
    return out


def tower_backward(
    of_users: Tensor, of_items: Tensor, rows: Tensor, columns: Tensor, given: TowerWeights, slope: Tensor
) -> tuple[Tensor, Tensor, TowerWeights]:
    """The gradients of sum(slope * tower(...)) by the halves and the weights."""
    width = of_users.shape[1]
    of_users, of_items, slope = padded(of_users), padded(of_items), slope.contiguous()
    struct, kept = _tower(of_users.shape[1], given)
    transposed = (c_void_p * _MOST_LAYERS)(None, *(weight.data_ptr() for weight in kept.transposed))
    halves = _Gradients(of_users, of_items)
    weights = _Gradients(*kept.weights, *kept.biases, kept.project)
    depth = len(kept.weights)

    def part(first: int, last: int, thread: int) -> None:
        own = weights.of(thread)
        grads = _struct(of_users.shape[1], kept.biases, own[:depth], own[depth : 2 * depth], own[-1])
        loaded().tower_backward(
            byref(struct),
            of_users.data_ptr(),
            of_items.data_ptr(),
            *_from(first, rows, columns),
            last - first,
            *_from(first, slope),
            *halves.of(thread),
            byref(grads),
            transposed,
        )

    shared(part, len(rows))
    d_users, d_items = halves.sums()
    *sums, d_project = weights.sums()
    gradients = TowerWeights(
        [d.T[: len(w), : w.shape[1]] for d, w in zip(sums[:depth], given.weights, strict=True)],
        [d[: len(b)] for d, b in zip(sums[depth:], given.biases, strict=True)],
        d_project[: len(given.project)],
    )
    return d_users[:, :width], d_items[:, :width], gradients


class _Gradients:
    """Zeros like the tensors, for each thread its own, to be summed at the end."""

    def __init__(self, *like: Tensor) -> None:
        self._shapes = [tensor.shape for tensor in like]
        self._all = [tensor.new_zeros(_threads, *tensor.shape) for tensor in like]

    def of(self, thread: int) -> list[int]:
        return [tensor[thread].data_ptr() for tensor in self._all]

    def sums(self) -> list[Tensor]:
        for tensor in self._all:
            for other in tensor[1:]:
                tensor[0] += other
        return [tensor[0] for tensor in self._all]


class _Tower(ctypes.Structure):
    _fields_ = [
        ("layers", c_long),
        ("widths", c_long * _MOST_LAYERS),
        ("weight", c_void_p * _MOST_LAYERS),
        ("bias", c_void_p * _MOST_LAYERS),
        ("project", c_void_p),
    ]


@dataclass(frozen=True)
class _Kept:
    """The padded tensors that a `_Tower` points at: it keeps none of them alive."""

    weights: list[Tensor]  # (in, out): as the forward pass reads them
    transposed: list[Tensor]  # (out, in): as the backward pass does
    biases: list[Tensor]
    project: Tensor


def _tower(width: int, given: TowerWeights) -> tuple[_Tower, _Kept]:
    transposed = [padded(padded(weight.detach().T).T) for weight in given.weights]
    kept = _Kept(
        [weight.T.contiguous() for weight in transposed],
        transposed,
        [padded(bias.detach()) for bias in given.biases],
        padded(given.project.detach()),
    )
    weights, biases = ([tensor.data_ptr() for tensor in tensors] for tensors in (kept.weights, kept.biases))
    return _struct(width, kept.biases, weights, biases, kept.project.data_ptr()), kept


def _struct(width: int, layers: Sequence[Tensor], weights: list[int], biases: list[int], project: int) -> _Tower:
    struct = _Tower(layers=len(layers) + 1, project=project)
    struct.widths[0] = width
    for layer, (bias, weight, start) in enumerate(zip(layers, weights, biases, strict=True), 1):
        struct.widths[layer], struct.weight[layer], struct.bias[layer] = len(bias), weight, start
    return struct


def loaded() -> ctypes.CDLL:
    """The compiled kernels, where `usable` says that there are any."""
    found = library()
    assert found is not None, "ask `usable` first"
    return found


def padded(tensor: Tensor) -> Tensor:
    """Contiguous, its last dimension a whole number of vectors."""
    missing = -tensor.shape[-1] % loaded().lanes()
    return torch.nn.functional.pad(tensor, (0, missing)) if missing else tensor.contiguous()


def _from(first: int, *tensors: Tensor) -> list[int]:
    """Where the elements from `first` on stand."""
    return [tensor.data_ptr() + first * tensor.element_size() for tensor in tensors]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        threads, thread_name_prefix="nmtr-kernels", initializer=torch.set_flush_denormal, initargs=(True,)
    )


def shared(part: Callable[[int, int, int], T], total: int, least: int = _PAIRS_A_THREAD) -> list[T]:
    """part(first, last, thread) over [0, total), in threads with `least` or more each."""
    threads = max(1, min(_threads, total // least))
    edges = [total * thread // threads for thread in range(threads + 1)]
    if threads == 1:
        return [part(0, total, 0)]
    others = [_pool(threads).submit(part, edges[t], edges[t + 1], t) for t in range(1, threads)]
    first = part(0, edges[1], 0)
    return [first, *(other.result() for other in others)]
