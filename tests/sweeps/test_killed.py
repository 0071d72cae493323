"""A driver that is killed at any moment: the next one goes on, repeats nothing, and no point is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from nmtr.errors import RunError
from nmtr.runs.supervisor import Supervisor
from nmtr.sweeps import Plan, create, read
from nmtr.workspace import Workspace
from tests.sweeps.fakes import JOB

KILLS = 4


@pytest.fixture
def supervised(workspace: Workspace) -> Iterator[None]:
    """A supervisor in a thread, of jobs in real children; it outlives the drivers."""
    ended = Event()

    def supervise() -> None:
        while not ended.is_set():
            Supervisor(workspace.home, 2, job=JOB).run(idle=0.5)

    thread = Thread(target=supervise, daemon=True)
    thread.start()
    yield
    for run in workspace.runs.list("queued", "running"):
        with suppress(RunError):  # it has ended
            workspace.runs.request_cancel(run.id)
    ended.set()
    thread.join(300)


def driver(home: Path, study_id: str) -> subprocess.Popen[bytes]:
    with (home / "driver.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.sweeps.fakes", "driver", str(home), study_id]
        return subprocess.Popen(command, stdout=log, stderr=log)


def test_driver_killed_at_random_moments_loses_no_point_and_trains_none_twice(
    workspace: Workspace, supervised: None
) -> None:
    plan = {"config": {"data": "slow", "epochs": 9, "threads": 1}, "sampler": "tpe", "trials": 6, "prune": True}
    study = create(workspace, Plan.parse(plan))
    moments = random.Random(0)
    for _ in range(KILLS):
        killed = driver(workspace.home, study.id)
        while killed.poll() is None and read(workspace, study.id).state != "running":
            time.sleep(0.01)  # it takes its time to import Optuna, in which nothing can go wrong
        time.sleep(moments.uniform(0, 0.8))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert read(workspace, study.id).state in ("stopped", "done")
    last = driver(workspace.home, study.id)
    assert last.wait(300) == 0, (workspace.home / "driver.log").read_text()
    study = read(workspace, study.id)
    assert study.state == "done" and len(study.points) == study.planned == 6
    assert {point.state for point in study.points} <= {"done", "pruned"}
    assert len({point.lambdas for point in study.points}) == 6
    runs = workspace.runs.list()
    assert len({repr(run.config.to_json()) for run in runs}) == len(runs) == 6
    assert not [run for run in runs if run.live]
    for run in runs:
        reports = workspace.runs.reports(run.id)
        assert [report.epoch for report in reports] == list(range(1, len(reports) + 1))
        assert run.seconds == 0.5 * len(reports), "an epoch was trained twice"
