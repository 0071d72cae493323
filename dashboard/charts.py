"""Data to Plotly figures. No Streamlit: text and grid take the theme's colors, marks keep the behavior's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.cues import Cue, Cues
from dashboard.words import SUPERSCRIPTS, chance, signed, stage_sum, unmarked
from nmtr.explain import Explanation
from nmtr.training.report import EpochReport

CONFIG = {"displayModeBar": False, "scrollZoom": False, "responsive": True}
INK = "#1F2933"
GREY = "#7A8794"  # 3:1 and more on paper white and on the dark background
_FAINT = "rgba(122,135,148,.25)"


def _figure(height: int, **layout: object) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
        bargap=0.35,
        font={"family": "Source Sans, sans-serif", "size": 14},
        hoverlabel={"font_size": 13},
    )
    figure.update_layout(**layout)
    return figure


def _note(figure: go.Figure, x: float, y: float, text: str, **options: object) -> None:
    figure.add_annotation(
        x=x, y=y, text=text, **{"showarrow": False, "xref": "paper", "xanchor": "left", "yanchor": "middle", **options}
    )


def cascade(explanation: Explanation, cue: Cues, ink: str = INK) -> go.Figure:
    """One row a stage: its bar grows from what the stage before left, so that the eye sees inheritance."""
    stages = explanation.stages
    rows = [float(len(stages) - 1 - r) for r in range(len(stages))]
    figure = _figure(30 + 88 * len(stages), barmode="overlay")
    values = [0.0, *(stage.logit for stage in stages)]
    low, high = min(values), max(values)
    pad = max(0.12 * (high - low), 0.15)
    for r, (stage, row) in enumerate(zip(stages, rows, strict=True)):
        look = cue[stage.behavior]
        if r:
            before = cue[stages[r - 1].behavior]
            figure.add_bar(
                x=[stage.inherited],
                y=[row],
                orientation="h",
                width=0.17,
                marker_color=before.color,
                opacity=0.32,
                hovertemplate=f"inherits {signed(stage.inherited)}<extra></extra>",
            )
            step = {"x0": stage.inherited, "x1": stage.inherited, "y0": rows[r - 1], "y1": row}
            figure.add_shape(
                type="line", layer="below", line={"color": before.edge, "width": 1.5, "dash": "dot"}, **step
            )
        figure.add_bar(
            x=[stage.logit - stage.inherited],
            base=[stage.inherited],
            y=[row],
            orientation="h",
            width=0.17,
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
            hovertemplate=f"{stage_sum(stage, r == 0)} = {signed(stage.logit)}<extra></extra>",
        )
        figure.add_scatter(
            x=[stage.logit],
            y=[row],
            mode="markers",
            hoverinfo="skip",
            marker={"symbol": look.symbol, "size": 15, "color": look.color, "line": {"color": look.edge, "width": 2}},
        )
        symbol = f"ŷ{str(r + 1).translate(SUPERSCRIPTS)}"
        name = f"{look.glyph} <b>{unmarked(stage.behavior)}</b>  {symbol} {chance(stage.probability)}"
        _note(figure, 0, row + 0.31, name, font={"size": 15, "color": ink})
        _note(figure, 0, row - 0.27, stage_sum(stage, r == 0).replace("  ", " · "), font={"size": 12, "color": GREY})
        if stage.rank is not None:
            label = "rank" if r == 0 else "▼"
            _note(figure, 1, row + 0.31, label, xanchor="right", font={"size": 12, "color": GREY})
            _note(figure, 1, row, f"<b>{stage.rank + 1:,}</b>", xanchor="right", font={"size": 20, "color": ink})
        figure.add_shape(type="line", x0=0, x1=0, y0=row - 0.13, y1=row + 0.13, line={"color": GREY, "width": 2})
    _chance_axis(figure, low - pad, high + pad)
    figure.update_yaxes(visible=False, range=[-0.55, len(stages) - 0.45], fixedrange=True)
    return figure


def _chance_axis(figure: go.Figure, low: float, high: float) -> None:
    """Log-odds below, labelled by the chance that they mean: .5 is at 0."""
    marks = (0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)
    places = [(math.log(p / (1 - p)), f"{p:g}".removeprefix("0")) for p in marks]
    shown = [place for place in places if low <= place[0] <= high]
    if high - low > 4:
        shown = [place for place in shown if place[1] not in (".25", ".75")]
    figure.update_xaxes(
        range=[low, high],
        domain=[0.0, 0.86],
        fixedrange=True,
        zeroline=False,
        gridcolor=_FAINT,
        tickvals=[place for place, _ in shown],
        ticktext=[text for _, text in shown],
        tickfont={"size": 12, "color": GREY},
    )


def waterfall(explanation: Explanation, cue: Cues) -> go.Figure:
    """The same sum in log-odds, part by part: each stage's own interaction, then its item bias (hatched)."""
    figure = _figure(300, barmode="overlay")
    at = 0.0
    for stage in explanation.stages:
        look = cue[stage.behavior]
        name = unmarked(stage.behavior)
        for part, value, hatch in (("own", stage.own, ""), ("item", stage.bias, "/")):
            figure.add_bar(
                x=[[name], [f"{part}"]],
                y=[value],
                base=[at],
                text=[signed(value)],
                textposition="outside",
                cliponaxis=False,
                textfont_size=12,
                constraintext="none",
                marker={"color": look.color, "line": {"color": look.edge, "width": 1}, "pattern": {"shape": hatch}},
                hovertemplate=f"{name}, {part}: {signed(value)}<extra></extra>",
            )
            at += value
        figure.add_scatter(
            x=[[name], ["sum"]],
            y=[stage.logit],
            mode="markers+text",
            text=[f"<b>{signed(stage.logit)}</b>"],
            textposition="top center",
            hovertemplate=f"{name}: log-odds {signed(stage.logit)}<extra></extra>",
            cliponaxis=False,
            marker={"symbol": look.symbol, "size": 13, "color": look.color, "line": {"color": look.edge, "width": 2}},
        )
    figure.update_yaxes(title="log-odds", gridcolor=_FAINT, zeroline=True, zerolinecolor=GREY, fixedrange=True)
    figure.update_xaxes(fixedrange=True)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 28, "b": 8})
    return figure


