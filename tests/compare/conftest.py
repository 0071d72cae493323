"""A home with finished runs whose ranks are known, made without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtr.config import RunConfig
from nmtr.evaluation.metrics import intervals, summarize
from nmtr.evaluation.result import BestTestEpoch, Result, Slice
from nmtr.runs.checkpoint import save_ranks
from nmtr.runs.store import Run
from nmtr.workspace import Workspace
from tests.conftest import random_dataset

USERS = 40

Finish = Callable[..., Run]


def result(ranks: np.ndarray) -> Result:
    nobody = Slice(users=0, metrics={})
    return Result(
        epochs=2,
        best_epoch=1,
        refit=False,
        seconds_per_epoch=0.1,
        seconds=0.2,
        valid={},
        test=summarize(ranks),
        intervals=intervals(ranks),
        test_users=int((~np.isnan(ranks)).sum()),
        visited=nobody,
        not_visited=nobody,
        peak_memory_mb=None,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Data set shop: 40 users who each bought five items, one of them held out."""
    workspace = Workspace(tmp_path / "home")
    workspace.data.save(random_dataset(USERS))
    yield workspace
    workspace.runs.close()


@pytest.fixture
def finish(workspace: Workspace) -> Finish:
    """Make a finished run of these options with these test ranks."""

    def make(ranks: Any, best_test: BestTestEpoch | None = None, valid: float = 0.0, **options: Any) -> Run:
        config, info = workspace.prepare(
            RunConfig.parse({"data": "shop", "protocol": "standard", "threads": 1} | options)
        )
        run = workspace.runs.create(config, info.fingerprint, foreground=True)
        ranks = np.asarray(ranks, np.float64)
        save_ranks(workspace.runs.folder(run.id), {"test": ranks})
        return workspace.runs.finish(
            run.id, result(ranks).model_copy(update={"best_test": best_test, "valid": {"HR@100": valid}})
        )

    return make


def hitting(share: float, users: int = USERS) -> np.ndarray:
    """Ranks of 0 for the first users, and of 1000 for the others."""
    return np.where(np.arange(users) < share * users, 0.0, 1000.0)
