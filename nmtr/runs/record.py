"""What the store says of one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import InstanceOf, TypeAdapter, ValidationError
from sqlalchemy import Row

from nmtr.config import RunConfig
from nmtr.errors import ConfigError, RunError
from nmtr.evaluation.result import Result
from nmtr.runs import process

State = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Run:
    """One run as it stood when it was read; times are seconds since 1970, UTC."""

    id: str  # 8 of a-z2-7
    state: State
    config: InstanceOf[RunConfig]  # resolved
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
    pinned: bool = False  # as its data set's model, which first views show
    name: str = ""  # what people call it; so too for tags and note, see nmtr.runs.labels
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False  # put aside: in lists only where archived ones are asked for

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


@dataclass(frozen=True)
class Unreadable:
    """A run that this nmtr cannot read, as where another version wrote it."""

    id: str
    state: str  # as its row has it
    created: float | None  # None where even that cannot be read
    abandoned: bool  # whether it is running, and no process has it
    problem: str  # what it is that cannot be read

    @property
    def sentence(self) -> str:
        return (
            f"run {self.id} must be one that this nmtr can read, and is not ({self.problem}): upgrade nmtr, or delete "
            f"the run."
        )


def read(row: Row[Any]) -> Run | Unreadable:
    """The run in a row of the table of runs."""
    values = dict(row._mapping)
    del values["number"]
    try:
        config = RunConfig.parse(values["config"])
        return _validator().validate_python(values | {"config": config})
    except ValidationError as error:
        problem = f"its {'.'.join(map(str, error.errors()[0]['loc']))} is not what it should be"
    except ConfigError as error:
        problem = str(error).rstrip(".")
    except (TypeError, ValueError):
        problem = "its config is no config"
    pid, start, created = (values[name] for name in ("pid", "process_started", "created"))
    alive = isinstance(pid, int) and process.is_alive(pid, start if isinstance(start, float) else 0.0)
    gone = values["state"] == "running" and not alive
    return Unreadable(values["id"], values["state"], created if isinstance(created, float) else None, gone, problem)


@cache
def _validator() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


def run_of(row: Row[Any]) -> Run:
    """The run in a row of the table of runs; RunError where it cannot be read."""
    if isinstance(found := read(row), Unreadable):
        raise RunError(found.sentence)
    return found
