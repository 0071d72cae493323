"""How good a data set's model is, in words: how many of 100 shoppers find their next purchase, and how many
with the best alternative."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, charts
from dashboard.findings import verdict
from dashboard.glossary import help_for
from dashboard.text import plain, thing
from dashboard.widgets import figures
from nmtr.config.methods import METHODS
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run
from nmtr.runs.withheld import said

LARGE = 1_000  # items from which on a hundred of them are a short list


def standing(info: DatasetInfo, run: Run) -> None:
    """The model of the data set against the best of all others that are not NMTR."""
    if run.id in cache.workspace().runs.withheld([run]):
        st.markdown(f"##### How good {plain(run.config.label)} is stays hidden")
        st.markdown(f"Of this run, {plain(said(run))}")
        return
    metric = "HR@100" if info.items >= LARGE else "HR@10"
    with st.skeleton(height=140):
        board = cache.against_best(info, run, metric)
    title, sentences = verdict(board, run)
    words = help_for("held-out purchase", "hit at k", "best alternative", "interval", run.config.protocol)
    methods = [METHODS[cache.workspace().runs.get(entry.runs[0]).config.method] for entry in board.entries]
    st.markdown(f"##### {title}", help="\n\n".join([words, *(f"**{one.label}**: {one.about}" for one in methods)]))
    st.markdown("  \n".join(sentences))
    st.caption(
        f"{metric} of {board.test_users:,} shoppers with a held-out {thing(board.target)} — {figures.source(info, run)}"
    )
    if len(board.entries) > 1:
        looks = charts.looks([entry.name for entry in board.entries], board.reference)
        rows = [
            charts.Measured(
                entry.test[metric].value,
                entry.test[metric].half_width or 0.0,
                entry.name,
                entry.name == board.reference,
                looks[entry.name],
            )
            for entry in board.entries
        ]
        drawn = charts.intervals(rows, figures.theme())
        st.plotly_chart(
            drawn,
            key="standing",
            config=charts.saved_as("standing"),
            alt=" ".join([title, *sentences]).replace("\\", ""),
        )
    figures.export(board.rows(), f"standing-{run.id}.csv")
    if len(board.entries) == 1:
        if st.button("Train an alternative", key="train_alternative", icon=":material/play_arrow:"):
            address.go("train", data=info.name, run=None)
    elif st.button("Compare all models", key="to_compare", icon=":material/leaderboard:"):
        address.go("compare", data=info.name)
