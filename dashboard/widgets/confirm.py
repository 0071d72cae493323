"""The two buttons at the end of a dialog that asks before something goes."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import guard


def confirm(verb: str, key: str, keep: str, do: Callable[..., object], *values: object) -> None:
    """`verb` calls `do` with these values, "Keep it" does nothing, and either closes the dialog.

    key, keep: the keys of the two.
    """
    with st.container(horizontal=True):
        done = st.button(verb, key=key, type="primary", icon=":material/delete:", on_click=guard.callback(do, *values))
        if st.button("Keep it", key=keep) or done:
            st.rerun()
