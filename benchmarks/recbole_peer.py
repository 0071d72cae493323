"""RecBole's side, run by the Python of its own environment: one JSON line in, one out, as `benchmarks.child`.

The request names the model, the folder and name of RecBole's atomic files and the threads. One epoch warms up, the next
is timed, then all test users are ranked over all items as RecBole does it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any


def measure(request: dict[str, Any]) -> dict[str, float]:
    """Seconds of an epoch and of the full ranking, and how much an epoch holds."""
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(request["threads"])
    config = Config(model=request["model"], dataset=request["name"], config_dict=options(request))
    init_seed(config["seed"], reproducibility=True)
    train, _, test = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, train.dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    seconds = [timed(lambda number=number: trainer._train_epoch(train, number)) for number in range(2)]
    return {
        "seconds": seconds[1],
        "positives": len(train.dataset),
        "rank_seconds": timed(lambda: trainer.evaluate(test, load_best_model=False)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def options(request: dict[str, Any]) -> dict[str, Any]:
    """Those of shared/notes/peers.md; everything else is RecBole's default."""
    sizes: dict[str, dict[str, Any]] = {
        "BPR": {"embedding_size": 64},
        "NeuMF": {"mf_embedding_size": 64, "mlp_embedding_size": 64, "mlp_hidden_size": [64, 32, 16]},
    }
    return {
        "data_path": request["folder"],
        "benchmark_filename": ["train", "valid", "test"],
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "load_col": {"inter": ["user_id", "item_id"]},
        "use_gpu": False,
        "train_batch_size": request.get("batch_size", 2048),
        "train_neg_sample_args": {
            "distribution": "uniform",
            "sample_num": 4,
            "alpha": 1.0,
            "dynamic": False,
            "candidate_num": 0,
        },
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "RO", "group_by": "user", "mode": "full"},
        "topk": [10, 50, 100, 200],
        "metrics": ["Hit", "NDCG"],
        "valid_metric": "Hit@100",
        "show_progress": False,
        "checkpoint_dir": "saved",
        "state": "WARNING",
        **sizes[request["model"]],
    }


def timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what RecBole prints is no answer
    asked = json.loads(sys.stdin.readline())
    sys.argv = sys.argv[:1]  # RecBole reads options from the command line
    print(json.dumps({"figures": measure(asked)}), file=answer_to, flush=True)
