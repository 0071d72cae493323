"""All cases, in the order in which the report shows them."""

from __future__ import annotations

from benchmarks import dashboard, growth, ranking, service, training
from benchmarks.core import Case

CASES: tuple[Case, ...] = (
    *training.CASES,
    *ranking.CASES,
    *service.CASES,
    *growth.CASES,
    *dashboard.CASES,
)
