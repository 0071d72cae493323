"""Trainings whose validation is known: the nearer λ of the target to PEAK, the better, and the better with each epoch.

`python -m tests.sweeps.fakes job HOME RUN` is a job, `python -m tests.sweeps.fakes driver HOME STUDY` a driver that
relies on somebody else's supervisor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np

from nmtr.config import RunConfig
from nmtr.data import library
from nmtr.data.library import DatasetInfo
from nmtr.errors import RunError
from nmtr.runs import job, supervisor
from nmtr.runs.store import RunStore
from nmtr.sweeps.__main__ import main as drive
from nmtr.training.report import EpochReport, Stopped
from tests.conftest import random_dataset
from tests.runs import fakes
from tests.runs.fakes import FINGERPRINT

JOB = (sys.executable, "-m", "tests.sweeps.fakes", "job")
PEAK = 0.6
GO_ON = Event()
#: How many epochs of a run the driver has judged, in this process, by the run's config as JSON.
JUDGED: dict[str, int] = {}
USERS = 200
DATA = random_dataset(num_users=USERS, behaviors=("view", "buy"))
INFO = DatasetInfo.of(DATA).model_copy(update={"fingerprint": FINGERPRINT})


def hits(config: RunConfig, epoch: int) -> int:
    """Of the users, how many have their item among the first 100 after an epoch: the first so many."""
    assert config.lambdas is not None
    worth = 1 - abs(config.lambdas[-1] - PEAK)
    return round(USERS * worth * (0.5 + 0.5 * epoch / config.epochs))


class Library:
    """Every name is a data set."""

    def load(self, name: str) -> Any:
        if name == "unknown":
            return fakes.Library(Path()).load(name)
        return SimpleNamespace(fingerprint=FINGERPRINT, go=None)


class Experiment(fakes.Experiment):
    """One that reports validation, and ranks.

    slow: takes some time for each epoch · mixed: fails where the target has no weight · held: waits after its second
    epoch until GO_ON is set or it is stopped · judged: waits after each epoch until the driver has judged it, too
    """

    def epochs(self, stop: Callable[[], bool]) -> Iterator[EpochReport]:
        for report in super().epochs(stop):
            ranked = self.config.ranks(report.epoch)
            valid = {"HR@100": hits(self.config, report.epoch) / USERS} if ranked else None
            best = report.epoch if ranked else report.epoch // self.config.rank_every * self.config.rank_every
            yield report.model_copy(update={"valid": valid, "best_epoch": best, "epochs": self.config.epochs})

    def meet_fate(self, stop: Callable[[], bool]) -> None:
        if self.config.data == "slow":
            time.sleep(0.03)
        while self.waits() and not GO_ON.is_set():
            if stop():
                raise Stopped
            time.sleep(0.01)
        if self.config.data == "mixed" and (self.config.lambdas or ())[-1] == 0:
            raise RunError("The target must have a weight.")

    def waits(self) -> bool:
        if self.config.data == "judged":
            return self.config.seed == 0 and JUDGED.get(self.config.model_dump_json(), 0) < self.epoch
        return self.config.data == "held" and self.epoch >= 2

    def finish(self) -> Any:
        number = hits(self.config, self.config.epochs)
        ranks = np.where(np.arange(USERS) < number, 0.0, 150.0)
        result = fakes.result(number / USERS, self.epoch)
        return SimpleNamespace(result=result, ranks={"valid": ranks, "test": ranks}, weights={})


def main() -> None:
    role, home, name = sys.argv[1:]
    if role == "job":
        job.new_experiment = Experiment  # type: ignore[assignment]
        sys.modules["torch"] = fakes.Torch  # type: ignore[assignment]
        sys.exit(job.child(RunStore(Path(home)), Library(), name))  # type: ignore[arg-type]
    supervisor.ensure_running = lambda home, slots=None: None
    library.Library.info = lambda self, name: INFO  # type: ignore[method-assign]
    sys.argv[1:] = [home, name]
    drive()


if __name__ == "__main__":
    main()
