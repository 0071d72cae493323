"""Chances beside what was found: a reliability curve, on axes that give small chances room."""

from __future__ import annotations

import math
from collections.abc import Mapping

import plotly.graph_objects as go

from dashboard.charts.base import REFERENCE, Theme, frame, legend
from dashboard.charts.behaviors import Cue
from dashboard.text import one_in
from nmtr.chances import Bin, Reliability

_MARKS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000]


def reliability(judged: Mapping[str, Reliability], cue: Cue, theme: Theme) -> go.Figure:
    """One curve each, the last one in the behavior's color: what was said along, what was found up, with its interval.

    A chance that holds stands on the diagonal. Both axes are logarithms; a bin in which nothing was found stands on the
    lower edge, as a hollow triangle.
    """
    figure = frame(380, theme, margin={"l": 8, "r": 16, "t": 8, "b": 52})
    bins = [part for one in judged.values() for part in one.bins]
    low, high = _ends(bins)
    ends = [10**low, 10**high]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        name="where every chance holds",
        hoverinfo="skip",
        line={"color": theme.soft, "width": 1.5, "dash": "dot"},
    )
    for place, (name, one) in enumerate(judged.items(), 1):
        shown = place == len(judged)
        _curve(figure, name, one, theme.line(cue) if shown else REFERENCE, cue.symbol if shown else "x", 10**low)
    marks = [mark for mark in _MARKS if low <= -math.log10(mark) <= high]
    tens = [mark for mark in marks if not str(mark).startswith("3")]  # names of these alone fit beside each other
    axis = {"type": "log", "range": [low, high], "zeroline": False}
    figure.update_xaxes(title_text="what it says", **axis, **_named(tens if len(tens) > 1 else marks))
    figure.update_yaxes(title_text="what was found", **axis, **_named(marks))
    return legend(figure, [str(trace.name) for trace in figure.data], theme)


def _named(marks: list[int]) -> dict[str, object]:
    return {"tickvals": [1 / mark for mark in marks], "ticktext": [f"1 in {mark:,}" for mark in marks]}


def _curve(figure: go.Figure, name: str, judged: Reliability, color: str, symbol: str, floor: float) -> None:
    bins = judged.bins
    rates = [max(part.rate, floor) for part in bins]
    figure.add_scatter(
        x=[part.chance for part in bins],
        y=rates,
        mode="lines+markers",
        name=name,
        error_y={
            "array": [part.high - rate for part, rate in zip(bins, rates, strict=True)],
            "arrayminus": [rate - max(part.low, floor) for part, rate in zip(bins, rates, strict=True)],
            "thickness": 2,
            "width": 0,
            "color": color,
        },
        line={"color": color, "width": 1.5},
        marker={
            "symbol": [symbol if part.found else "triangle-down-open" for part in bins],
            "size": 10,
            "color": color,
        },
        text=[_told(part) for part in bins],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )


def _told(part: Bin) -> str:
    interval = f"{one_in(part.low)} to {one_in(part.high)}"
    return (
        f"says {one_in(part.chance)}, found {one_in(part.rate)} ({interval})<br>{part.found:,} of {part.pairs:,} pairs"
    )


def _ends(bins: list[Bin]) -> tuple[float, float]:
    """The ends of both axes, as powers of ten: all that is drawn, and a little more."""
    values = [value for part in bins for value in (part.chance, part.low, part.high) if value > 0]
    return math.log10(min(values)) - 0.08, min(math.log10(max(values)) + 0.08, 0.0)
