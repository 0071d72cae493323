"""Loss weights as parts of a bar: what the best ones are made of, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import Theme, frame, rows
from dashboard.cues import Cues
from dashboard.words import unmarked


@dataclass(frozen=True)
class Makeup:
    """The weights of one row, and its name."""

    name: str
    weights: tuple[float, ...]


def makeups(parts: Sequence[Makeup], behaviors: Sequence[str], cue: Cues, theme: Theme) -> go.Figure:
    """One bar a row, in the order given: as wide a part for each behavior as its weight, named by its glyph."""
    figure = frame(24 + 58 * len(parts), theme, barmode="stack", margin={"l": 8, "r": 8, "t": 16, "b": 4})
    for r, behavior in enumerate(behaviors):
        look, name = cue[behavior], unmarked(behavior)
        weights = [part.weights[r] for part in parts]
        figure.add_bar(
            x=weights,
            y=[*range(len(parts))],
            orientation="h",
            width=0.42,
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
    figure.update_xaxes(visible=False, range=[0, 1.002])
    return rows(figure, [part.name for part in parts], theme).update_yaxes(range=[len(parts) - 0.6, -0.62])
