"""Notices that the browser shows another theme than the one that the page was drawn for, and has it drawn again.

Figures are drawn on the server, for the theme of the moment. It changes with the operating system's or by the settings
menu; Streamlit then changes its own colors and runs nothing.
"""

from __future__ import annotations

import streamlit as st

from dashboard import guard
from dashboard.widgets import figures

# Streamlit calls this at each change of theme or data. It asks once a change, so that a server that cannot follow is
# not asked for ever.
_JS = """
const asked = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const shown = getComputedStyle(parentElement.host).colorScheme;
  if (shown === data.drawn) asked.delete(parentElement);
  else if (asked.get(parentElement) !== shown) {
    asked.set(parentElement, shown);
    setTriggerValue("shown", shown);
  }
}
"""

_watch = st.components.v2.component("nmtr_theme", js=_JS)


def watch_theme() -> None:
    """Run the page again whenever what it shows was drawn for another theme; nothing is to be seen of it."""
    _watch(
        key="theme",
        data={"drawn": "dark" if figures.theme().dark else "light"},
        on_shown_change=guard.callback(lambda: None),
        height=0,
    )
