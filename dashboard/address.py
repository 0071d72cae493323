"""What the address bar carries: the selection, so that a link reopens the view; and the way to another page."""

from __future__ import annotations

import streamlit as st

#: Where each page's script is, by its name in the address.
PAGES = {
    "recommend": "views/explore/shopper.py",
    "cascade": "views/explore/cascade.py",
    "train": "views/train/train.py",
    "lab": "views/lab/lab.py",
    "runs": "views/runs/runs.py",
    "compare": "views/compare/compare.py",
    "sparsity": "views/compare/sparsity.py",
    "data": "views/data/data.py",
}
#: What the address bar carries: a link with these reopens the view.
PARAMETERS = ("data", "run", "user", "item")
#: What it carries besides on the pages that compare runs: which, with what, and by which metric.
COMPARING = ("runs", "against", "metric")
#: And on the λ lab: which study, and which of its choices is looked at.
STUDYING = ("study", "point")
ADDRESSED = PARAMETERS + COMPARING + STUDYING


def sync_address(page: str = "") -> None:
    """Let the address bar speak first; where it is silent (a click in the navigation empties it), repeat what was
    selected."""
    more = {"compare": COMPARING, "sparsity": COMPARING, "lab": STUDYING}
    for name in PARAMETERS + more.get(page, ()):
        if name in st.query_params:
            st.session_state[f"selected_{name}"] = st.query_params[name]
        elif f"selected_{name}" in st.session_state:
            st.query_params[name] = st.session_state[f"selected_{name}"]


def selected(name: str) -> str | None:
    return st.session_state.get(f"selected_{name}")


def select(**values: str | None) -> None:
    """Select a data set, run, user or item; None takes the selection back."""
    for name, value in values.items():
        if value is None:
            st.session_state.pop(f"selected_{name}", None)
            st.query_params.pop(name, None)
        else:
            st.session_state[f"selected_{name}"] = value
            if st.query_params.get(name) != value:
                st.query_params[name] = value


def go(page: str, **values: str | None) -> None:
    """Open another page with a selection."""
    select(**values)
    kept = {name: value for name in PARAMETERS if (value := selected(name)) is not None}
    st.switch_page(PAGES[page], query_params=kept)
