"""What three loss weights are worth: a triangle, in which each corner puts all the weight on one behavior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.base import Theme, frame, note
from dashboard.charts.behaviors import Cues
from dashboard.charts.spots import MOST_LABELS, ROOM, Place, Range, Spot, marks, scale, shades
from dashboard.text import unmarked

_TOP = math.sqrt(3) / 2
_FINE = 81  # places along each side where the contour is interpolated


def triangle(
    spots: Sequence[Spot],
    behaviors: Sequence[str],
    measure: str,
    cue: Cues,
    theme: Theme,
    among: Range | None = None,
    paper: tuple[Sequence[float], str] | None = None,
    small: bool = False,
) -> go.Figure:
    """One mark for each choice of weights, its value in it and as its shade; behind, faint contours of what is done.

    among: the ends of the scale, where several triangles share one. paper: the paper's optimum, and what to call it.
    """
    among = among or scale(spots)
    figure = frame(310 if small else 460, theme, margin={"l": 8, "r": 8, "t": 30, "b": 34})
    _contour(figure, spots, among, theme)
    _sides(figure, behaviors, cue, theme)
    if paper is not None:
        _mark_paper(figure, _inside(paper[0]), paper[1], theme, small)
    labelled = sum(spot.state != "empty" for spot in spots) <= MOST_LABELS
    places = [_inside(spot.weights) for spot in spots]
    marks(figure, spots, places, behaviors, measure, among, theme, 25.0 if small else ROOM, labelled)
    figure.update_xaxes(visible=False, range=[-0.07, 1.07])
    return figure.update_yaxes(visible=False, range=[-0.07, _TOP + 0.06])


def _inside(weights: Sequence[float]) -> Place:
    """Where three weights lie: the first two behaviors at the base, the target on top, as in the control."""
    _, second, target = weights
    return second + target / 2, _TOP * target


def _sides(figure: go.Figure, behaviors: Sequence[str], cue: Cues, theme: Theme) -> None:
    path = f"M 0,0 L 1,0 L 0.5,{_TOP} Z"
    figure.add_shape(type="path", path=path, layer="below", line={"color": theme.soft, "width": 1.5})
    for behavior, x, top, side in zip(
        behaviors, (0, 1, 0.5), (False, False, True), ("left", "right", "center"), strict=True
    ):
        text = f"{cue[behavior].glyph} all on <b>{unmarked(behavior)}</b>"
        note(figure, x, float(top), text, yref="paper", xanchor=side, yshift=18 if top else -20, font_size=13)


def _mark_paper(figure: go.Figure, place: Place, name: str, theme: Theme, small: bool) -> None:
    figure.add_scatter(
        x=[place[0]],
        y=[place[1]],
        mode="markers",
        hoverinfo="skip",
        marker={"symbol": "diamond-open", "size": 40 if small else 54, "color": theme.ink, "line_width": 1.5},
    )
    if not small:
        start = {"ax": 1.05, "ay": 0.84 * _TOP, "axref": "x", "ayref": "y"}
        figure.add_annotation(
            x=place[0],
            y=place[1],
            **start,
            text=f"◇ {name}",
            xanchor="right",
            align="right",
            font_size=13,
            standoff=27,
            arrowhead=0,
            arrowwidth=1.2,
            arrowcolor=theme.soft,
        )


def _contour(figure: go.Figure, spots: Sequence[Spot], among: Range, theme: Theme) -> None:
    """Straight-line interpolation between what is done, and nothing beyond it."""
    done = [spot for spot in spots if spot.done]
    points = np.array([_inside(spot.weights) for spot in done])
    if len(done) < 3 or np.linalg.matrix_rank(points - points[0], tol=1e-6) < 2:
        return
    from scipy.interpolate import griddata  # takes longer to load than a page to paint

    across, up = np.linspace(0, 1, _FINE), np.linspace(0, _TOP, _FINE)
    known = np.array([spot.value for spot in done], dtype=np.float64)
    values = griddata(points, known, tuple(np.meshgrid(across, up)), method="linear")
    low, high = shades(theme)
    figure.add_contour(
        x=across,
        y=up,
        z=values.astype(np.float32),
        zmin=among[0],
        zmax=among[1],
        colorscale=[[0, low], [1, high]],
        opacity=0.3,
        showscale=False,
        hoverinfo="skip",
        line={"width": 0.6, "color": theme.soft},
        contours={"start": among[0], "end": among[1], "size": (among[1] - among[0]) / 7},
    )
