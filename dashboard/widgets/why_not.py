"""Why an item is not among the first of a shopper's list: what it lacks, stage by stage."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, cache, guard
from dashboard.text import item_name, measure, plain, signed
from dashboard.widgets import figures, painted
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation
from nmtr.runs.store import Run
from nmtr.whynot import Shortfall

FIRST = 10
OFFERED = 2_000  # items that are offered by name; more would be sent to the browser with each shopper


def ask(info: DatasetInfo, run: Run, user: str) -> None:
    """A field for an item that is missing in the list; its cascade says why."""
    if (item := st.session_state.pop("why_not_item", None)) is not None:
        address.go("cascade", run=run.id, user=user, item=item)

    def asked() -> None:  # a callback cannot leave the page itself
        st.session_state["why_not_item"] = (st.session_state["why_not"] or "").strip() or None

    if painted.waits():  # until the list is there
        return
    if info.items > OFFERED:
        st.text_input("Why not …?", key="why_not", placeholder="an item's id", on_change=guard.callback(asked))
        return
    names = cache.item_names(info)
    st.selectbox(
        "Why not …?",
        [*names],
        key="why_not",
        index=None,
        placeholder="an item that is missing here",
        format_func=lambda label: names.get(label, label),
        filter_mode="contains",
        on_change=guard.callback(asked),
    )


def show(info: DatasetInfo, run: Run, explanation: Explanation) -> None:
    """What the item lacks beside the last of the first ten; nothing of one that is there, or was bought."""
    with st.skeleton(height=200):
        short = cache.why_not(run.id, explanation, FIRST)
    if short is None:
        return
    with st.container(border=True):
        with st.container(gap=None):
            st.markdown(f"##### {finding(explanation, short)}")
            st.caption(
                f"beside {plain(item_name(short.title, short.item))}, which is at place {short.first} with "
                f"{signed(short.score)} — {figures.source(info, run)}"
            )
        number = st.column_config.NumberColumn(format="%+.2f")
        rows = [
            {"stage": one.behavior, "own part": one.own, "item bias": one.bias, "together": one.together}
            for one in short.stages
        ]
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config=dict.fromkeys(("own part", "item bias", "together"), number),
            alt="What the item lacks, stage by stage",
        )
        st.caption("How much less each part gives this item, as it counts in the last score; below 0: more.")


def finding(explanation: Explanation, short: Shortfall) -> str:
    """How much is lacking, and at which stage most of it."""
    unit = " in log-odds" if measure(explanation) == "log-odds" else ""
    lacks = f"To be among the first {short.first} it lacks {short.lacks:.2f}{unit}"
    if len(short.stages) < 2:
        return lacks
    most = max(short.stages, key=lambda one: one.together)
    part = "what this shopper makes of it" if most.own >= most.bias else "how often all choose it"
    return f"{lacks}, most of it at the {plain(most.behavior)}: {part}"
