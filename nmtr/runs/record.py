"""What the store says of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from nmtr.config import RunConfig
from nmtr.evaluation.result import Result
from nmtr.runs import process

State = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Run:
    """One run as it stood when it was read; times are seconds since 1970, UTC."""

    id: str  # 8 of a-z2-7
    state: State
    config: RunConfig  # resolved
    fingerprint: str  # of the whole data set, with all of its behaviors
    foreground: bool
    created: float
    started: float | None  # the last time, of a run that was resumed
    finished: float | None
    epoch: int  # the last epoch reported; counts from 1 within its phase
    epochs: int  # the most epochs of that phase; 0 for methods that do not train
    seconds: float  # trained so far, epochs that were trained twice included
    cancel_requested: bool
    error: str | None  # one sentence, of a failed run
    result: Result | None  # of a run that is done
    pid: int | None  # of the process that it runs in
    process_started: float | None  # see nmtr.runs.process.started
    heartbeat: float | None  # when that process last said that it lives; for people to see, not to judge it by
    deaths: int  # processes that ended without a word since it last got further
    priority: int = 0  # of queued runs, those with more go first
    owner: str = ""  # who asked for it; empty: nobody in particular
    reason: str | None = None  # one sentence, of a run that was cancelled for one
    study: str | None = None  # the id of the study that queued it, to choose by its validation

    @property
    def abandoned(self) -> bool:
        """Whether the process that it runs in is gone; a claimed run that no process has taken yet is not."""
        return (
            self.state == "running"
            and self.pid is not None
            and not process.is_alive(self.pid, self.process_started or 0.0)
        )

    @property
    def live(self) -> bool:
        """Whether it is waiting or running."""
        return self.state in ("queued", "running")

    @property
    def of_study(self) -> bool:
        """Whether a study queued it."""
        return self.study is not None


def run_of(row: Row[Any]) -> Run:
    """The run in a row of the table of runs."""
    values = dict(row._mapping)
    del values["number"]
    result = values.pop("result")
    return Run(
        **values | {"config": RunConfig.parse(values["config"])},
        result=None if result is None else Result.model_validate(result),
    )
