"""Studies as they are kept and read: Optuna's tables, in the same database as the runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from nmtr.config import Protocol
from nmtr.sweeps.plan import Plan
from nmtr.training.report import EpochReport
from nmtr.workspace import Workspace

PointState = Literal["queued", "running", "stopped", "failed", "pruned", "done"]
StudyState = Literal["running", "stopped", "done"]


class Point(BaseModel):
    """One combination of the searched options, and what became of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int  # within the study, from 0
    options: dict[str, Any]  # those that are searched; `lambdas` as a list, one weight a behavior
    runs: tuple[str, ...]  # ids, one a seed; those that were queued so far
    #: stopped: its run was cancelled, and goes on when the study does. failed: the same, after its run has failed.
    state: PointState
    epoch: int  # that the last of its runs is at, or ended with
    epochs: int  # at most
    #: Validation metric at the best epoch, the mean over the seeds; best so far of a point that is not done.
    value: float | None
    #: 95 % bootstrap interval of the value over users; of done points only.
    low: float | None = None
    high: float | None = None

    @property
    def lambdas(self) -> tuple[float, ...] | None:
        """The weights λ; None where they are not searched."""
        weights = self.options.get("lambdas")
        return None if weights is None else tuple(weights)


class Study(BaseModel):
    """A study as it stood when it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str  # 8 of a-z2-7
    plan: Plan
    created: float  # seconds since 1970, UTC
    state: StudyState
    data: str
    behaviors: tuple[str, ...]  # lowest first; what the weights λ belong to
    protocol: Protocol
    fingerprint: str
    points: tuple[Point, ...]
    #: Numbers of the points that cannot be told from the best: its own, and each done one whose paired difference to
    #: it, over the users, has an interval that holds 0. Empty where nothing is done, and in `studies`.
    equally_good: frozenset[int] = frozenset()
    finalized: tuple[str, ...] = ()  # ids of the runs of the choice that was finalized, one a seed
    finalized_point: int | None = None

    @property
    def metric(self) -> str:
        """What points are judged by, on validation."""
        return self.plan.metric

    @property
    def best(self) -> Point | None:
        """The done point with the highest value, the first of equals; None where nothing is done."""
        done = [point for point in self.points if point.state == "done" and point.value is not None]
        return max(done, key=lambda point: point.value or 0.0, default=None)


def studies(workspace: Workspace) -> tuple[Study, ...]:
    """All studies, the newest first, without intervals and equally good points, which take reading ranks."""
    raise NotImplementedError


def read(workspace: Workspace, study_id: str) -> Study:
    """One study; RunError if there is none with this id."""
    raise NotImplementedError


def create(workspace: Workspace, plan: Plan) -> Study:
    """Keep a new study, which `start` or `drive` trains.

    Raises ConfigError, DataError or CapacityError where the plan does not fit the data set or the machine.
    """
    raise NotImplementedError


def extend(
    workspace: Workspace, study_id: str, *, trials: int = 0, points: Sequence[Sequence[float]] = ()
) -> tuple[int, ...]:
    """Add so many points to be drawn, and points of given λ; the numbers of the latter, old ones where they are there.

    Trained once the study is started. Points that are drawn go by all that the study found, a grid's points too.
    """
    raise NotImplementedError


def curve(workspace: Workspace, study_id: str, number: int) -> tuple[tuple[EpochReport, ...], ...]:
    """The reports of each of a point's runs that choose the epoch, one tuple a seed, in the order of training."""
    raise NotImplementedError
