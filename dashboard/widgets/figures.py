"""A figure under its finding, with what it measures and where its data is from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts
from dashboard.text import plain
from nmtr.csv_text import csv_text
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run


def theme() -> charts.Theme:
    """The colors that the browser shows."""
    return charts.DARK if st.context.theme.type == "dark" else charts.LIGHT


def source(info: DatasetInfo | None, run: Run | None = None) -> str:
    """What stands beside every figure: data set · protocol · run, and whether the data is invented.

    info: None of a run whose data set is gone.
    """
    parts = [plain(info.name)] if info is not None else []
    if run is not None:
        parts = [plain(run.config.data), run.config.protocol, f"{run.config.label} {run.id}"]
    if info is not None and info.synthetic:
        parts.append("synthetic demo data")
    return " · ".join(parts)


def figure(
    title: str, measure: str, drawing: go.Figure, key: str, where: str, on_click: Callable[[], None] | None = None
) -> None:
    """A figure under its finding; the measure and where the data is from below that.

    on_click: called when a mark is clicked; `clicked` then tells which.
    """
    with st.container(gap=None):
        st.markdown(f"##### {title}")
        st.caption(f"{measure} — {where}")
    shared: dict[str, Any] = {
        "key": key,
        "config": charts.saved_as(key),
        "alt": f"{title}: {measure}".replace("\\", ""),
    }
    if on_click is not None:
        shared |= {"on_select": on_click, "selection_mode": "points"}
    st.plotly_chart(drawing, **shared)


def clicked(key: str) -> str | None:
    """The key of the mark that was clicked in a figure; None where none was."""
    event = st.session_state.get(key) or {}
    points = event.get("selection", {}).get("points", [])
    return str(points[0]["customdata"][0]) if points and points[0].get("customdata") else None


def export(rows: pd.DataFrame | Sequence[dict[str, Any]], file: str, label: str = "CSV") -> None:
    """Every figure of the page as CSV, written when it is asked for."""
    st.download_button(
        label,
        lambda: csv_text(rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows),
        file_name=file,
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
