"""What a page says where there is nothing to show yet, and the one button that gets there."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, selection
from dashboard.text import plain
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run


def empty(title: str, text: str, button: str, page: str, icon: str) -> None:
    """What a page will show, and the one button that gets there."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("small")
        st.subheader(title, anchor=False, text_alignment="center")
        st.markdown(text, text_alignment="center", width=560)
        if st.button(button, type="primary", icon=icon, key="empty_go"):
            address.go(page)
        st.space("small")


def no_data(promise: str) -> None:
    """What the page will show once there is a data set."""
    empty(
        "No data set yet",
        promise,
        "Add a data set",
        "add",
        ":material/add:",
    )


def no_run(info: DatasetInfo) -> None:
    live = [run for run in cache.workspace().runs.list("queued", "running") if run.config.data == info.name]
    if live:
        empty(
            "A model is being trained",
            f"{live[0].config.label} on {plain(info.name)}: its recommendations will be here when it is done.",
            "Watch it",
            "train",
            ":material/monitoring:",
        )
    else:
        empty(
            f"No trained model on {plain(info.name)} yet",
            "Train one, and its recommendations and the cascade behind each of them will be here.",
            "Train a model",
            "train",
            ":material/play_arrow:",
        )


def no_cascade(info: DatasetInfo, run: Run) -> None:
    """Why there is no cascade, and the one button that gets to a run that has one."""
    st.markdown(f"##### {run.config.label} has no cascade")
    st.markdown("Its score is one number, so there are no stages to take apart.")
    others = [other for other in selection.finished_runs(info) if other.config.method == "nmtr"]
    if others:
        if st.button(f"Show it with {others[0].config.label}", icon=":material/stairs_2:", key="with_cascade"):
            address.select(run=others[0].id)
            st.rerun()
    elif st.button("Train a cascade", icon=":material/play_arrow:", key="train_cascade"):
        address.go("train", run=None)
