"""What is said of a study and of its points: what pages and commands show."""

from __future__ import annotations

from typing import Any, Literal

from nmtr.config import Protocol
from nmtr.errors import RunError
from nmtr.frozen import Frozen
from nmtr.sweeps.plan import Plan
from nmtr.workspace import Workspace

PointState = Literal["queued", "running", "stopped", "failed", "pruned", "done"]
StudyState = Literal["running", "stopped", "done"]


class Point(Frozen):
    """One combination of the searched options, and what became of it."""

    number: int  # within the study; not every number is a point's
    options: dict[str, Any]  # those that are searched; `lambdas` as a list, one weight a behavior
    runs: tuple[str, ...]  # ids, one a seed; those that were begun so far
    #: stopped: its run was cancelled, and goes on when the study does. failed: the same, after its run has failed.
    state: PointState
    epoch: int  # that its first run is at, or ended with
    epochs: int  # at most
    #: Validation metric at the best epoch, the mean over the seeds; of the first seed, so far, of a point that is not
    #: done.
    value: float | None
    #: 95 % bootstrap interval of the value over users; of done points only.
    low: float | None = None
    high: float | None = None

    @property
    def lambdas(self) -> tuple[float, ...] | None:
        """The weights λ; None where they are not searched."""
        weights = self.options.get("lambdas")
        return None if weights is None else tuple(weights)


class Study(Frozen):
    """A study as it stood when it was read."""

    id: str  # 8 of a-z2-7
    plan: Plan
    created: float  # seconds since 1970, UTC
    state: StudyState
    data: str
    behaviors: tuple[str, ...]  # lowest first; what the weights λ belong to
    protocol: Protocol
    fingerprint: str
    points: tuple[Point, ...]
    planned: int  # how many points there are to be; more than `points` while some are still to be drawn
    undrawn: int = 0  # how many that were to be drawn were not: nearly all that could be are among `points`
    error: str | None = None  # the sentence that its last driver ended with
    #: Numbers of the points that cannot be told from the best: its own, and each done one whose paired difference to
    #: it, over the users, has an interval that holds 0. Empty where nothing is done or the best one's ranks are gone,
    #: and in `studies`.
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

    def point(self, number: int | None) -> Point:
        """The point with this number, or the best; RunError where there is none."""
        found = self.best if number is None else next((one for one in self.points if one.number == number), None)
        if found is None:
            what = "a point that is done" if number is None else f"a point {number}"
            raise RunError(f"study {self.id} must have {what} for this, and has none: train it first, or name another.")
        return found


def check_data(workspace: Workspace, study: Study) -> None:
    """RunError where the data set is another now than the study began with."""
    fingerprint = workspace.data.info(study.data).fingerprint
    if fingerprint != study.fingerprint:
        raise RunError(
            f"study {study.id} needs data set {study.data} as it was (fingerprint {study.fingerprint}); it is another "
            f"now ({fingerprint}): bring the old one back, or begin a new study."
        )
