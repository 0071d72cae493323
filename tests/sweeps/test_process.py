"""A study that is started: a driver in a process of its own, as pages and `--background` start it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtr.config import RunConfig
from nmtr.sweeps import Plan, create, read, start
from nmtr.workspace import Workspace
from tests.conftest import random_dataset
from tests.runs import fakes
from tests.runs.fakes import eventually


def test_driver_in_a_process_of_its_own_finds_what_is_there_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs are there, so that it needs no supervisor."""
    monkeypatch.chdir(Path(__file__).parents[2])
    workspace = Workspace(tmp_path)
    workspace.data.save(random_dataset(behaviors=("view", "buy")))
    plan = Plan(config=RunConfig(data="shop", epochs=2), step=1)
    for lambdas in ((0.0, 1.0), (1.0, 0.0)):
        config, info = workspace.prepare(plan.config.model_copy(update={"lambdas": lambdas}))
        run = workspace.runs.create(config, info.fingerprint, foreground=True)
        workspace.runs.finish(run.id, fakes.result(lambdas[0]))
    study = create(workspace, plan)
    start(workspace, study.id)
    assert read(workspace, study.id).state in ("running", "done")
    eventually(lambda: read(workspace, study.id).state == "done")
    best = read(workspace, study.id).best
    assert best is not None and (best.lambdas, best.value) == ((1.0, 0.0), 1.0)
    assert (tmp_path / "studies" / f"{study.id}.log").read_text() == ""
    assert not (tmp_path / "worker.log").exists() and len(workspace.runs.list()) == 2
    workspace.runs.close()
