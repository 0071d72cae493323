"""One score taken apart along the cascade: the picture, the sum part by part, the table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts, parts, state
from dashboard.cues import cues
from dashboard.words import measure, plain
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation
from nmtr.runs.store import Run


def page() -> None:
    info = state.current_data()
    if info is None:
        parts.no_data("Here you will see one score taken apart, step by step from the first behavior to the last.")
        return
    run = state.current_run(info)
    if run is None:
        parts.no_run(info)
        return
    user = state.selected("user") or state.first_shopper(state.dataset(info))
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        parts.pick_data(info)
        parts.pick_run(info, run)
        parts.pick_user(info, user)
        picker = st.container()
    if run.config.method != "nmtr":
        parts.no_cascade(info, run)
        return
    with st.skeleton(height=420):
        item = state.selected("item") or state.recommendations(run.id, user, 1).items[0].item
        explanation = state.explanation(run.id, user, item)
    with picker:
        _pick_item(info, item)
    state.select(data=info.name, run=run.id, user=user, item=item)
    _draw(info, run, explanation)


def _pick_item(info: DatasetInfo, item: str) -> None:
    names = state.item_names(info)
    st.session_state["pick_item"] = item
    st.selectbox(
        "Item",
        [*names] if item in names else [item, *names],
        key="pick_item",
        format_func=lambda label: names.get(label, label),
        filter_mode="contains",
        accept_new_options=info.items > state.SUGGESTIONS,
        on_change=lambda: state.select(item=st.session_state["pick_item"]),
        width=360,
    )


def _draw(info: DatasetInfo, run: Run, explanation: Explanation) -> None:
    left, right = st.columns([1.25, 1], gap="large")
    with left, st.container(border=True):
        parts.cascade(explanation, info, run, key="cascade")
        st.caption(
            f"{'★ This is the held-out ' + plain(info.behaviors[-1]) + '. ' if explanation.held_out else ''}"
            "Each bar grows from what the stage before left; the pale part is inherited. "
            "“Own” is what this shopper and this item make of each other, “item” how often the item is chosen by all."
        )
    rows = pd.DataFrame(parts.stage_rows(explanation))
    with right:
        parts.figure(
            plain(parts.sum_finding(explanation)),
            "the score, part by part; hatched: item bias",
            charts.waterfall(explanation, cues(info.behaviors), parts.theme()),
            "waterfall",
            parts.source(info, run),
        )
        number = st.column_config.NumberColumn(format="%+.4f")
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                **dict.fromkeys(("inherits", "own part", "item bias", measure(explanation)), number),
                "ŷ": st.column_config.NumberColumn(format="%.4f"),
                "rank": st.column_config.NumberColumn(format="localized"),
            },
            alt="Each stage's parts and their sum",
        )
        st.download_button(
            "CSV",
            rows.to_csv(index=False),
            file_name=f"cascade-{run.id}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


page()
