"""Items drawn: all of them as points, and of one its funnel beside what is expected and the spread of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.base import Theme, frame, legend, note
from dashboard.charts.behaviors import Cue, Cues
from dashboard.charts.looks import Look
from dashboard.text import share, shortened, signed, unmarked
from nmtr.items.single import QUANTILES, Spread, Step

_WEBGL = 2_000  # points above which the browser draws them with WebGL
_HEIGHT = 0.62  # of a row, that the highest bin takes
_LOW, _MIDDLE, _HIGH = 0, QUANTILES.index(0.5), len(QUANTILES) - 1


@dataclass(frozen=True, eq=False)
class Crowd:
    """Items as points: how many do the first step, and how many of those the last."""

    labels: Sequence[str]  # what a click on one tells
    names: Sequence[str]
    x: NDArray[np.float64]  # above 0
    y: NDArray[np.float64]  # a share; data need not hold the first step of each last one, so it may be above 1
    x_title: str
    y_title: str


def crowd(points: Crowd, cue: Cue, theme: Theme) -> go.Figure:
    """Each item a point, on a logarithmic scale of how many do the first step."""
    figure = frame(330, theme, hovermode="closest")
    draw = figure.add_scattergl if len(points.labels) > _WEBGL else figure.add_scatter
    draw(
        x=points.x,
        y=points.y,
        mode="markers",
        customdata=[[label] for label in points.labels],
        text=[unmarked(shortened(name)) for name in points.names],
        hovertemplate="%{text}<br>%{x:,.1f} → %{y:.1%}<extra></extra>",
        marker={
            "symbol": cue.symbol,
            "size": 7 if len(points.labels) > _WEBGL else 9,
            "color": cue.color,
            "opacity": 0.75,
            "line": {"color": theme.line(cue), "width": 1},
        },
        selected={"marker": {"opacity": 0.75}},
        unselected={"marker": {"opacity": 0.75}},
    )
    at = _ticks(points.x)
    texts = [f"{tick:,g}" for tick in at]
    figure.update_xaxes(type="log", title_text=unmarked(points.x_title), tickvals=at, ticktext=texts)
    return figure.update_yaxes(title_text=unmarked(points.y_title), tickformat=".0%", rangemode="tozero")


@dataclass(frozen=True, eq=False)
class Spots:
    """Some of the points of a map, alike in color and symbol."""

    name: str
    look: Look
    labels: Sequence[str]  # what a click on one tells
    names: Sequence[str]
    x: NDArray[np.float32]
    y: NDArray[np.float32]


def item_map(groups: Sequence[Spots], theme: Theme) -> go.Figure:
    """Items as points of a plane whose directions have no meaning of their own, so there are no axes."""
    figure = legend(frame(480, theme, hovermode="closest"), [group.name for group in groups], theme)
    figure.update_layout(margin_b=figure.layout.margin.b - 36)  # there are no ticks
    many = sum(len(group.labels) for group in groups) > _WEBGL
    for group in groups:
        (figure.add_scattergl if many else figure.add_scatter)(
            x=group.x,
            y=group.y,
            mode="markers",
            name=unmarked(group.name),
            customdata=[[label] for label in group.labels],
            text=[unmarked(shortened(name)) for name in group.names],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            marker={"symbol": group.look.symbol, "size": 6 if many else 8, "color": group.look.color, "opacity": 0.8},
            selected={"marker": {"opacity": 0.8}},
            unselected={"marker": {"opacity": 0.8}},
        )
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, scaleanchor="x")


def _ticks(values: NDArray[np.float64]) -> list[float]:
    """1, 2 and 5 in each power of ten; 1 alone where the values span many."""
    low, high = (int(np.floor(np.log10(value))) for value in (values.min(), values.max())) if len(values) else (0, 0)
    steps = (1, 2, 5) if high - low < 4 else (1,)
    return [step * 10.0**power for power in range(low, high + 1) for step in steps]


def steps(funnel: Sequence[Step], cue: Cues, theme: Theme) -> go.Figure:
    """Two bars a behavior: how many shoppers did it, filled, and how many the run expects, hatched."""
    figure = frame(16 + 84 * len(funnel), theme, barmode="overlay")
    most = max([1.0, *(value for step in funnel for value in (step.observed, step.expected) if value is not None)])
    for row, step in enumerate(funnel):
        look = cue[step.behavior]
        bars: list[tuple[float, float, str, dict[str, Any]]] = [
            (step.observed, 0.0, f"{step.observed:,}", {"color": look.color})
        ]
        if step.expected is not None:
            hatched = {"shape": "/", "fgcolor": look.edge, "bgcolor": theme.paper, "solidity": 0.3}
            bars.append((step.expected, 0.28, f"{_number(step.expected)} expected", {"pattern": hatched}))
        for value, below, text, marker in bars:
            figure.add_bar(
                x=[value],
                y=[row + below],
                orientation="h",
                width=0.24,
                hovertemplate=f"{unmarked(step.behavior)}: {text}<extra></extra>",
                marker={**marker, "line": {"color": theme.line(look), "width": 1}},
            )
            note(figure, value, row + below, f" {text}", xref="x", yref="y", font_size=13)
        before = funnel[row - 1].behavior if row else ""
        note(figure, 0, row - 0.26, _heading(step, before, look), xref="paper", yref="y", font_size=14)
    figure.update_xaxes(visible=False, range=[0, 1.45 * most])
    return figure.update_yaxes(visible=False, range=[len(funnel) - 0.5, -0.5])


def _heading(step: Step, before: str, look: Cue) -> str:
    """``■ cart  17 % of view, expected 15 %``."""
    name = f"{look.glyph} <b>{unmarked(step.behavior)}</b>"
    if step.conversion is None:
        return name
    expected = "" if step.expected_conversion is None else f", expected {share(step.expected_conversion)}"
    return f"{name}  {share(step.conversion)} of {unmarked(before)}{expected}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def spread(stages: Sequence[Spread], edges: Sequence[float], measure: str, cue: Cues, theme: Theme) -> go.Figure:
    """One hill a stage: how many shoppers give the item which score; under it 5 to 95 % of them and the median."""
    figure = frame(48 + 88 * len(stages), theme, hovermode="closest")
    corners = np.repeat(edges, 2)[1:-1]
    for row, stage in enumerate(stages):
        look, base = cue[stage.behavior], len(stages) - 1 - row
        heights = np.repeat(np.array(stage.histogram) / max(*stage.histogram, 1), 2) * _HEIGHT
        figure.add_scatter(
            x=[corners[0], *corners, corners[-1]],
            y=[base, *(base + heights), base],
            mode="lines",
            fill="toself",
            fillcolor=look.color,
            hoverinfo="skip",
            line={"color": look.edge, "width": 1},
        )
        at = stage.quantiles
        line = {"color": theme.line(look), "width": 3}
        figure.add_scatter(
            x=[at[_LOW], at[_MIDDLE], at[_HIGH]],
            y=[base - 0.07] * 3,
            mode="lines+markers",
            line=line,
            marker={"symbol": ["line-ns", look.symbol, "line-ns"], "size": [9, 10, 9], "color": line["color"]},
            text=[f"{share(q)} of the shoppers below {signed(at[n])}" for n, q in enumerate(QUANTILES) if n % 2 == 0],
            hovertemplate=f"{unmarked(stage.behavior)}: %{{text}}<extra></extra>",
        )
        bias = "" if stage.bias is None else f" · bias {signed(stage.bias)}"
        text = f"{look.glyph} <b>{unmarked(stage.behavior)}</b>  median {signed(at[_MIDDLE])}{bias}"
        note(figure, 0, base + 0.8, text, yref="y", font_size=14)
    figure.update_xaxes(title_text=measure, zeroline=False, range=[edges[0], edges[-1]])
    return figure.update_yaxes(visible=False, range=[-0.2, len(stages)])
