"""What a study's validation ranks say: intervals, equally good points, groups of users, trade-offs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from nmtr.sweeps.study import Study
from nmtr.workspace import Workspace


class Sensitivity(BaseModel):
    """Which point is best for users with so many training purchases, on validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str  # "5–8"
    users: int
    number: int  # of the best point for them
    options: dict[str, Any]
    value: float  # of the study's metric
    low: float | None
    high: float | None
    #: How far the best point of all users stays behind it, and the paired interval: 0 where it is the same point.
    behind: float
    behind_low: float | None
    behind_high: float | None
    equally_good: frozenset[int]  # for these users


class TradeOff(BaseModel):
    """How well a point ranks each behavior's held-out items; on validation where it is the target, else on test-free
    hold-outs of the lower behaviors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    options: dict[str, Any]
    values: dict[str, float]  # behavior -> the study's metric, the mean over seeds


def sensitivity(workspace: Workspace, study: Study) -> tuple[Sensitivity, ...]:
    """By training purchases, the sparsest users first; empty where nothing is done. RunError where the data changed."""
    raise NotImplementedError


def trade_off(workspace: Workspace, study: Study) -> tuple[TradeOff, ...]:
    """Done points whose runs held out purchases of the lower behaviors too; empty where none did."""
    raise NotImplementedError
