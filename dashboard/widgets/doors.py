"""Where to go from the first page and from the end of the tour."""

from __future__ import annotations

import streamlit as st

from dashboard import address
from nmtr.data.library import DatasetInfo


def doors(info: DatasetInfo) -> None:
    """Explore a shopper, explore an item, bring your data."""
    with st.grid(3, min_column_width=240, key="doors"):
        _door(
            "Explore a shopper", "What they did, what they would buy next, and why.", "Show a shopper", "shopper", info
        )
        _door("Explore an item", "Who may buy it next, and where it gets stuck.", "Show an item", "item", info)
        _door("Bring your data", "A file of who did what with which item is enough.", "Add your data", "add", info)


_ICONS = {"shopper": "person_search", "item": "category", "add": "upload_file"}


def _door(title: str, text: str, button: str, page: str, info: DatasetInfo) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown(f"##### {title}")
        st.markdown(text)
        if st.button(button, key=f"to_{page}", icon=f":material/{_ICONS[page]}:"):
            address.go(page, data=info.name)
