"""Loss weights as parts of a bar: what the best ones are made of, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import Theme, frame, note, rows
from dashboard.charts.behaviors import Cues
from dashboard.text import unmarked


@dataclass(frozen=True)
class Makeup:
    """The weights of one row, its name, and what they are worth."""

    name: str
    weights: tuple[float, ...]
    worth: str


def makeups(parts: Sequence[Makeup], behaviors: Sequence[str], cue: Cues, theme: Theme) -> go.Figure:
    """One bar a row, in the order given: a part for each behavior, as wide as its weight; name and worth over it."""
    figure = frame(24 + 58 * len(parts), theme, barmode="stack", margin={"l": 8, "r": 8, "t": 16, "b": 4})
    for r, behavior in enumerate(behaviors):
        look, name = cue[behavior], unmarked(behavior)
        weights = [part.weights[r] for part in parts]
        figure.add_bar(
            x=weights,
            y=[row + 0.16 for row in range(len(parts))],
            orientation="h",
            width=0.36,
            text=[
                f"{look.glyph} {name} {weight:.2f}".replace(" 0.", " .") if weight >= 0.16 else "" for weight in weights
            ],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            textfont={"size": 12, "color": "#10161D"},
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
            hovertemplate=f"{name} %{{x:.2f}}<extra></extra>",
        )
    for row, part in enumerate(parts):
        text = f"<b>{unmarked(part.worth)}</b>"
        note(figure, 1, row, text, yref="y", yshift=16, xanchor="right", font={"size": 13, "color": theme.ink})
    figure.update_xaxes(visible=False, range=[0, 1.002])
    return rows(figure, [part.name for part in parts], theme).update_yaxes(range=[len(parts) - 0.6, -0.62])
