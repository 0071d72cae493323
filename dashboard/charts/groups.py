"""Runs by parts of their users: visited or not, and how much was bought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import ROW, Theme, frame, legend, note, rows
from dashboard.charts.looks import Look
from dashboard.text import gap, metric, unmarked

Part = tuple[float, float | None]  # a value, and half of its 95 % interval
_NAME, _MARK = 28, 11  # pixels: a group's name, and each mark under it


@dataclass(frozen=True)
class Parted:
    """One run's metric among users whose held-out item was visited before, and among the others."""

    name: str
    visited: Part
    not_visited: Part


def parted(runs: Sequence[Parted], looks: Mapping[str, Look], theme: Theme) -> go.Figure:
    """One row a run, in the order given: hollow where the item was not visited, filled where it was, a bar between."""
    figure = frame(72 + ROW * len(runs), theme, margin={"l": 8, "r": 44, "t": 36, "b": 8})
    for row, run in enumerate(runs):
        look, name = looks[run.name], unmarked(run.name)
        ends = [run.not_visited[0], run.visited[0]]
        figure.add_scatter(
            x=ends, y=[row, row], mode="lines", hoverinfo="skip", opacity=0.45, line={"color": look.color, "width": 5}
        )
        for part, (value, half), hollow in (("not visited", run.not_visited, True), ("visited", run.visited, False)):
            figure.add_scatter(
                x=[value],
                y=[row],
                mode="markers",
                name=part,
                error_x={"array": [half or 0.0], "thickness": 2, "width": 0, "color": look.color},
                marker={
                    "symbol": look.symbol,
                    "size": 12,
                    "color": theme.paper if hollow else look.color,
                    "line": {"color": look.color, "width": 2},
                },
                hovertemplate=f"{name}, {part}: {metric(value, half)}<extra></extra>",
            )
        note(figure, 1, row, metric(run.visited[0]), yref="y", xshift=8)
    top = max(value + (half or 0.0) for run in runs for value, half in (run.visited, run.not_visited))
    note(figure, 0, 1, "○ not visited   ● visited", yref="paper", yanchor="bottom", yshift=6, font_color=theme.soft)
    figure.update_xaxes(
        range=[0, 1.05 * max(top, 0.01)], zeroline=True, zerolinecolor=theme.soft, tickformat=".2~f", nticks=5
    )
    return rows(figure, [run.name for run in runs], theme)


def by_group(
    groups: Mapping[str, int], runs: Mapping[str, Sequence[Part]], looks: Mapping[str, Look], theme: Theme
) -> go.Figure:
    """One line a run over groups of users, named with their numbers of users, the sparsest first."""
    figure = _grouped(groups, runs, looks, theme, metric)
    return figure.update_yaxes(rangemode="tozero", tickformat=".2~f")


def differences(
    groups: Mapping[str, int], runs: Mapping[str, Sequence[Part]], looks: Mapping[str, Look], theme: Theme
) -> go.Figure:
    """As `by_group`, of how far each run is from the reference, which is the line at 0."""
    figure = _grouped(groups, runs, looks, theme, gap)
    return figure.update_yaxes(zeroline=True, zerolinecolor=theme.soft, zerolinewidth=2, tickformat="+.2~f")


