"""Runs held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import REFERENCE, RUN, Theme, frame, note
from dashboard.words import metric, unmarked


@dataclass(frozen=True, order=True)
class Measured:
    """One run's metric with half of its 95 % interval; ordered by the metric."""

    value: float
    half_width: float
    name: str
    baseline: bool


def intervals(runs: Sequence[Measured], theme: Theme) -> go.Figure:
    """One row a run, the best on top: the metric as a point on its interval; baselines in grey."""
    figure = frame(30 + 30 * len(runs), theme, margin={"l": 8, "r": 92, "t": 8, "b": 8})
    ranked = sorted(runs, reverse=True)
    for row, run in enumerate(ranked):
        color = REFERENCE if run.baseline else RUN
        figure.add_scatter(
            x=[run.value],
            y=[row],
            mode="markers",
            error_x={"array": [run.half_width], "thickness": 3, "width": 0, "color": color},
            marker={"symbol": "square" if run.baseline else "circle", "size": 12, "color": color},
            hovertemplate=f"{unmarked(run.name)}: {metric(run.value, run.half_width)}<extra></extra>",
        )
        note(figure, 1, row, metric(run.value, run.half_width), yref="y", xshift=8)
    top = max((run.value + run.half_width for run in runs), default=1.0)
    figure.update_xaxes(range=[0, 1.05 * top], zeroline=True, zerolinecolor=theme.soft, tickformat=".2~f", nticks=5)
    return figure.update_yaxes(
        tickvals=[*range(len(ranked))],
        ticktext=[f"{unmarked(run.name)}  " for run in ranked],
        tickfont={"size": 14, "color": theme.ink},
        range=[len(ranked) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
