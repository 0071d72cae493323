"""Loss weights along axes: one curve for two behaviors, parallel axes for more, and what a weight costs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import FAINT, Theme, frame, note
from dashboard.charts.behaviors import Cues
from dashboard.charts.curves import apart
from dashboard.charts.spots import Range, Spot, marks, scale, shade, shades
from dashboard.text import metric, unmarked


def curve(
    spots: Sequence[Spot],
    behaviors: Sequence[str],
    measure: str,
    cue: Cues,
    theme: Theme,
    among: Range | None = None,
    paper: tuple[Sequence[float], str] | None = None,
    small: bool = False,
) -> go.Figure:
    """The metric along the target's weight, its 95 % interval as a band; what has no value yet lies on the axis.

    among: the ends of the scale, where several curves share one. paper: the paper's optimum, and what to call it.
    """
    figure = frame(300 if small else 430, theme, margin={"l": 8, "r": 12, "t": 34, "b": 8})
    done = sorted((spot for spot in spots if spot.done), key=lambda spot: spot.weights[-1])
    at = [spot.weights[-1] for spot in done]
    ends = [
        ((spot.value or 0.0) - (spot.half_width or 0.0), (spot.value or 0.0) + (spot.half_width or 0.0))
        for spot in done
    ]
    line = {"x": at, "y": [spot.value for spot in done], "mode": "lines", "hoverinfo": "skip"}
    if any(spot.half_width for spot in done):
        edge = [high for _, high in ends] + [low for low, _ in reversed(ends)]
        band = {"mode": "lines", "fill": "toself", "fillcolor": FAINT, "line_width": 0, "hoverinfo": "skip"}
        figure.add_scatter(x=[*at, *reversed(at)], y=edge, name="95 % interval", **band)
    figure.add_scatter(**line, line={"color": shades(theme)[1], "width": 2.5})
    known = [end for pair in ends for end in pair] + [spot.value for spot in spots if spot.value is not None]
    known += among or ()
    low, high = min(known, default=0.0), max(known, default=1.0)
    pad = max(0.14 * (high - low), 0.002)
    floor = max(low - 1.4 * pad, 0.0)
    if paper is not None:
        dashed = {"color": theme.soft, "width": 1.5, "dash": "dash"}
        x = paper[0][-1]
        figure.add_shape(type="line", layer="below", x0=x, x1=x, y0=0, y1=1, yref="paper", line=dashed)
        anchor = {"xanchor": "center", "yanchor": "bottom", "yshift": 6}
        note(figure, x, 1, f"◇ {paper[1]}", xref="x", yref="paper", font_size=13, **anchor)
    places = [(spot.weights[-1], floor if spot.value is None else spot.value) for spot in spots]
    marks(figure, spots, places, behaviors, measure, among or scale(spots), theme, 24.0, labelled=False)
    _best_value(figure, spots, theme)
    lower, target = (f"{cue[behavior].glyph} all on {unmarked(behavior)}" for behavior in behaviors)
    figure.update_xaxes(
        range=[-0.05, 1.05],
        tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1],
        ticktext=["0", ".2", ".4", ".6", ".8", "1"],
        title_text=f"weight of {unmarked(behaviors[-1])} (λ₂)",
        showgrid=False,
        zeroline=False,
    )
    for end, text, side in ((0, lower, "left"), (1, target, "right")):
        style = {"size": 13, "color": theme.soft}
        note(figure, end, 0, text, xref="x", yref="paper", xanchor=side, yanchor="bottom", yshift=2, font=style)
    return figure.update_yaxes(
        visible=bool(known),
        range=[floor - 1.2 * pad, high + pad],
        title_text=unmarked(measure),
        tickformat=".3~f",
        nticks=6,
        zeroline=False,
    )


def _best_value(figure: go.Figure, spots: Sequence[Spot], theme: Theme) -> None:
    for spot in spots:
        if spot.best and spot.value is not None:
            text = f"<b>{metric(spot.value, spot.half_width)}</b>"
            side = {"xanchor": "left", "xshift": 14} if spot.weights[-1] < 0.6 else {"xanchor": "right", "xshift": -14}
            place = {"xref": "x", "yref": "y", "yshift": 18, "bgcolor": theme.paper}
            note(figure, spot.weights[-1], spot.value, text, font_size=13, **place, **side)


@dataclass(frozen=True)
class Axis:
    """One of the parallel axes: where on it (0 to 1) each spot lies, in their order, and how that is written."""

    name: str
    at: Sequence[float]
    texts: Sequence[str]
    ends: tuple[str, str]  # what stands at 0 and at 1


def parallel(spots: Sequence[Spot], axes: Sequence[Axis], measure: str, theme: Theme) -> go.Figure:
    """One line a choice across an axis for each behavior or option, to the metric on the last; the best lies on top."""
    figure = frame(430, theme, margin={"l": 8, "r": 8, "t": 62, "b": 30})
    among = scale(spots)
    known = [spot.value for spot in spots if spot.value is not None]
    low, high = min(known, default=among[0]), max(known, default=among[1])
    for n in sorted(range(len(spots)), key=lambda n: (spots[n].best, spots[n].alike, spots[n].value or 0.0)):
        spot = spots[n]
        if spot.value is None:
            continue
        ink = theme.ink if spot.best or spot.chosen else shade(spot.value, among, theme) if spot.done else FAINT
        width = 4.0 if spot.best else 3.0 if spot.chosen else 2.2 if spot.alike else 1.2
        figure.add_scatter(
            x=[*range(len(axes) + 1)],
            y=[*(axis.at[n] for axis in axes), (spot.value - low) / (high - low) if high > low else 0.5],
            mode="lines+markers",
            line={"color": ink, "width": width, "dash": "dot" if spot.chosen and not spot.best else "solid"},
            marker={"size": 5 + 1.5 * width, "color": ink, "symbol": "circle" if spot.done else "line-ew"},
            customdata=[[spot.key]] * (len(axes) + 1),
            hovertext=[axis.texts[n] for axis in axes] + [metric(spot.value, spot.half_width)],
            hovertemplate="%{hovertext}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )
    names = [*((axis.name, *axis.ends) for axis in axes), (measure, metric(low), metric(high))]
    for place, (name, bottom, top) in enumerate(names):
        line = {"color": theme.soft, "width": 1}
        figure.add_shape(type="line", layer="below", x0=place, x1=place, y0=0, y1=1, line=line)
        font = {"size": 12, "color": theme.soft}
        for y, text, shift, style in (
            (1, unmarked(name), 30, {"size": 13}),
            (1, top, 12, font),
            (0, bottom, -14, font),
        ):
            note(figure, place, y, text, xref="x", yref="y", xanchor="center", yshift=shift, font=style)
    figure.update_xaxes(visible=False, range=[-0.4, len(axes) + 0.4])
    return figure.update_yaxes(visible=False, range=[-0.02, 1.02])


def costs(
    weights: Sequence[float],
    values: Mapping[str, Sequence[float]],
    half_widths: Mapping[str, Sequence[float | None]],
    target: str,
    measure: str,
    cue: Cues,
    theme: Theme,
) -> go.Figure:
    """Each behavior's own metric along the target's weight: one point a choice of weights, a line through their means.

    weights: the target's, one a choice; values: a behavior's metric, in the same order; half_widths: of their 95 %
    intervals, None where one is not known.
    """
    figure = frame(340, theme, margin={"l": 8, "r": 70, "t": 8, "b": 8})
    steps = sorted({round(weight, 6) for weight in weights})
    ends: dict[str, float] = {}
    for behavior, measured in values.items():
        look, name = cue[behavior], unmarked(behavior)
        color = theme.line(look)
        at = {step: [v for w, v in zip(weights, measured, strict=True) if round(w, 6) == step] for step in steps}
        means = [sum(found) / len(found) for found in at.values()]
        bars = half_widths[behavior]
        if len(weights) > len(steps) or any(bars):
            figure.add_scatter(
                x=[*weights],
                y=[*measured],
                error_y={"array": [half or 0.0 for half in bars], "thickness": 1.5, "width": 4},
                mode="markers",
                hoverinfo="skip",
                opacity=0.35,
                marker={"symbol": look.symbol, "size": 7, "color": color},
            )
        figure.add_scatter(
            x=steps,
            y=means,
            mode="lines+markers",
            name=name,
            line={"color": color, "width": 3, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 10, "color": color},
            hovertemplate=f"{name} %{{y:.3f}} at %{{x:.2f}}<extra></extra>",
        )
        ends[behavior] = means[-1]
    for behavior, end in apart(ends, [0.0, *(value for found in values.values() for value in found)]).items():
        note(figure, steps[-1], end, f"{cue[behavior].glyph} {unmarked(behavior)}", xref="x", xshift=10, font_size=13)
    figure.update_xaxes(title_text=f"weight of {unmarked(target)}", showgrid=False, zeroline=False, nticks=7)
    return figure.update_yaxes(title_text=unmarked(measure), rangemode="tozero", tickformat=".2~f", nticks=6)
