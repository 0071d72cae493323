"""Runs as files on the Runs page: one to take away, and one that was brought along."""

from __future__ import annotations

import io

import streamlit as st

from dashboard import cache, guard
from dashboard.text import plain
from nmtr.runs.store import Run


def export(run: Run) -> None:
    """The button that saves a finished run as a file; it is made when it is asked for."""

    def content() -> bytes:
        file = io.BytesIO()
        cache.workspace().export_run(run.id, file)
        return file.getvalue()

    st.download_button(
        "Export",
        content,
        file_name=f"nmtr-{run.id}.zip",
        mime="application/zip",
        key=f"export-{run.id}",
        icon=":material/download:",
        on_click="ignore",
        help="One file with options, metrics, ranks, weights and log, to be imported on another machine.",
    )


def take() -> None:
    """Takes a run that was exported elsewhere; a mistake is one sentence and leaves nothing behind."""
    with st.popover("Import a run", icon=":material/upload:", key="import_run"):
        file = st.file_uploader("A file that Export or `nmtr export` wrote", type=["zip"], key="import_file")
        st.button(
            "Import it",
            key="import",
            type="primary",
            disabled=file is None,
            on_click=guard.callback(_import, file),
        )
        st.caption("Everything in it is checked first. Larger ones: `nmtr import FILE` in a terminal.")
    if said := st.session_state.pop("imported", None):
        st.success(said, icon=":material/check_circle:")


def _import(file: io.BytesIO) -> None:
    name = str(getattr(file, "name", "the file"))
    run, new = cache.workspace().import_run(file, name)
    said = f"{plain(run.config.label)} {run.id} {'is imported' if new else 'is here already, as it is in the file'}."
    if not cache.workspace().has_data_of(run):
        said += f" To recommend by it, add data set {plain(run.config.data)} as it was there."
    st.session_state["imported"] = said
