"""How a search went: what was found when, what each option is worth, and which option matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import FAINT, RUN, RUN_EDGE, Theme, frame, note
from dashboard.text import share, unmarked


@dataclass(frozen=True)
class Try:
    """One point of a study, in the order in which it was tried."""

    key: str  # what a click tells
    value: float
    done: bool  # else it was given up early, at this value
    text: str  # what was tried


def history(tries: Sequence[Try], measure: str, theme: Theme) -> go.Figure:
    """The metric of each try in its order, and the best so far as a line."""
    figure = frame(280, theme)
    best: list[float | None] = []
    for one in tries:
        before = best[-1] if best else None
        best.append(max(before or 0.0, one.value) if one.done else before)
    numbers = [*range(1, len(tries) + 1)]
    line = {"color": RUN_EDGE if not theme.dark else RUN, "width": 2.5, "shape": "hv"}
    figure.add_scatter(x=numbers, y=best, mode="lines", line=line, hoverinfo="skip")
    _marks(figure, numbers, tries, measure)
    figure.update_xaxes(title_text="tried, in this order", tickformat="d", showgrid=False, zeroline=False)
    return figure.update_yaxes(title_text=unmarked(measure), zeroline=False)


def slices(
    tries: Sequence[Try], at: Sequence[float | str], option: str, measure: str, theme: Theme, *, log: bool = False
) -> go.Figure:
    """The metric of each try by one option; log: where the option's values are spread over orders of magnitude."""
    figure = frame(280, theme)
    _marks(figure, at, tries, measure)
    figure.update_xaxes(title_text=unmarked(option), zeroline=False, **({"type": "log"} if log else {}))
    return figure.update_yaxes(title_text=unmarked(measure), zeroline=False)


def _marks(figure: go.Figure, at: Sequence[float | str], tries: Sequence[Try], measure: str) -> None:
    figure.add_scatter(
        x=[*at],
        y=[one.value for one in tries],
        mode="markers",
        customdata=[[one.key] for one in tries],
        text=[unmarked(one.text) for one in tries],
        hovertemplate=f"{unmarked(measure)} %{{y:.4f}}<br>%{{text}}<extra></extra>",
        marker={
            "size": 10,
            "color": RUN,
            "symbol": ["circle" if one.done else "circle-open" for one in tries],
            "line": {"color": RUN_EDGE, "width": 1},
        },
    )


def importance(shares: Mapping[str, float], theme: Theme) -> go.Figure:
    """The share of what points differ in that each option explains, one bar an option."""
    figure = frame(34 + 40 * len(shares), theme)
    for row, (name, value) in enumerate(shares.items()):
        bar = {"orientation": "h", "width": 0.6, "marker": {"color": RUN, "line": {"color": RUN_EDGE, "width": 1}}}
        label = unmarked(name)
        figure.add_bar(x=[value], y=[label], hovertemplate=f"{label}: {share(value)}<extra></extra>", **bar)
        note(figure, value, row, f" {share(value)}", xref="x", yref="y")
    figure.update_xaxes(range=[0, 1.15], tickvals=[0, 0.5, 1], ticktext=["0 %", "50 %", "100 %"], gridcolor=FAINT)
    return figure.update_yaxes(
        autorange="reversed", showgrid=False, tickfont={"size": 14, "color": theme.ink}, ticksuffix="  "
    )
