"""Holds a session's first chart back until the browser has painted the rest: its library takes the browser seconds."""

from __future__ import annotations

import streamlit as st

from dashboard import guard

# Two frames later what came before is on the screen.
_JS = """
const asked = new WeakSet();

export default function ({ parentElement, setTriggerValue }) {
  if (asked.has(parentElement)) return;
  asked.add(parentElement);
  requestAnimationFrame(() => requestAnimationFrame(() => setTriggerValue("painted", true)));
}
"""
_ask = st.components.v2.component("nmtr_painted", js=_JS)


def waits() -> bool:
    """Whether the session's first chart is to wait: a browser is there, and has painted nothing yet."""
    return not st.session_state.get("painted") and bool(st.context.headers)


def ask() -> None:
    """Have the page drawn again once it is painted; stands at its end."""
    if waits():
        _ask(key="painted_bar", on_painted_change=guard.callback(_painted), height=0)


def _painted() -> None:
    st.session_state["painted"] = True
