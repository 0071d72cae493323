"""All cases, in the order in which the report shows them."""

from __future__ import annotations

from benchmarks import (
    dashboard,
    first_view,
    growth,
    importing,
    items,
    levels,
    polling,
    ranking,
    service,
    sweeps,
    tracker,
    training,
)
from benchmarks.core import Case

CASES: tuple[Case, ...] = (
    *training.CASES,
    *ranking.CASES,
    *levels.CASES,
    *service.CASES,
    *items.CASES,
    *sweeps.CASES,
    *growth.CASES,
    *dashboard.CASES,
    *first_view.CASES,
    *tracker.CASES,
    *importing.CASES,
    *polling.CASES,
)
