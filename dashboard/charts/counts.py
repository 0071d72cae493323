"""A data set drawn: counts, shares and how they spread over shoppers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import plotly.graph_objects as go

from dashboard.charts.base import Text, Theme, frame, note, notes
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


_ROW, _NAMED = 86, 26  # pixels: a behavior's bars with its name above them, and the name


def activity(
    starts: Sequence[date], counts: Mapping[str, Sequence[int]], period: str, cue: Cues, theme: Theme
) -> go.Figure:
    """How many pairs of each behavior there were in each period: a row of bars a behavior, each on its own scale."""
    figure = frame(_ROW * len(counts) + 34, theme, margin={"l": 8, "r": 8, "t": 4, "b": 34}, bargap=0.15)
    texts: list[Text] = []
    for row, (behavior, numbers) in enumerate(counts.items()):
        look, axis = cue[behavior], "" if not row else str(row + 1)
        top = 1 - row / len(counts)
        figure.add_bar(
            x=[start.isoformat() for start in starts],
            y=list(numbers),
            yaxis=f"y{axis}",
            marker={"color": look.color, "line": {"color": look.edge, "width": 1 if len(starts) < 70 else 0}},
            hovertemplate=f"{unmarked(behavior)}: %{{y:,}}<extra>{period} of %{{x|%d %b %Y}}</extra>",
        )
        room = (_ROW - _NAMED) / _ROW / len(counts)
        place = {"domain": [top - 1 / len(counts), top - 1 / len(counts) + room], "visible": False, "fixedrange": True}
        figure.update_layout({f"yaxis{axis}": place})
        said = f"{look.glyph} {unmarked(behavior)}, at most {max(numbers):,} a {period}"
        texts.append((0, top, said, {"yref": "paper", "yanchor": "top", "font": {"size": 13, "color": theme.ink}}))
    notes(figure, texts)
    last = f"y{len(counts)}" if len(counts) > 1 else "y"
    return figure.update_xaxes(showgrid=False, nticks=6, anchor=last)
