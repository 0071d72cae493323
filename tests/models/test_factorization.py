"""Factorizations of several behaviors, against numbers worked out by hand and pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nmtr.models.ehcf import EHCF
from nmtr.models.factorization import Factorization

pytestmark = pytest.mark.usefixtures("one_thread", "every_path")


def fill(module: torch.nn.Module, weights: dict[str, Any]) -> None:
    module.load_state_dict({name: torch.tensor(values, dtype=torch.float32) for name, values in weights.items()})


def test_users_have_a_vector_for_each_behavior_where_items_are_shared() -> None:
    model = Factorization(1, 2, 2, shared="item", embedding_size=2, item_bias=True)
    fill(
        model,
        {
            "users.weight": [[1, 2], [3, -1]],
            "items.weight": [[1, 1], [0, 2]],
            "bias": [[0.5, 0], [0, -1]],
        },
    )
    # The target: (3, -1) . (1, 1) + 0 = 2 and (3, -1) . (0, 2) - 1 = -3.
    np.testing.assert_array_equal(model.score(np.array([0])), [[2, -3]])
    one = torch.zeros(1, dtype=torch.int32)
    target, lower = one, one + 1
    # The lower behavior of item 1: (1, 2) . (0, 2) = 4; the target of item 0 as above.
    logits = model.of_batch(
        torch.tensor([0]), torch.tensor([0, 1]), torch.cat([one, one]), torch.cat([target, lower]), [1, 1]
    )
    assert [own.tolist() for own in logits] == [[4.0], [2.0]]


def test_items_have_a_vector_for_each_behavior_where_users_are_shared() -> None:
    model = Factorization(1, 2, 2, shared="user", embedding_size=2)
    fill(model, {"users.weight": [[1, 2]], "items.weight": [[9, 9], [1, 1], [9, 9], [0, 2]]})
    np.testing.assert_array_equal(model.score(np.array([0])), [[3, 4]])


@pytest.mark.parametrize("shared", ["item", "user"])
@pytest.mark.parametrize("item_bias", [False, True])
def test_listed_pairs_and_products_have_the_same_scores(shared: Any, item_bias: bool) -> None:
    torch.manual_seed(0)
    model = Factorization(4, 5, 3, shared=shared, embedding_size=3, item_bias=item_bias)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    model.eval()
    z, q, bias = model.products(torch.arange(4), 0.5)
    everything = z @ q.mT + bias[:, None]  # (R, M, N)
    rng = np.random.default_rng(0)
    users, items = torch.tensor([0, 2, 3]), torch.tensor([1, 2, 4])
    rows, columns = (torch.from_numpy(rng.integers(0, 3, 9).astype(np.int32)) for _ in range(2))
    logits = model.of_batch(users, items, rows, columns, [4, 2, 3], 0.5)
    u, i = users[rows], items[columns]
    # The target's pairs come first, those of the lowest behavior last.
    for r, own in zip((2, 1, 0), (slice(0, 3), slice(3, 5), slice(5, 9)), strict=True):
        torch.testing.assert_close(logits[r], everything[r, u[own], i[own]])
    np.testing.assert_allclose(model.score(np.arange(4)), everything[2].detach(), rtol=1e-5, atol=1e-6)


def test_ehcf_hands_weights_on_from_every_lower_behavior() -> None:
    model = EHCF(1, 1, 3, embedding_size=2)
    zero = [[0.0, 0.0], [0.0, 0.0]]
    fill(
        model,
        {
            "users.weight": [[2, 1]],
            "items.weight": [[1, 4]],
            "lowest": [1, 2],
            "transfer.0": [[1, 1], [0, 1]],  # first to second
            "shift.0": [0, -1],
            "transfer.1": zero,  # first to third
            "shift.1": [0.5, 0],
            "transfer.2": [[2, 0], [0, 3]],  # second to third
            "shift.2": [0, 1],
        },
    )
    # h^2 = (1 + 2, 2) + (0, -1) = (3, 1); h^3 = (0.5, 0) + (2 * 3, 3 * 1) + (0, 1) = (6.5, 4).
    np.testing.assert_array_equal(model.heads().detach(), [[1, 2], [3, 1], [6.5, 4]])
    # p * q = (2, 4): 6.5 * 2 + 4 * 4 = 29.
    np.testing.assert_array_equal(model.score(np.array([0])), [[29]])
