"""What lists are made of beside what was bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import ROW, Theme, frame, legend, note, rows
from dashboard.charts.looks import Look
from dashboard.text import share, unmarked

BOUGHT = "what they bought"


@dataclass(frozen=True)
class Buyers:
    """How many buyers an item of a run's lists has, with half of its 95 % interval."""

    name: str
    buyers: tuple[float, float | None]
    look: Look


def buyers(runs: Sequence[Buyers], bought: tuple[float, float | None], theme: Theme) -> go.Figure:
    """One row a run, the number as a point on its interval; a line where what was bought lies."""
    figure = frame(56 + ROW * len(runs), theme, margin={"l": 8, "r": 64, "t": 30, "b": 8})
    for row, run in enumerate(runs):
        value, half = run.buyers
        figure.add_scatter(
            x=[value],
            y=[row],
            mode="markers",
            error_x={"array": [half or 0.0], "thickness": 3, "width": 0, "color": run.look.color},
            marker={"symbol": run.look.symbol, "size": 11, "color": run.look.color},
            hovertemplate=f"{unmarked(run.name)}: {value:.1f} buyers an item<extra></extra>",
        )
        note(figure, 1, row, f"{value:.1f}", yref="y", xshift=8)
    line = {"color": theme.ink, "width": 2, "dash": "dash"}
    figure.add_shape(type="line", layer="below", x0=bought[0], x1=bought[0], y0=0, y1=1, yref="paper", line=line)
    note(figure, bought[0], 1, f"{BOUGHT}: {bought[0]:.1f}", xref="x", yref="paper", yanchor="bottom", yshift=4)
    most = max([bought[0], *(run.buyers[0] + (run.buyers[1] or 0.0) for run in runs)])
    figure.update_xaxes(range=[0, 1.08 * max(most, 1.0)], zeroline=True, zerolinecolor=theme.soft, nticks=6)
    return rows(figure, [run.name for run in runs], theme)


def listed(
    groups: Sequence[str],
    bought: Sequence[float],
    runs: Mapping[str, Sequence[float]],
    looks: Mapping[str, Look],
    theme: Theme,
) -> go.Figure:
    """One row a group of items: a bar as long as its share of what was bought, and each run's share as a mark."""
    figure = legend(frame(34 + ROW * len(groups), theme), [BOUGHT, *runs], theme)
    places = [*range(len(groups))]
    figure.add_bar(
        x=list(bought),
        y=places,
        orientation="h",
        width=0.28,
        name=BOUGHT,
        marker={"color": theme.soft, "opacity": 0.35},
        hovertemplate="%{text}<extra></extra>",
        text=[
            f"{unmarked(group)}: {share(value)} of what they bought"
            for group, value in zip(groups, bought, strict=True)
        ],
        textposition="none",
    )
    for name, values in runs.items():
        look = looks[name]
        figure.add_scatter(
            x=list(values),
            y=places,
            mode="markers",
            name=unmarked(name),
            marker={"symbol": look.symbol, "size": 11, "color": look.color},
            text=[
                f"{unmarked(group)}: {share(value)} of its lists" for group, value in zip(groups, values, strict=True)
            ],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    most = max([*bought, *(value for values in runs.values() for value in values)], default=0.0)
    figure.update_xaxes(
        range=[0, 1.05 * max(most, 0.01)], tickformat=".0%", nticks=5, zeroline=True, zerolinecolor=theme.soft
    )
    return rows(figure, list(groups), theme)
