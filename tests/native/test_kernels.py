"""The kernels against the same in double precision, for which the functions take their PyTorch path."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from nmtr.native.build import _SIGNATURES, LEVELS, library
from nmtr.native.counting import count_ahead
from nmtr.native.pairs import dots, linear, towers
from nmtr.native.tensors import (
    HalfPanels,
    Panels,
    TowerWeights,
    half_precision,
    matrix_tiles,
    products,
    tiny_numbers_as_zero,
    tower,
    tower_grid,
    use_threads,
)
from nmtr.training.losses import expected_log_loss_of_products
from tests.conftest import HERE


@pytest.fixture(params=[1, 3], ids="threads: {}".format, autouse=True)
def threads(request: pytest.FixtureRequest, every_level: str) -> Iterator[None]:
    before = torch.get_num_threads()
    use_threads(request.param)
    yield
    use_threads(1)
    torch.set_num_threads(before)


#: The width of its vectors, in float32.
LANES = {"amx": 16, "bf16": 16, "avx512": 16, "avx2": 8, "sse": 4}
#: What is compiled for some levels only.
BEYOND = {"tower_forward_bf16": ("amx", "bf16"), "tower_grid": ("amx",)}


def those_that_have(function: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("every_level", [each for each in HERE if each in BEYOND[function]], indirect=True)


def test_kernels_are_compiled_for_their_level_and_no_function_is_asked_for_where_it_was_not(every_level: str) -> None:
    kernels = library()
    assert kernels is not None and kernels.lanes() == LANES[every_level]
    compiled = {name for name in _SIGNATURES if hasattr(kernels, name)}
    assert compiled == {name for name in _SIGNATURES if every_level in BEYOND.get(name, LEVELS)}
    assert half_precision() == ("tower_forward_bf16" in compiled)
    assert not matrix_tiles() or "tower_grid" in compiled


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def below(bound: int, size: int) -> Tensor:
    return torch.randint(bound, (size,), generator=torch.Generator().manual_seed(size), dtype=torch.int32)


def assert_same_in_double(function: Callable[..., Tensor], *leaves: Tensor) -> None:
    """The value, and the gradient by each leaf of a random weighting of it."""
    results = []
    for dtype in (torch.float32, torch.float64):
        own = [leaf.detach().to(dtype).requires_grad_() for leaf in leaves]
        out = function(*own)
        slope = normal(*out.shape, seed=1).to(dtype) if out.dim() else torch.tensor(1.5, dtype=dtype)
        (out * slope).sum().backward()  # type: ignore[no-untyped-call]
        results.append([out.detach().double(), *(leaf.grad.double() for leaf in own if leaf.grad is not None)])
    for single, double in zip(*results, strict=True):
        scale = max([1.0, *double.abs().flatten().tolist()])
        torch.testing.assert_close(single, double, rtol=1e-4, atol=2e-5 * scale)


@pytest.mark.parametrize(
    ("users", "items", "size"), [(1, 1, 1), (5, 6, 4), (97, 513, 16), (49, 1030, 33), (512, 300, 64)]
)
def test_exact_loss_of_products(users: int, items: int, size: int) -> None:
    observed = np.random.default_rng(users).random((users, items)) < 0.05
    observed[0] = True  # one user who touched everything
    starts = torch.from_numpy(np.append(0, observed.sum(1).cumsum()))
    columns = torch.from_numpy(np.nonzero(observed)[1].astype(np.int32))
    weight = torch.rand(users, generator=torch.Generator().manual_seed(0))

    def loss(p: Tensor, q: Tensor, bias: Tensor) -> Tensor:
        return expected_log_loss_of_products(p, q, bias, starts, columns, weight.to(p.dtype))

    assert_same_in_double(loss, normal(users, size), normal(items, size), normal(items) - 2)


def test_products_below_the_smallest_normal_number_are_zero() -> None:
    x, weight = torch.full((1024, 16), 1e-30), torch.full((8, 16), 1e-10)
    with tiny_numbers_as_zero():
        assert not linear(x, weight).any()
    assert torch.full((1,), 1e-30) * 1e-10 > 0  # what is not trained here is computed as ever


@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_exact_loss_of_far_logits_neither_overflows_nor_loses_them(spread: float) -> None:
    starts, columns, weight = torch.tensor([0, 2, 2]), torch.tensor([0, 4], dtype=torch.int32), torch.tensor([0.5, 2.0])

    def loss(p: Tensor, q: Tensor, bias: Tensor) -> Tensor:
        return expected_log_loss_of_products(p, q, bias, starts, columns, weight.to(p.dtype))

    assert_same_in_double(loss, normal(2, 1) * spread, normal(5, 1), normal(5))


@pytest.mark.parametrize(("users", "items", "size"), [(1, 1, 1), (5, 63, 4), (7, 64, 16), (50, 200, 33)])
def test_products_with_a_bias(users: int, items: int, size: int) -> None:
    p, k, bias = normal(users, size), normal(items, size), normal(items)
    out = torch.empty(users, items)
    with torch.inference_mode():  # which other threads are not in
        products(bias, p, Panels.of(k), out)
    torch.testing.assert_close(out.double(), p.double() @ k.double().T + bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(0, 4, 3), (1, 1, 1), (700, 64, 64), (2_000, 17, 5)])
def test_linear_layer(rows: int, inputs: int, outputs: int) -> None:
    assert_same_in_double(linear, normal(rows, inputs), normal(outputs, inputs))


@pytest.mark.parametrize(("pairs", "size"), [(0, 4), (1, 1), (7, 5), (10_000, 64)])
def test_dots_of_pairs(pairs: int, size: int) -> None:
    rows, columns = below(50, pairs), below(80, pairs)
    assert_same_in_double(lambda p, k: dots(p, k, rows, columns), normal(50, size), normal(80, size))


@pytest.mark.parametrize("widths", [(1,), (64,), (4, 2), (64, 32, 16), (20, 10, 5, 2), (96, 48, 24, 12, 6)], ids=str)
@pytest.mark.parametrize("pairs", [0, 1, 97, 9_000])
def test_towers_of_pairs(widths: tuple[int, ...], pairs: int) -> None:
    rows, columns = below(30, pairs), below(40, pairs)
    layers = [(normal(o, i) / i**0.5, normal(o) / 4) for i, o in zip(widths, widths[1:], strict=False)]
    flat = [tensor for layer in layers for tensor in layer]

    def out(of_users: Tensor, of_items: Tensor, project: Tensor, *hidden: Tensor) -> Tensor:
        own = list(zip(hidden[::2], hidden[1::2], strict=True))
        return towers(of_users, of_items, rows, columns, own, project)

    # A unit that is 0 in one precision and not in the other would differ; these are not that close to 0.
    assert_same_in_double(out, normal(30, widths[0]), normal(40, widths[0]), normal(widths[-1]), *flat)


@those_that_have("tower_forward_bf16")
@pytest.mark.parametrize("widths", [(1,), (64,), (4, 2), (64, 32, 16), (96, 48, 24, 12, 6)], ids=str)
def test_towers_in_half_precision_are_right_to_three_digits(widths: tuple[int, ...]) -> None:
    rows, columns = below(30, 500), below(40, 500)
    weights = TowerWeights(
        [normal(o, i) / i**0.5 for i, o in zip(widths, widths[1:], strict=False)],
        [normal(o) / 4 for o in widths[1:]],
        normal(widths[-1]),
    )
    halves = normal(30, widths[0]), normal(40, widths[0])
    full = tower(*halves, rows, columns, weights)
    torch.testing.assert_close(
        tower(*halves, rows, columns, weights, half_precision=True), full, rtol=0.02, atol=0.05 * float(full.std())
    )


@those_that_have("tower_grid")
@pytest.mark.parametrize("widths", [(4, 2), (32, 16), (64, 32, 16), (128, 80, 48), (96, 48, 24, 12, 6)], ids=str)
@pytest.mark.parametrize("items", [1, 16, 17, 500])
def test_towers_of_all_pairs_on_matrix_tiles_are_those_of_listed_pairs(widths: tuple[int, ...], items: int) -> None:
    if not matrix_tiles():
        pytest.skip("the system does not lend this process matrix tiles")
    weights = TowerWeights(
        [normal(o, i) / i**0.5 for i, o in zip(widths, widths[1:], strict=False)],
        [normal(o) / 4 for o in widths[1:]],
        normal(widths[-1]),
    )
    of_users, of_items, before = normal(23, widths[0]), normal(items, widths[0]), normal(23, items)
    pairs = torch.arange(23).repeat_interleave(items).int(), torch.arange(items).repeat(23).int()
    full = tower(of_users, of_items, *pairs, weights).view(23, items)
    out = before.clone()
    tower_grid(of_users, HalfPanels.of(of_items), weights, out)
    error = out - before - full
    assert error.std() < 0.03 * full.std() and error.abs().max() < 0.2 * full.std()


@pytest.mark.parametrize("items", [1, 15, 16, 17, 100])
def test_scores_ahead_and_level_are_counted(items: int) -> None:
    scores = np.random.default_rng(items).integers(0, 5, (9, items)).astype(np.float32)
    counts = count_ahead(scores, scores[:, items // 2])
    assert counts is not None
    np.testing.assert_array_equal(counts[0], (scores > scores[:, [items // 2]]).sum(1))
    np.testing.assert_array_equal(counts[1], (scores == scores[:, [items // 2]]).sum(1))


@pytest.mark.parametrize("where", [0, 5, 16, 18])
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_score_that_is_not_finite_is_found_wherever_it_stands(where: int, strange: float) -> None:
    scores = np.zeros((3, 19), np.float32)
    scores[1, where] = strange
    assert count_ahead(scores, np.zeros(3, np.float32)) is None
