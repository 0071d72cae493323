"""A training drawn: its losses and its validation by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.charts.base import RUN, RUN_EDGE, Theme, frame, legend
from dashboard.charts.behaviors import Cues
from dashboard.charts.looks import Look
from dashboard.text import unmarked
from nmtr.training.report import EpochReport


def losses(reports: Sequence[EpochReport], cue: Cues, theme: Theme) -> go.Figure:
    """Mean loss an instance by epoch, one curve a behavior, its name at the end of its curve."""
    figure = frame(270, theme)
    epochs = _thinned(range(1, len(reports) + 1))
    for behavior in reports[-1].loss if reports else ():
        look, name = cue[behavior], unmarked(behavior)
        values = [reports[epoch - 1].loss[behavior] for epoch in epochs]
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines+markers" if len(epochs) < 3 else "lines",
            name=name,
            line={"color": theme.line(look), "width": 3, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 9},
            hovertemplate=f"{name} %{{y:.4f}}<extra>epoch %{{x}}</extra>",
        )
    if reports:
        ends = apart(reports[-1].loss, [value for report in reports for value in report.loss.values()])
        for behavior, end in ends.items():
            text = f"{cue[behavior].glyph} {unmarked(behavior)}"
            figure.add_annotation(
                x=epochs[-1], y=end, text=text, showarrow=False, xanchor="left", xshift=8, font_size=13
            )
    return _epochs(figure, len(reports), "loss")


def _thinned(places: Sequence[int], most: int = 1000) -> list[int]:
    """Every so many of the places, and the last."""
    return [*places[: -1 : len(places) // most + 1], *places[-1:]]


def apart(ends: Mapping[str, float], values: Sequence[float]) -> dict[str, float]:
    """Where to write the curves' names so that no two overlap: upward from the lowest."""
    gap = 0.09 * (max(values) - min(values))
    places: dict[str, float] = {}
    below = -math.inf
    for behavior, end in sorted(ends.items(), key=lambda pair: pair[1]):
        below = places[behavior] = max(end, below + gap)
    return places


def validation(reports: Sequence[EpochReport], metric: str, theme: Theme) -> go.Figure:
    """The validation metric by epoch, its best epoch marked."""
    figure = frame(270, theme)
    scored = {place: report.valid[metric] for place, report in enumerate(reports, 1) if report.valid}
    if scored:
        best = max(scored, key=scored.__getitem__)
        places = _thinned(list(scored))
        values = [scored[place] for place in places]
        figure.add_scatter(
            x=places,
            y=values,
            mode="lines+markers" if len(values) < 3 else "lines",
            line={"color": RUN, "width": 3},
            hovertemplate=f"{metric} %{{y:.4f}}<extra>epoch %{{x}}</extra>",
        )
        figure.add_scatter(
            x=[best],
            y=[scored[best]],
            mode="markers+text",
            hoverinfo="skip",
            textposition="middle right",
            text=[f" {scored[best]:.3f}".replace("0.", ".")],
            textfont_color=theme.ink,
            marker={"size": 11, "color": RUN, "line": {"color": RUN_EDGE, "width": 2}},
        )
    return _epochs(figure, len(reports), metric)


def by_epoch(
    curves: Mapping[str, Mapping[int, float]], looks: Mapping[str, Look], title: str, theme: Theme
) -> go.Figure:
    """One curve a run of something by epoch (from 1)."""
    figure = legend(frame(290, theme), [*curves], theme)
    for name, curve in curves.items():
        look, epochs = looks[name], _thinned([*curve])
        figure.add_scatter(
            x=epochs,
            y=[curve[epoch] for epoch in epochs],
            mode="lines+markers" if len(epochs) < 3 else "lines",
            name=unmarked(name),
            line={"color": look.color, "width": 3, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 9},
            hovertemplate=f"{unmarked(title)} %{{y:.4f}}, epoch %{{x}}<extra>%{{fullData.name}}</extra>",
        )
    return _epochs(figure, max((max(curve) for curve in curves.values()), default=1), unmarked(title))


def _epochs(figure: go.Figure, epochs: int, title: str) -> go.Figure:
    end = max(epochs, 5)
    figure.update_xaxes(
        title_text="epoch", range=[0.7, end * 1.16 + 0.5], showgrid=False, tickformat="d", zeroline=False
    )
    figure.update_yaxes(title_text=title, zeroline=False, rangemode="normal")
    return figure
