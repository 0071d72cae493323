"""A sparse gradient of distinct rows gives what the dense one gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from nmtr.config import RunConfig
from nmtr.training.optimizer import optimizer_of


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(6, 3)
        torch.nn.init.constant_(self.rows.weight, 0.5)


@pytest.mark.usefixtures("every_path")
@pytest.mark.parametrize("options", [{}, {"l2_embeddings": 0.1}, {"optimizer": "adam"}], ids=str)
def test_rows_with_a_gradient_move_as_if_all_had_one(options: dict[str, Any]) -> None:
    config = RunConfig.parse({"learning_rate": 0.1, "l2_embeddings": 0.0, **options})
    weights = []
    for sparse in (True, False):
        table = Table()
        optimizer = optimizer_of(table, config)
        for step in range(4):
            rows = torch.tensor([step, 5])
            vectors = nn.functional.embedding(rows, table.rows.weight, sparse=sparse)
            optimizer.zero_grad()
            (vectors * torch.tensor([[1.0, -2.0, step]])).square().sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        weights.append(table.rows.weight.detach().clone())
    torch.testing.assert_close(*weights, rtol=1e-6, atol=1e-7)
    assert not torch.equal(weights[0], torch.full((6, 3), 0.5))


def test_rows_without_a_gradient_are_left_alone() -> None:
    table = Table()
    optimizer = optimizer_of(table, RunConfig(learning_rate=0.1, l2_embeddings=0.0))
    nn.functional.embedding(torch.tensor([1]), table.rows.weight, sparse=True).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert (table.rows.weight != 0.5).any(1).tolist() == [False, True, False, False, False, False]
