"""The command and the Python that make what a page shows."""

from __future__ import annotations

import streamlit as st


def code(command: str, python: str) -> None:
    """Both, folded, to be copied."""
    with st.expander("The code that makes this", icon=":material/code:"):
        st.code(command, language="bash", wrap_lines=True)
        st.code(python, language="python", wrap_lines=True)
