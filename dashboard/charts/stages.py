"""The cascade drawn: its picture for one score, the sum part by part, and the sketch of what will be trained."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.base import Text, Theme, frame, note, notes
from dashboard.charts.behaviors import Cues
from dashboard.text import measure, odds, signed, stage_sum, unmarked
from nmtr.explain import Explanation


def cascade(explanation: Explanation, cue: Cues, theme: Theme) -> go.Figure:
    """One row a stage: its bar grows from what the stage before left, so that the eye sees inheritance."""
    stages = explanation.stages
    rows = [float(len(stages) - 1 - r) for r in range(len(stages))]
    figure = frame(52 + 88 * len(stages), theme, barmode="overlay")
    values = [0.0, *(stage.logit for stage in stages)]
    low, high = min(values), max(values)
    pad = max(0.12 * (high - low), 0.15)
    small = {"size": 12, "color": theme.soft}
    texts: list[Text] = []
    for r, (stage, row) in enumerate(zip(stages, rows, strict=True)):
        look = cue[stage.behavior]
        if r:
            before = cue[stages[r - 1].behavior]
            figure.add_bar(
                x=[stage.inherited],
                y=[row],
                orientation="h",
                width=0.17,
                marker_color=before.color,
                opacity=0.32,
                hovertemplate=f"inherits {signed(stage.inherited)}<extra></extra>",
            )
            step = {"x0": stage.inherited, "x1": stage.inherited, "y0": rows[r - 1], "y1": row}
            figure.add_shape(
                type="line", layer="below", line={"color": before.edge, "width": 1.5, "dash": "dot"}, **step
            )
        figure.add_bar(
            x=[stage.logit - stage.inherited],
            base=[stage.inherited],
            y=[row],
            orientation="h",
            width=0.17,
            marker={"color": look.color, "line": {"color": look.edge, "width": 1}},
            hovertemplate=f"{stage_sum(stage, r == 0)} = {signed(stage.logit)}<extra></extra>",
        )
        figure.add_scatter(
            x=[stage.logit],
            y=[row],
            mode="markers",
            hoverinfo="skip",
            marker={"symbol": look.symbol, "size": 15, "color": look.color, "line": {"color": look.edge, "width": 2}},
        )
        name = f"{look.glyph} <b>{unmarked(stage.behavior)}</b>  {signed(stage.logit)}"
        if stage.chance is not None:
            name += f" · {odds(stage.chance.next)}"
        added = stage_sum(stage, r == 0).replace("  ", " · ")
        # On paper of their own: on a narrow screen the line from stage to stage runs behind them.
        texts.append((0, row + 0.31, name, {"font_size": 15, "bgcolor": theme.paper}))
        texts.append((0, row - 0.27, added, {"font": small, "bgcolor": theme.paper}))
        if stage.rank is not None:
            texts.append((1, row + 0.31, "rank" if r == 0 else "▼", {"xanchor": "right", "font": small}))
            texts.append((1, row, f"<b>{stage.rank + 1:,}</b>", {"xanchor": "right", "font_size": 20}))
        figure.add_shape(type="line", x0=0, x1=0, y0=row - 0.13, y1=row + 0.13, line={"color": theme.soft, "width": 2})
    notes(figure, texts)
    figure.update_xaxes(range=[low - pad, high + pad], domain=[0.0, 0.86], zeroline=False, tickfont_size=12)
    figure.update_xaxes(
        title_text=f"score, in {measure(explanation)}" if measure(explanation) == "log-odds" else "score"
    )
    figure.update_yaxes(visible=False, range=[-0.55, len(stages) - 0.45])
    return figure


def waterfall(explanation: Explanation, cue: Cues, theme: Theme) -> go.Figure:
    """The same sum, part by part: each stage's own interaction, then its item bias (hatched)."""
    figure = frame(300, theme, barmode="overlay", margin={"l": 8, "r": 8, "t": 28, "b": 8})
    at = 0.0
    for stage in explanation.stages:
        look = cue[stage.behavior]
        name = unmarked(stage.behavior)
        for part, value, hatch in (("own", stage.own, ""), ("item", stage.bias, "/")):
            figure.add_bar(
                x=[[name], [f"{part}"]],
                y=[value],
                base=[at],
                text=[signed(value)],
                textposition="outside",
                cliponaxis=False,
                textfont={"size": 12, "color": theme.soft},
                constraintext="none",
                marker={"color": look.color, "line": {"color": look.edge, "width": 1}, "pattern": {"shape": hatch}},
                hovertemplate=f"{name}, {part}: {signed(value)}<extra></extra>",
            )
            at += value
        figure.add_scatter(
            x=[[name], ["sum"]],
            y=[stage.logit],
            mode="markers+text",
            text=[f"<b>{signed(stage.logit)}</b>"],
            textposition="top center",
            textfont_color=theme.ink,
            hovertemplate=f"{name}: {measure(explanation)} {signed(stage.logit)}<extra></extra>",
            cliponaxis=False,
            marker={"symbol": look.symbol, "size": 13, "color": look.color, "line": {"color": look.edge, "width": 2}},
        )
    figure.update_yaxes(title_text=measure(explanation), zeroline=True, zerolinecolor=theme.soft)
    return figure


def sketch(behaviors: Sequence[str], units: Sequence[str], cue: Cues, theme: Theme) -> go.Figure:
    """The cascade as chosen: one box a behavior with its unit, each handing its score to the next."""
    figure = frame(118, theme)
    last = len(behaviors) - 1
    for r, (behavior, unit) in enumerate(zip(behaviors, units, strict=True)):
        look = cue[behavior]
        figure.add_shape(
            type="rect",
            x0=r - 0.34,
            x1=r + 0.34,
            y0=0,
            y1=1,
            line={"color": theme.line(look), "width": 2},
            fillcolor=f"{look.color}47",  # 28 % of it
        )
        name = f"{look.glyph} <b>{unmarked(behavior)}</b>"
        note(figure, r, 0.66, name, xref="x", xanchor="center", font_size=15)
        note(figure, r, 0.3, unit, xref="x", xanchor="center")
        if r < last:
            figure.add_annotation(
                x=r + 0.66,
                ax=r + 0.34,
                y=0.5,
                ay=0.5,
                xref="x",
                yref="y",
                axref="x",
                ayref="y",
                text="",
                showarrow=True,
                arrowhead=2,
                arrowwidth=2,
                arrowcolor=theme.soft,
            )
    figure.update_xaxes(visible=False, range=[-0.45, max(last, 1) + 0.45])
    figure.update_yaxes(visible=False, range=[-0.08, 1.08])
    return figure
