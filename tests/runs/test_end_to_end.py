"""A real training, killed and taken up again."""

from __future__ import annotations

import os
import signal
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

from nmtr.config import RunConfig
from nmtr.data.demo import generate
from nmtr.data.library import Library
from nmtr.runs import checkpoint, supervisor
from nmtr.runs.store import Run, RunStore
from nmtr.runs.supervisor import Supervisor
from tests.runs.fakes import eventually

CLOCKED = {"seconds", "seconds_per_epoch", "peak_memory_mb"}


def kill_after(store: RunStore, run: Run, reports: int) -> None:
    """SIGKILL its process in the epoch that follows so many."""
    eventually(lambda: len(store.reports(run.id)) == reports and store.get(run.id).pid)
    pid = store.get(run.id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def figures(store: RunStore, run: Run) -> Any:
    """Everything that a finished run says, but how long it took."""
    done = store.get(run.id)
    assert done.result is not None, done.error
    series = [report.model_dump(exclude=CLOCKED) for report in store.reports(run.id)]
    return done.result.model_dump(exclude=CLOCKED), series


def assert_as_undisturbed(store: RunStore, run: Run, undisturbed: Run) -> None:
    """It ended in the same figures, series, ranks and weights, to the last bit."""
    assert figures(store, run) == figures(store, undisturbed)
    ranks, weights = (
        [load(store.folder(each.id)) for each in (run, undisturbed)]
        for load in (checkpoint.load_ranks, checkpoint.load_weights)
    )
    assert ranks[0].keys() == ranks[1].keys() and weights[0].keys() == weights[1].keys()
    for name, values in ranks[0].items():
        np.testing.assert_array_equal(values, ranks[1][name], strict=True)
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_cancel_of_a_training_ends_it_at_a_batch_and_leaves_it_ready_to_go_on(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE", 300)  # so that it is not killed
    dataset = generate()
    Library(store.root / "data").save(dataset)
    options = {"unit": "neumf", "loss": "sampled", "embedding_size": 8, "epochs": 1000, "patience": 0, "threads": 1}
    run = store.create(RunConfig.parse(options).resolve(dataset.behaviors), dataset.fingerprint)
    thread = Thread(target=Supervisor(store.root).run, kwargs={"idle": 0}, daemon=True)
    thread.start()
    eventually(lambda: len(store.reports(run.id)) >= 2)  # so that there is a checkpoint
    store.request_cancel(run.id)
    eventually(lambda: store.get(run.id).state == "cancelled")
    thread.join(300)
    assert not thread.is_alive()
    assert checkpoint.load(store.folder(run.id)) is not None and len(store.reports(run.id)) < 1000


def test_training_killed_in_both_phases_ends_in_the_same_figures_to_the_last_digit(store: RunStore) -> None:
    dataset = generate()
    Library(store.root / "data").save(dataset)
    options = {"loss": "sampled", "optimizer": "adam", "embedding_size": 8, "dropout": 0.2, "batch_size": 1024}
    training = {"epochs": 2, "refit": True, "threads": 1}
    config = RunConfig.parse(options | training).resolve(dataset.behaviors)
    disturbed, undisturbed = (store.create(config, dataset.fingerprint) for _ in range(2))

    thread = Thread(target=Supervisor(store.root).run, kwargs={"idle": 0}, daemon=True)
    thread.start()
    kill_after(store, disturbed, reports=1)
    kill_after(store, disturbed, reports=3)
    thread.join(300)

    assert_as_undisturbed(store, disturbed, undisturbed)
    assert [report.phase for report in store.reports(disturbed.id)] == ["select", "select", "refit", "refit"]
