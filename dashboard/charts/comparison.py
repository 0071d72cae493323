"""Runs compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from dashboard.charts.base import REFERENCE, ROW, RUN, Theme, frame, notes, rows
from dashboard.charts.looks import Look
from dashboard.text import metric, unmarked


@dataclass(frozen=True, order=True)
class Measured:
    """One run's metric with half of its 95 % interval; ordered by the metric."""

    value: float
    half_width: float
    name: str
    baseline: bool
    look: Look | None = field(default=None, compare=False)  # where it has one of its own


def intervals(runs: Sequence[Measured], theme: Theme) -> go.Figure:
    """One row a run, the best on top: the metric as a point on its interval; baselines in grey.

    Of several runs the axis begins near the lowest interval, so that intervals are seen: unlike bars, points need no 0.
    """
    figure = frame(max(104, 34 + ROW * len(runs)), theme, margin={"l": 8, "r": 92, "t": 8, "b": 8})
    ranked = sorted(runs, reverse=True)
    for row, run in enumerate(ranked):
        look = run.look or (Look(REFERENCE, "square", "dot") if run.baseline else Look(RUN, "circle", "solid"))
        figure.add_scatter(
            x=[run.value],
            y=[row],
            mode="markers",
            error_x={"array": [run.half_width], "thickness": 3, "width": 0, "color": look.color},
            marker={"symbol": look.symbol, "size": 10, "color": look.color},
            hovertemplate=f"{unmarked(run.name)}: {metric(run.value, run.half_width)}<extra></extra>",
        )
        if run.look and run.baseline:  # what the others are compared with
            line = {"color": look.color, "width": 1, "dash": "dot"}
            figure.add_shape(
                type="line", layer="below", x0=run.value, x1=run.value, y0=0, y1=1, yref="paper", line=line
            )
    beside = {"yref": "y", "xshift": 8}
    notes(figure, [(1, row, metric(run.value, run.half_width), beside) for row, run in enumerate(ranked)])
    low = min(run.value - run.half_width for run in runs) if len(runs) > 1 else 0.0
    high = max((run.value + run.half_width for run in runs), default=1.0)
    pad = max(0.06 * (high - low), 0.005)
    figure.update_xaxes(
        range=[max(0.0, low - pad), high + pad], zeroline=False, tickformat=".2~f", nticks=5, tickangle=0
    )
    return rows(figure, [run.name for run in ranked], theme)
