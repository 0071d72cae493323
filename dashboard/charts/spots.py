"""One mark for each choice of loss weights: its value as shade and number, its state as shape."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from dashboard.charts.base import RUN, Theme, blend, note
from dashboard.text import metric, unmarked

Range = tuple[float, float]
Place = tuple[float, float]

MOST_LABELS = 36  # marks that have room for their values
ROOM = 31.0  # pixels of a mark that holds its value


@dataclass(frozen=True)
class Spot:
    """One choice of weights in a study, or (state "empty") a place of its grid that it has not tried."""

    weights: tuple[float, ...]
    state: str  # "empty", "queued", "running", "stopped", "pruned", "done" or "failed"
    key: str  # what a click on it tells
    value: float | None = None
    half_width: float | None = None  # of its 95 % interval
    seeds: int = 1
    alike: bool = False  # cannot be told from the best
    best: bool = False
    chosen: bool = False  # the one that is looked at
    progress: str = ""  # how far it is: "3/60"
    others: Mapping[str, str] = field(default_factory=dict, hash=False)  # what was searched besides the weights

    @property
    def done(self) -> bool:
        return self.state == "done" and self.value is not None

    def said(self, behaviors: Sequence[str], measure: str) -> str:
        """Weights and what they are worth, shown under the pointer."""
        weights = ", ".join(f"{unmarked(b)} {w:.2f}" for b, w in zip(behaviors, self.weights, strict=True))
        weights += "".join(f"<br>{unmarked(name)} {unmarked(text)}" for name, text in self.others.items())
        if self.state == "empty":
            return f"{weights}<br>not tried: click to queue it"
        if self.value is None:
            return f"{weights}<br>{self.state} {self.progress}".rstrip()
        worth = f"{unmarked(measure)} {metric(self.value, self.half_width)}"
        more = {"done": "", "pruned": f", given up early at {self.progress}", "running": f" so far, {self.progress}"}
        return f"{weights}<br>{worth}{more.get(self.state, f', {self.state} at {self.progress}')}"


def scale(spots: Sequence[Spot]) -> Range:
    """The ends of the shades: the best value, and the worst, or what is three times as far from the best as the median.

    So a few weights that are far off do not take the differences between good ones away. Never empty.
    """
    values = [spot.value for spot in spots if spot.done and spot.value is not None] or [0.0]
    high, middle = max(values), statistics.median(values)
    low = max(min(values), high - 3 * (high - middle))
    return (low, high) if high > low else (low - 0.001, high + 0.001)


def shades(theme: Theme) -> tuple[str, str]:
    """From the lowest value, near the paper, to the highest: one hue, by its lightness alone."""
    return ("#2A3444", "#DDBDF8") if theme.dark else ("#E4EAF3", "#54237F")


def shade(value: float, among: Range, theme: Theme) -> str:
    return blend(*shades(theme), min(max((value - among[0]) / (among[1] - among[0]), 0.0), 1.0))


def marks(
    figure: go.Figure,
    spots: Sequence[Spot],
    places: Sequence[Place],
    behaviors: Sequence[str],
    measure: str,
    among: Range,
    theme: Theme,
    room: float = ROOM,
    labelled: bool = True,
) -> None:
    """All spots as one trace; what is selected of it tells their keys.

    Around those that cannot be told from the best stands a ring, over the best a star, under the chosen one a pointer.
    """
    looks = [_look(spot, among, theme, room, labelled) for spot in spots]
    ringed = [n for n, spot in enumerate(spots) if spot.alike or spot.best]
    figure.add_scatter(
        x=[places[n][0] for n in ringed],
        y=[places[n][1] for n in ringed],
        mode="markers",
        hoverinfo="skip",
        name="as good as the best",
        marker={
            "symbol": "circle-open",
            "size": [looks[n].size + 9 for n in ringed],
            "color": theme.ink,
            "line": {"width": 2.5, "color": theme.ink},
        },
        unselected={"marker": {"opacity": 1}},
    )
    figure.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers+text",
        customdata=[[spot.key] for spot in spots],
        text=[look.text for look in looks],
        textfont={"size": 11 if room >= ROOM else 9.5, "color": [look.ink for look in looks]},
        hovertext=[spot.said(behaviors, measure) for spot in spots],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
        marker={
            "symbol": [look.symbol for look in looks],
            "size": [look.size for look in looks],
            "color": [look.fill for look in looks],
            "opacity": 1,
            "line": {"color": [look.edge for look in looks], "width": [look.width for look in looks]},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    for spot, look, (x, y) in zip(spots, looks, places, strict=True):
        away = look.size / 2 + 13
        if spot.best:
            note(figure, x, y, "★", xref="x", yref="y", xanchor="center", yshift=away, font_size=17)
        if spot.chosen:
            note(figure, x, y, "▲", xref="x", yref="y", xanchor="center", yshift=-away, font_size=12)


@dataclass(frozen=True)
class _Mark:
    symbol: str
    size: float
    fill: str
    edge: str
    width: float
    text: str = ""
    ink: str = "rgba(0,0,0,0)"


def _look(spot: Spot, among: Range, theme: Theme, room: float, labelled: bool) -> _Mark:
    """Done: a disc, larger with more seeds; the rest hollow, or a stroke."""
    size = room * (1 if labelled else 0.55) + 4 * min(spot.seeds - 1, 3)
    if spot.done and spot.value is not None:
        fill = shade(spot.value, among, theme)
        return _Mark("circle", size, fill, theme.soft, 1, metric(spot.value) if labelled else "", _ink_on(fill))
    if spot.state == "running":
        return _Mark("octagon", size, theme.paper, RUN, 3, spot.progress if labelled else "", theme.ink)
    if spot.state in ("queued", "stopped"):
        symbol = "circle-dot" if spot.state == "queued" else "square"
        return _Mark(symbol, 0.6 * size, theme.paper, theme.soft, 2)
    if spot.state == "empty":
        return _Mark("circle", 11, theme.paper, theme.soft, 1)
    return _Mark("x-thin" if spot.state == "failed" else "line-ew", 14, theme.soft, theme.soft, 2.5)


def _ink_on(color: str) -> str:
    """Black or white, whichever is read better on a color."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.18 else "#FFFFFF"
