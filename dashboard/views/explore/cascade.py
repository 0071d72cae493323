"""One score taken apart along the cascade: the picture, the sum part by part, the table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, selection
from dashboard.charts.behaviors import cues
from dashboard.findings import stage_rows
from dashboard.text import measure, plain
from dashboard.widgets import cascade, chances, empty, figures, pickers, why_not
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation
from nmtr.opening import first_shopper
from nmtr.runs.store import Run


def page() -> None:
    info = selection.current_data()
    if info is None:
        empty.no_data("Here you will see one score taken apart, step by step from the first behavior to the last.")
        return
    run = selection.current_run(info)
    if run is None:
        empty.no_run(info)
        return
    user = address.selected("user") or first_shopper(cache.dataset(info))
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        pickers.pick_run(info, run)
        pickers.pick_user(info, user)
        picker = st.container()
    if run.config.method != "nmtr":
        empty.no_cascade(info, run)
        return
    with st.skeleton(height=420):
        item = address.selected("item") or cache.recommendations(run.id, user, 1).items[0].item
        explanation = cache.explanation(run.id, user, item)
    with picker:
        pickers.pick_item(info, item)
    address.show(data=info.name, run=run.id, user=user, item=item)
    _draw(info, run, explanation)
    chances.wait(run)


def _draw(info: DatasetInfo, run: Run, explanation: Explanation) -> None:
    left, right = st.columns([1.25, 1], gap="large")
    with left, st.container(border=True):
        cascade.cascade(explanation, info, run, key="cascade")
        st.caption(
            f"{'★ This is the held-out ' + plain(info.behaviors[-1]) + '. ' if explanation.held_out else ''}"
            "Each bar grows from what the stage before left; the pale part is inherited. "
            "“Own” is what this shopper and this item make of each other, “item” how often the item is chosen by all."
        )
        cascade.about_item(run, explanation)
    with left:
        why_not.show(info, run, explanation)
    rows = pd.DataFrame(stage_rows(explanation)).dropna(axis="columns", how="all")
    with right:
        figures.figure(
            plain(cascade.sum_finding(explanation)),
            "the score, part by part; hatched: item bias",
            charts.waterfall(explanation, cues(info.behaviors), figures.theme()),
            "waterfall",
            figures.source(info, run),
        )
        number = st.column_config.NumberColumn(format="%+.4f")
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                **dict.fromkeys(("inherits", "own part", "item bias", measure(explanation)), number),
                "chance": st.column_config.NumberColumn(
                    format="%.5f", help="that the shopper's next one of this behavior is of this item"
                ),
                "of those before": st.column_config.NumberColumn(
                    format="%.2f", help="of those who get as far as the stage before, how many get as far as this one"
                ),
                "rank": st.column_config.NumberColumn(format="localized"),
            },
            alt="Each stage's parts and their sum",
        )
        figures.export(rows, f"cascade-{run.id}.csv")


page()
