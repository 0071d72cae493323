"""On the demo data, where lower behaviors were planted to tell of purchases, the methods' order is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmtr.config import RunConfig
from nmtr.data.demo import generate
from nmtr.evaluation.groups import purchases
from nmtr.evaluation.metrics import per_user
from nmtr.evaluation.significance import paired_t
from nmtr.experiment import Experiment

#: The target-only method at its best: of seven trials of loss, learning rate and L2 the best one on these very users.
_CAREFUL: dict[str, Any] = {"learning_rate": 0.05, "l2_embeddings": 1e-3}


@pytest.mark.usefixtures("one_thread")
def test_full_cascade_beats_the_target_alone_and_popularity_on_sparse_users_without_the_leak() -> None:
    dataset = generate()
    sparse = purchases(dataset) <= 2
    assert sparse.sum() > 500

    def values(options: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
        config = RunConfig.parse({"data": "demo", "protocol": "clean", "seed": 0, "threads": 1, **options})
        experiment = Experiment(config.resolve(dataset.behaviors, dataset.num_users), dataset)
        for _ in experiment.epochs():
            pass
        return per_user(experiment.finish().ranks["test"][sparse])

    short = {"unit": "gmf", "embedding_size": 16, "epochs": 15}
    full = values(short)
    others = {
        "target alone": values({**short, **_CAREFUL, "behaviors": ["buy"]}),
        "popularity": values({"method": "popularity"}),
    }
    for name, other in others.items():
        for metric in ("HR@50", "HR@100", "NDCG@100"):
            p = paired_t(full[metric] - other[metric])
            assert p is not None and p < 1e-4, (name, metric, p)
            assert full[metric].mean() > 1.15 * other[metric].mean(), (name, metric)
