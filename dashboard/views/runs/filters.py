"""Which runs are shown: by words, by tags, with or without those that were put aside."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from nmtr.runs.labels import found, tags_of
from nmtr.runs.store import Run


def chosen(runs: Sequence[Run]) -> list[Run]:
    """The row of filters, with no more of them than there is to filter by; and the runs that pass."""
    tags, aside = tags_of(runs), sum(run.archived for run in runs)
    with st.container(horizontal=True, vertical_alignment="bottom", key="run_filters"):
        search = st.text_input(
            "Find", key="runs_find", placeholder="a name, a tag, a method, an id …", width=320, icon=":material/search:"
        )
        wanted = st.multiselect("With all of these tags", tags, key="runs_tags", width=320) if tags else []
        archived = bool(aside) and st.toggle(f"Archived ({aside:,})", key="runs_archived")
    return found(runs, search, wanted, archived)
