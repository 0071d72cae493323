"""The selects for data set, run and shopper, and how runs are named in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard import address, cache, guard, selection
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run


def pick_data(info: DatasetInfo, width: int | Literal["stretch"] = 170) -> None:
    st.session_state["pick_data"] = info.name
    st.selectbox(
        "Data set",
        cache.workspace().data.names(),
        key="pick_data",
        on_change=guard.callback(lambda: address.select(data=st.session_state["pick_data"])),
        width=width,
    )


def run_name(run: Run) -> str:
    return f"{run.config.label} · {run.config.protocol} · {run.id}"


def short_names(runs: Sequence[Run]) -> list[str]:
    """A name for each run: its model, and its id where another of them has the same."""
    times = Counter(run.config.label for run in runs)
    return [f"{run.config.label} · {run.id}" if times[run.config.label] > 1 else run.config.label for run in runs]


def pick_run(info: DatasetInfo, run: Run) -> None:
    runs = {other.id: other for other in [*selection.finished_runs(info)]}
    st.session_state["pick_run"] = run.id
    st.selectbox(
        "Model",
        list(runs),
        key="pick_run",
        format_func=lambda run_id: run_name(runs[run_id]),
        on_change=guard.callback(lambda: address.select(run=st.session_state["pick_run"])),
        width=290,
    )


def pick_user(info: DatasetInfo, user: str | None, nobody: bool = False) -> None:
    """The select of shoppers; nobody: whether it offers None too, a shopper who has done nothing yet."""
    labels = [*([""] if nobody else []), *cache.user_labels(info)]  # no user is called so
    st.session_state["pick_user"] = user or ""
    st.selectbox(
        "Shopper",
        labels if info.users <= cache.SUGGESTIONS or not user or user in labels else [user, *labels],
        key="pick_user",
        format_func=lambda label: label or "nobody yet",
        accept_new_options=info.users > cache.SUGGESTIONS,
        filter_mode="contains",
        on_change=guard.callback(lambda: address.select(user=st.session_state["pick_user"] or None, item=None)),
        width=170,
    )


def pick_item(info: DatasetInfo, item: str | None) -> None:
    """The item that is looked at; where none is, the select is empty."""
    names = cache.item_names(info)
    st.session_state["pick_item"] = item
    st.selectbox(
        "Item",
        [*names] if item is None or item in names else [item, *names],
        key="pick_item",
        index=None,
        placeholder="all items",
        format_func=lambda label: names.get(label, label),
        filter_mode="contains",
        accept_new_options=info.items > cache.SUGGESTIONS,
        on_change=guard.callback(lambda: address.select(item=st.session_state["pick_item"])),
        width=360,
    )
