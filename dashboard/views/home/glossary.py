"""Every word of the pages in plain words, with its symbol."""

from __future__ import annotations

import streamlit as st

from dashboard.glossary import GLOSSARY, matching
from dashboard.text import count, plain
from dashboard.widgets import figures


def page() -> None:
    st.markdown("##### What the words on these pages mean")
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        asked = st.text_input("Search", key="glossary_search", placeholder="a word or symbol", width=280)
        figures.export([{"word": word, **entry._asdict()} for word, entry in GLOSSARY.items()], "words.csv")
    found = matching(asked)
    if not found:
        st.caption(f"No word here has “{plain(asked)}” in it.")
        return
    if asked:
        st.caption(count(len(found), "word", "words"))
    with st.grid(2, min_column_width=320):
        for word, entry in sorted(found.items(), key=lambda pair: pair[0].lower()):
            with st.container(gap=None):
                symbol = f" · {entry.symbol}" if entry.symbol and entry.symbol != word else ""
                st.markdown(f"**{word}**{symbol}  \n{entry.means}")


page()
