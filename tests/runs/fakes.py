"""A training without torch's cost, whose data set's name says how it behaves, in this process or in a child.

quick: trains at once · gated: waits in the middle of every epoch after the first until the file `go` is there ·
deaf: as gated, and hears neither SIGTERM nor a cancel · deadly: kills its process in the first epoch · backwards: its
clock is set back by an hour in every epoch
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

from nmtr.config import RunConfig
from nmtr.errors import DataError
from nmtr.evaluation.result import Result, Slice
from nmtr.runs import job
from nmtr.runs.store import RunStore
from nmtr.runs.supervisor import Supervisor
from nmtr.training.report import EpochReport, Stopped

FINGERPRINT = "0123456789abcdef"
JOB = (sys.executable, "-m", "tests.runs.fakes", "job")
GO = "go"
BATCHES = 4


def config(data: str = "quick", epochs: int = 3) -> RunConfig:
    return RunConfig(data=data, epochs=epochs, threads=1).resolve(("view", "buy"))


@dataclass(frozen=True)
class Library:
    home: Path
    fingerprint: str = FINGERPRINT

    def load(self, name: str) -> Any:
        if name not in ("quick", "gated", "deaf", "deadly", "backwards"):
            raise DataError(f"data must be the name of a data set; got {name}.")
        return SimpleNamespace(fingerprint=self.fingerprint, go=self.home / GO)


class Experiment:
    """Each batch steps a small generator, so that a result tells whether every batch was trained once, in order."""

    def __init__(self, config: RunConfig, dataset: Any) -> None:
        self.config, self.go = config, dataset.go
        self.epoch, self.value = 0, config.seed

    def restore(self, state: Mapping[str, Any]) -> None:
        self.epoch, self.value = state["epoch"], state["value"]

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "value": self.value}

    def epochs(self, stop: Callable[[], bool]) -> Iterator[EpochReport]:
        while self.epoch < self.config.epochs:
            for batch in range(BATCHES):
                if batch == BATCHES // 2:
                    self.meet_fate(stop)
                if stop():
                    raise Stopped
                self.value = (self.value * 1103515245 + 12345 + batch) % 2**31
            self.epoch += 1
            yield report(self.epoch, float(self.value))

    def meet_fate(self, stop: Callable[[], bool]) -> None:
        if self.config.data == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.config.data == "backwards":
            set_clock_back()
        if self.config.data == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while self.config.data in ("gated", "deaf") and self.epoch >= 1 and not self.go.exists():
            if self.config.data == "gated" and stop():
                raise Stopped
            time.sleep(0.01)

    def finish(self) -> Any:
        ranks = {"test": np.array([float(self.value), np.nan])}
        return SimpleNamespace(result=result(float(self.value), self.epoch), ranks=ranks, weights={})


class Torch:
    """What checkpoints need of torch, which takes each child two seconds to import."""

    @staticmethod
    def save(values: dict[str, Any], file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("values", json.dumps(values))

    @staticmethod
    def load(path: Path, **_: object) -> Any:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("values"))


def report(epoch: int, loss: float = 1.0, phase: Any = "select") -> EpochReport:
    return EpochReport(
        epoch=epoch, epochs=9, phase=phase, loss={"buy": loss}, valid=None, best_epoch=epoch, seconds=0.5
    )


def result(value: float = 0.5, epochs: int = 3) -> Result:
    nobody = Slice(users=0, metrics={})
    return Result(
        epochs=epochs,
        best_epoch=epochs,
        refit=False,
        seconds_per_epoch=None,
        seconds=1.0,
        valid={"HR@100": value},
        test={"HR@100": value},
        intervals={},
        test_users=1,
        visited=nobody,
        not_visited=nobody,
        peak_memory_mb=None,
    )


def set_clock_back() -> None:
    """By an hour, for this process."""
    before = time.time
    time.time = lambda: before() - 3600


def eventually(condition: Callable[[], Any]) -> Any:
    """What the condition becomes once it holds; fails if it seems that it never will, on however slow a machine."""
    deadline = time.monotonic() + 300
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return value


def main() -> None:
    role, home, *rest = sys.argv[1:]
    if role == "job":
        print(f"started {os.getpid()}", flush=True)
        job.new_experiment = Experiment  # type: ignore[assignment]
        sys.modules["torch"] = Torch  # type: ignore[assignment]
        sys.exit(job.child(RunStore(Path(home)), Library(Path(home)), *rest))
    job.process.exit_on_sigterm()
    Supervisor(Path(home), job=JOB).run()


if __name__ == "__main__":
    main()
