"""Runs held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from dashboard.charts.base import REFERENCE, RUN, Theme, frame, note, row_height, row_name
from dashboard.charts.looks import Look
from dashboard.words import metric, unmarked


@dataclass(frozen=True, order=True)
class Measured:
    """One run's metric with half of its 95 % interval; ordered by the metric."""

    value: float
    half_width: float
    name: str
    baseline: bool
    look: Look | None = field(default=None, compare=False)  # where it has one of its own


def intervals(runs: Sequence[Measured], theme: Theme) -> go.Figure:
    """One row a run, the best on top: the metric as a point on its interval; baselines in grey."""
    figure = frame(
        30 + row_height([run.name for run in runs]) * len(runs), theme, margin={"l": 8, "r": 92, "t": 8, "b": 8}
    )
    ranked = sorted(runs, reverse=True)
    for row, run in enumerate(ranked):
        look = run.look or (Look(REFERENCE, "square", "dot") if run.baseline else Look(RUN, "circle", "solid"))
        figure.add_scatter(
            x=[run.value],
            y=[row],
            mode="markers",
            error_x={"array": [run.half_width], "thickness": 3, "width": 0, "color": look.color},
            marker={"symbol": look.symbol, "size": 12, "color": look.color},
            hovertemplate=f"{unmarked(run.name)}: {metric(run.value, run.half_width)}<extra></extra>",
        )
        note(figure, 1, row, metric(run.value, run.half_width), yref="y", xshift=8)
    top = max((run.value + run.half_width for run in runs), default=1.0)
    figure.update_xaxes(range=[0, 1.05 * top], zeroline=True, zerolinecolor=theme.soft, tickformat=".2~f", nticks=5)
    return figure.update_yaxes(
        tickvals=[*range(len(ranked))],
        ticktext=[row_name(run.name) for run in ranked],
        tickfont={"size": 14, "color": theme.ink},
        range=[len(ranked) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