def by_slice(
    groups: Mapping[str, int],
    runs: Mapping[str, Sequence[Part]],
    looks: Mapping[str, Look],
    theme: Theme,
    apart: bool = False,
) -> go.Figure:
    """One row a group, named with its number of users, and in it a mark on its interval for each run.

    apart: how far each run is from the reference, which is the line at 0.
    """
    height = _NAME + _MARK * len(runs)
    figure = legend(frame(34 + height * len(groups), theme), [*runs], theme)
    for place, (name, parts) in enumerate(runs.items()):
        look = looks[name]
        figure.add_scatter(
            x=[value for value, _ in parts],
            y=[number + place * _MARK / height for number in range(len(parts))],  # under the name, and each other
            mode="markers",
            name=unmarked(name),
            error_x={"array": [half or 0.0 for _, half in parts], "thickness": 2, "width": 0, "color": look.color},
            marker={"symbol": look.symbol, "size": 10, "color": look.color},
            text=[
                f"{unmarked(group)}: {(gap if apart else metric)(*part)}"
                for group, part in zip(groups, parts, strict=True)
            ],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    ends = [value + side * (half or 0.0) for parts in runs.values() for value, half in parts for side in (-1, 1)]
    low, high = (min([0.0, *ends]), max([0.01, *ends])) if apart else (0.0, max([0.01, *ends]))
    figure.update_xaxes(
        range=[low - 0.03 * (high - low) if apart else 0, high + 0.05 * (high - low)],
        zeroline=True,
        zerolinecolor=theme.soft,
        tickformat="+.2~f" if apart else ".2~f",
        nticks=6,
    )
    figure = rows(figure, [f"{group} · {count:,} users" for group, count in groups.items()], theme)
    return figure.update_yaxes(range=[len(groups) - 1 + _MARK * len(runs) / height, -_NAME / height])


def exchanged(runs: Mapping[str, tuple[int, int]], looks: Mapping[str, Look], theme: Theme) -> go.Figure:
    """One row a run: to the right how many users it wins, to the left how many it loses."""
    figure = frame(56 + ROW * len(runs), theme, margin={"l": 8, "r": 8, "t": 30, "b": 8})
    figure.update_layout(barmode="overlay")
    most = max([1, *(count for pair in runs.values() for count in pair)])
    for row, (name, (won, lost)) in enumerate(runs.items()):
        for count, side, word in ((won, 1, "won"), (lost, -1, "lost")):
            figure.add_bar(
                x=[side * count],
                y=[row],
                orientation="h",
                width=0.36,
                marker={"color": looks[name].color, "opacity": 1 if side > 0 else 0.45},
                hovertemplate=f"{unmarked(name)}: {count:,} {word}<extra></extra>",
            )
            anchor = "left" if side > 0 else "right"
            note(figure, side * count, row, f"{count:,}", xref="x", yref="y", xanchor=anchor, xshift=6 * side)
    for side, word, anchor in ((-1, "loses ◂", "right"), (1, "▸ wins", "left")):
        note(figure, 0, 1, word, xref="x", yref="paper", yanchor="bottom", xanchor=anchor, xshift=6 * side, yshift=4)
    figure.update_xaxes(range=[-1.25 * most, 1.25 * most], visible=False)
    figure.add_shape(type="line", x0=0, x1=0, y0=0, y1=1, yref="paper", line={"color": theme.soft, "width": 1})
    return rows(figure, [*runs], theme)


def _grouped(
    groups: Mapping[str, int],
    runs: Mapping[str, Sequence[Part]],
    looks: Mapping[str, Look],
    theme: Theme,
    written: Callable[[float, float | None], str],
) -> go.Figure:
    figure = legend(frame(330, theme), [*runs], theme)
    labels = [unmarked(group) for group in groups]
    for place, (name, parts) in enumerate(runs.items()):
        look = looks[name]
        aside = 0.36 * (place / max(1, len(runs) - 1) - 0.5)  # so that the intervals of a group stand beside each other
        figure.add_scatter(
            x=[number + aside for number in range(len(parts))],
            y=[value for value, _ in parts],
            mode="lines+markers",
            name=unmarked(name),
            error_y={"array": [half or 0.0 for _, half in parts], "thickness": 2, "width": 0, "color": look.color},
            line={"color": look.color, "width": 2, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 11, "color": look.color},
            text=[f"{label}: {written(*part)}" for label, part in zip(labels, parts, strict=True)],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    users = [f"{label}<br>{count:,} users" for label, count in zip(labels, groups.values(), strict=True)]
    return figure.update_xaxes(
        tickvals=[*range(len(groups))],
        ticktext=users,
        range=[-0.5, len(groups) - 0.5],
        showgrid=False,
        zeroline=False,
        tickfont={"size": 12, "color": theme.ink},
    )
