"""How runs fare with groups of shoppers: who bought little beside who bought much, or who buys what."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.findings import sparsity_finding
from dashboard.glossary import help_for
from dashboard.text import and_list, gap, metric, p_value, past, plain, share
from dashboard.views.compare import choosing, moves, slices
from dashboard.views.compare.choosing import Choice, part
from dashboard.widgets import figures
from nmtr.compare import Interval, Sparse, Sparsity

DROP = "richest → sparsest"
PROMISE = "Here you will see how runs fare with groups of shoppers: who bought little, or who buys what."


def page() -> None:
    choice = choosing.choose(PROMISE)
    if choice is None:
        return
    moves.leave_if_asked()
    by = slices.pick(choice)
    if by == slices.MOVES:
        moves.show(choice)
        return
    if by != slices.PURCHASES:
        slices.show(choice, by)
        return
    with st.skeleton(height=420):
        table = choosing.sparsity(choice)
    looks = charts.looks([entry.name for entry in table.entries], table.reference)
    groups = {group.name: group.users for group in table.groups}
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        figures.figure(
            sparsity_finding(table),
            f"{table.metric} by how many {plain(table.target)} pairs a shopper has in training, 95 % intervals",
            charts.by_group(groups, _values(table), looks, figures.theme()),
            "groups",
            choice.where,
        )
    with right, st.container(border=True, height="stretch"):
        _differences(choice, table, groups, looks)
    _tables(table)
    choosing.code(choice, "sparsity", " --by sparsity")


def _values(table: Sparsity) -> dict[str, list[tuple[float, float | None]]]:
    return {entry.name: [part(score) for score in entry.groups] for entry in table.entries}


def falls(table: Sparsity) -> str:
    """How much of its value that costs the best, and the reference."""
    if len(table.groups) < 2:
        return f"{table.metric} of the one group that there is"
    first = max(table.entries, key=lambda entry: entry.groups[0].value)
    shown = [first, *(entry for entry in table.entries if entry.name == table.reference != first.name)]
    said = [
        f"{plain(entry.name)} {'loses' if entry.drop.value >= 0 else 'gains'} {_drop(entry.drop)}"
        for entry in shown
        if entry.drop is not None
    ]
    bought, few, many = plain(past(table.target)), plain(table.groups[0].name), plain(table.groups[-1].name)
    way = f"From shoppers who {bought} {many} to those who {bought} {few}"
    return f"{way}, {and_list(said)}" if said else f"{table.metric} by group"


def _differences(choice: Choice, table: Sparsity, groups: dict[str, int], looks: dict[str, charts.Look]) -> None:
    """How far each is from the reference, group by group."""
    others = [entry for entry in table.entries if entry.name != table.reference]
    if not others:
        choosing.alone("where they are apart")
        return
    best = max(others, key=lambda entry: entry.groups[0].value)
    difference = best.groups[0].difference
    assert difference is not None, "it is not the reference"
    p = f" ({p_value(difference.p)})" if difference.p is not None else ""
    figures.figure(
        f"There, {plain(best.name)} is {gap(difference.value, difference.half_width)} "
        f"{'over' if difference.value >= 0 else 'to'} {plain(table.reference)}{p}",
        f"difference to {plain(table.reference)} over the same shoppers; p corrected by Holm for all models and groups",
        charts.differences(groups, {e.name: _apart(e) for e in others}, looks, figures.theme()),
        "differences",
        choice.where,
    )


def _apart(entry: Sparse) -> list[tuple[float, float | None]]:
    return [part(score.difference) for score in entry.groups if score.difference is not None]


def _tables(table: Sparsity) -> None:
    names = [f"{group.name} (n {group.users:,})" for group in table.groups]
    values = [_row(entry, names) for entry in table.entries]
    right: dict[str, Any] = {
        name: st.column_config.TextColumn(alignment="right", help=help_for("interval")) for name in names
    }
    right[DROP] = st.column_config.TextColumn(
        alignment="right", help="how the value changes from the richest group to the sparsest, as a share of it"
    )
    with st.container(gap=None):
        st.markdown(f"##### {falls(table)}")
        st.caption(f"{table.metric} by group, the sparsest first; n: users")
    st.dataframe(pd.DataFrame(values), hide_index=True, column_config=right, alt=f"{table.metric} by group")
    others = [entry for entry in table.entries if entry.name != table.reference]
    if others:
        st.markdown(f"##### Difference to {plain(table.reference)}")
        rows = [
            {"model": entry.name, **dict(zip(names, map(choosing.difference, entry.groups), strict=True))}
            for entry in others
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=right, alt="Differences by group")
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(table.rows(), f"sparsity-{table.data}-{table.protocol}.csv")
        st.caption("Groups are the paper's where the data allows them (5–8, 9–12, 13–16, 17–20, > 20), else fifths.")


def _row(entry: Sparse, names: list[str]) -> dict[str, Any]:
    values = [metric(score.value, score.half_width) for score in entry.groups]
    drop = "–" if entry.drop is None else f"{'−' if entry.drop.value >= 0 else '+'}{_drop(entry.drop)}"
    return {"model": entry.name, **dict(zip(names, values, strict=True)), DROP: drop}


def _drop(drop: Interval) -> str:
    """Its size, with half an interval: ``23 % ± 4 %``."""
    return share(abs(drop.value)) + (f" ± {share(drop.half_width)}" if drop.half_width is not None else "")


page()
