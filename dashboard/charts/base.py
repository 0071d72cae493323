"""What every figure shares: its frame, its notes, and the colors of the theme that the browser shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.behaviors import Cue
from dashboard.text import shortened, unmarked

#: A figure's only button, shown under the pointer, saves it as an image.
CONFIG = {
    "displayModeBar": "hover",
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "scrollZoom": False,
    "responsive": True,
}


def saved_as(name: str) -> dict[str, object]:
    """`CONFIG` of a figure that is saved as an SVG of this name."""
    return CONFIG | {"toImageButtonOptions": {"format": "svg", "filename": name}}


FAINT = "rgba(122,135,148,.25)"
#: Runs are told from behaviors by a family of their own; what they are compared with is grey.
RUN, RUN_EDGE = "#6A7FA6", "#3F4F6E"
REFERENCE = "#7A8794"


@dataclass(frozen=True)
class Theme:
    """The colors of light or dark; text in them has 4.5:1 on paper, marks 3:1."""

    ink: str
    soft: str  # text that stands back
    paper: str
    dark: bool

    def line(self, cue: Cue) -> str:
        """The color of a behavior's line: the light ones of Okabe and Ito are too pale for a line on white."""
        return cue.color if self.dark else cue.edge


LIGHT = Theme("#1F2933", "#5A6672", "#FFFFFF", dark=False)
DARK = Theme("#E6E8EB", "#A3AFBB", "#0E1117", dark=True)


def blend(first: str, last: str, share: float) -> str:
    """The color that lies so far (0 to 1) from the first to the last, each ``#RRGGBB``."""
    ends = ([int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in (first, last))
    return "#" + "".join(f"{round(one + share * (other - one)):02X}" for one, other in zip(*ends, strict=True))


def frame(height: int, theme: Theme, **layout: object) -> go.Figure:
    """An empty figure, its layout given at once: updating one costs ten times as much, and a live view waits for it."""
    axis = {
        "fixedrange": True,
        "gridcolor": FAINT,
        "tickfont": {"color": theme.soft},
        "title": {"font": {"color": theme.soft}},
    }
    shared = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "dragmode": False,
        "bargap": 0.35,
        "font": {"family": "Source Sans, sans-serif", "size": 14, "color": theme.ink},
        "hoverlabel": {"font": {"size": 13}},
        "xaxis": axis,
        "yaxis": axis,
    }
    return go.Figure(layout={**shared, **layout})


def legend(figure: go.Figure, names: Sequence[str], theme: Theme) -> go.Figure:
    """Room under the figure for what its lines are called: names that are too long for the lines' ends."""
    rows = len(names) if max(map(len, names), default=0) > 24 else (len(names) + 1) // 2
    below = {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"}
    return figure.update_layout(
        showlegend=True,
        legend={**below, "font": {"size": 13, "color": theme.ink}, "itemclick": False, "itemdoubleclick": False},
        height=figure.layout.height + 20 * rows,
        margin_b=52 + 20 * rows,
    )


def rows(figure: go.Figure, names: Sequence[str], theme: Theme) -> go.Figure:
    """One row a name, the first on top, the name above what is drawn in the row: so a phone has room for both."""
    # On paper of their own: what else is drawn runs behind them.
    options = {"yref": "y", "yshift": 16, "font": {"size": 13, "color": theme.ink}, "bgcolor": theme.paper}
    notes(figure, [(0, row, unmarked(shortened(name, 52)), options) for row, name in enumerate(names)])
    return figure.update_yaxes(visible=False, range=[len(names) - 0.55, -0.8])


ROW = 44  # pixels: a name, and a mark under it


#: A text, where it is, and how it looks.
Text = tuple[float, float, str, Mapping[str, object]]


def note(figure: go.Figure, x: float, y: float, text: str, **options: object) -> None:
    notes(figure, [(x, y, text, options)])


def notes(figure: go.Figure, texts: Sequence[Text]) -> None:
    """Texts at places of the figure, at once: to add one by one, Plotly reads all that are there each time."""
    usual = {"showarrow": False, "xref": "paper", "xanchor": "left", "yanchor": "middle"}
    more = [{"x": x, "y": y, "text": text, **usual, **options} for x, y, text, options in texts]
    figure.layout.annotations = [*figure.layout.annotations, *more]
