"""A data set drawn: counts, shares and how they spread over shoppers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.charts.base import Theme, frame, note
from dashboard.charts.behaviors import Cue, Cues
from dashboard.text import share, unmarked


def funnel(counts: Mapping[str, int], cue: Cues, theme: Theme) -> go.Figure:
    """How many shopper-item pairs each behavior has, lowest first."""
    figure = _bars(counts, [f"{count:,}" for count in counts.values()], cue, theme)
    return figure.update_xaxes(visible=False, range=[0, 1.4 * max(counts.values(), default=1)])


def shares(values: Mapping[str, float], cue: Cues, theme: Theme) -> go.Figure:
    """Shares between 0 and 1, one bar a behavior, on a common scale from 0 to 100 %."""
    figure = _bars(values, [share(value) for value in values.values()], cue, theme)
    ticks = (0, 0.5, 1)
    return figure.update_xaxes(range=[0, 1.18], tickvals=ticks, ticktext=[share(tick) for tick in ticks])


def _bars(values: Mapping[str, float], texts: Sequence[str], cue: Cues, theme: Theme) -> go.Figure:
    figure = frame(34 + 46 * len(values), theme)
    for row, ((behavior, value), text) in enumerate(zip(values.items(), texts, strict=True)):
        look = cue[behavior]
        name = f"{look.glyph} {unmarked(behavior)}"
        figure.add_bar(
            x=[value],
            y=[name],
            orientation="h",
            width=0.62,
            hovertemplate=f"{name}: {text}<extra></extra>",
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
        )
        note(figure, value, row, f" {text}", xref="x", yref="y")
    return figure.update_yaxes(
        autorange="reversed", showgrid=False, tickfont={"size": 14, "color": theme.ink}, ticksuffix="  "
    )


def histogram(labels: Sequence[str], counts: Sequence[int], cue: Cue, unit: str, theme: Theme) -> go.Figure:
    """How many shoppers have how many of something, in bins that were counted before."""
    figure = frame(230, theme)
    figure.add_bar(
        x=list(labels),
        y=list(counts),
        marker={"color": cue.color, "line": {"color": cue.edge, "width": 1}},
        hovertemplate=f"%{{y:,}} shoppers with %{{x}} {unmarked(unit)}<extra></extra>",
    )
    figure.update_xaxes(title_text=unmarked(unit) + " a shopper", type="category")
    figure.update_yaxes(title_text="shoppers")
    return figure