def losses(reports: Sequence[EpochReport], cue: Cues) -> go.Figure:
    """Mean loss an instance by epoch, one curve a behavior, its name at the end of its curve."""
    figure = _figure(270)
    epochs = _thinned(range(1, len(reports) + 1))
    for behavior in reports[-1].loss if reports else ():
        look, name = cue[behavior], unmarked(behavior)
        values = [reports[epoch - 1].loss[behavior] for epoch in epochs]
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines+markers" if len(epochs) < 3 else "lines",
            name=name,
            line={"color": look.color, "width": 3, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 9},
            hovertemplate=f"{name} %{{y:.4f}}<extra>epoch %{{x}}</extra>",
        )
    if reports:
        ends = _apart(reports[-1].loss, [value for report in reports for value in report.loss.values()])
        for behavior, end in ends.items():
            text = f"{cue[behavior].glyph} {unmarked(behavior)}"
            figure.add_annotation(
                x=epochs[-1], y=end, text=text, showarrow=False, xanchor="left", xshift=8, font_size=13
            )
    return _epochs(figure, len(reports), "loss")


def _thinned(places: Sequence[int], most: int = 1000) -> list[int]:
    """Every so many of the places, and the last."""
    return [*places[: -1 : len(places) // most + 1], *places[-1:]]


def _apart(ends: Mapping[str, float], values: Sequence[float]) -> dict[str, float]:
    """Where to write the curves' names so that no two overlap: upward from the lowest."""
    gap = 0.09 * (max(values) - min(values))
    places: dict[str, float] = {}
    below = -math.inf
    for behavior, end in sorted(ends.items(), key=lambda pair: pair[1]):
        below = places[behavior] = max(end, below + gap)
    return places


def validation(reports: Sequence[EpochReport], metric: str) -> go.Figure:
    """The validation metric by epoch, its best epoch marked."""
    figure = _figure(270)
    scored = {place: report.valid[metric] for place, report in enumerate(reports, 1) if report.valid}
    if scored:
        best = max(scored, key=scored.__getitem__)
        places = _thinned(list(scored))
        values = [scored[place] for place in places]
        figure.add_scatter(
            x=places,
            y=values,
            mode="lines+markers" if len(values) < 3 else "lines",
            line={"color": "#6A7FA6", "width": 3},
            hovertemplate=f"{metric} %{{y:.4f}}<extra>epoch %{{x}}</extra>",
        )
        figure.add_scatter(
            x=[best],
            y=[scored[best]],
            mode="markers+text",
            hoverinfo="skip",
            textposition="middle right",
            text=[f" {scored[best]:.3f}".replace("0.", ".")],
            marker={"size": 11, "color": "#6A7FA6", "line": {"color": "#3F4F6E", "width": 2}},
        )
    return _epochs(figure, len(reports), metric)


def _epochs(figure: go.Figure, epochs: int, title: str) -> go.Figure:
    end = max(epochs, 5)
    figure.update_xaxes(
        title="epoch", range=[0.7, end * 1.16 + 0.5], fixedrange=True, showgrid=False, tickformat="d", zeroline=False
    )
    figure.update_yaxes(title=title, fixedrange=True, gridcolor=_FAINT, zeroline=False, rangemode="normal")
    return figure


def sketch(behaviors: Sequence[str], units: Sequence[str], cue: Cues, ink: str = INK) -> go.Figure:
    """The cascade as chosen: one box a behavior with its unit, each handing its score to the next."""
    figure = _figure(118)
    last = len(behaviors) - 1
    for r, (behavior, unit) in enumerate(zip(behaviors, units, strict=True)):
        look = cue[behavior]
        figure.add_shape(
            type="rect",
            x0=r - 0.34,
            x1=r + 0.34,
            y0=0,
            y1=1,
            line={"color": look.edge, "width": 2},
            fillcolor=look.color,
            opacity=0.28,
        )
        _note(
            figure,
            r,
            0.66,
            f"{look.glyph} <b>{unmarked(behavior)}</b>",
            xref="x",
            xanchor="center",
            font={"size": 15, "color": ink},
        )
        _note(figure, r, 0.3, unit, xref="x", xanchor="center", font={"size": 14, "color": ink})
        if r < last:
            figure.add_annotation(
                x=r + 0.66,
                ax=r + 0.34,
                y=0.5,
                ay=0.5,
                xref="x",
                yref="y",
                axref="x",
                ayref="y",
                text="",
                showarrow=True,
                arrowhead=2,
                arrowwidth=2,
                arrowcolor=GREY,
            )
    figure.update_xaxes(visible=False, range=[-0.45, max(last, 1) + 0.45], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.08, 1.08], fixedrange=True)
    return figure


def funnel(counts: Mapping[str, int], cue: Cues) -> go.Figure:
    """How many user-item pairs each behavior has, lowest first."""
    figure = _figure(34 + 46 * len(counts))
    top = max(counts.values(), default=1)
    for row, (behavior, count) in enumerate(counts.items()):
        look = cue[behavior]
        name = f"{look.glyph} {unmarked(behavior)}"
        figure.add_bar(
            x=[count],
            y=[name],
            orientation="h",
            width=0.62,
            hovertemplate=f"{name}: %{{x:,}}<extra></extra>",
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
        )
        _note(figure, count, row, f" {count:,}", xref="x", yref="y")
    figure.update_xaxes(visible=False, range=[0, top * 1.4], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, tickfont_size=14, ticksuffix="  ")
    return figure


def shares(values: Mapping[str, float], cue: Cues) -> go.Figure:
    """Shares between 0 and 1, one bar a behavior, on a common scale from 0 to 100 %."""
    figure = _figure(34 + 46 * len(values))
    for row, (behavior, value) in enumerate(values.items()):
        look = cue[behavior]
        name = f"{look.glyph} {unmarked(behavior)}"
        figure.add_bar(
            x=[value],
            y=[name],
            orientation="h",
            width=0.62,
            hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
        )
        _note(
            figure, value, row, f" {value:.0%}" if value >= 0.1 or value == 0 else f" {value:.1%}", xref="x", yref="y"
        )
    figure.update_xaxes(range=[0, 1.12], tickformat=".0%", tickvals=[0, 0.5, 1], fixedrange=True, gridcolor=_FAINT)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, tickfont_size=14, ticksuffix="  ")
    return figure


def histogram(labels: Sequence[str], counts: Sequence[int], cue: Cue, unit: str) -> go.Figure:
    """How many users have how many of something, in bins that were counted before."""
    figure = _figure(230)
    figure.add_bar(
        x=list(labels),
        y=list(counts),
        marker={"color": cue.color, "line": {"color": cue.edge, "width": 1}},
        hovertemplate=f"%{{y:,}} users with %{{x}} {unmarked(unit)}<extra></extra>",
    )
    figure.update_xaxes(title=unmarked(unit) + " a user", type="category", fixedrange=True)
    figure.update_yaxes(title="users", fixedrange=True, gridcolor=_FAINT)
    return figure
