"""A report for people who do not open this app: models, shoppers and notes as one file."""

from __future__ import annotations

from urllib.parse import quote, unquote

import streamlit as st

from dashboard import address, cache, guard
from dashboard.report import SECTIONS, Request, write
from dashboard.report.request import MOST_NOTE, MOST_SHOPPERS, MOST_TITLE
from dashboard.text import plain
from dashboard.views.compare import choosing
from dashboard.views.compare.choosing import Choice
from nmtr.data.library import DatasetInfo
from nmtr.opening import first_shopper

PROMISE = "Here you will make one file of what your models found, for people who do not open this app."
OFFERED = [name for name in SECTIONS if name != "suites"]  # whose results are files of whoever ran them


def page() -> None:
    choice = choosing.choose(PROMISE)
    if choice is None:
        return
    asked, made = st.columns([1, 1.4], gap="medium")
    with asked, st.container(border=True):
        st.markdown("##### What goes into the report")
        request = _request(choice)
        wanted = st.button("Make the report", key="make_report", type="primary", icon=":material/description:")
    with made:
        _made(request, wanted)


def _request(choice: Choice) -> Request:
    title = st.text_input(
        "Title", key="report_title", max_chars=MOST_TITLE, placeholder="the first model and the data set"
    )
    sections = _sections()
    shoppers = _shoppers(choice.info) if "shoppers" in sections else ()
    notes = {}
    with st.expander("Your own words", icon=":material/edit_note:"):
        for name in sections:
            notes[name] = st.text_area(SECTIONS[name], key=f"report_note_{name}", max_chars=MOST_NOTE, height=80)
    return Request(
        runs=choice.runs,
        reference=choice.reference,
        shoppers=shoppers,
        sections=sections,
        title=title.strip(),
        notes={name: text.strip() for name, text in notes.items() if text.strip()},
        metric=choice.metric,
    )


def _sections() -> tuple[str, ...]:
    asked = (address.selected("sections") or "").split(",")
    st.session_state["report_sections"] = [name for name in OFFERED if name in asked] or OFFERED

    def picked() -> None:
        chosen = [name for name in OFFERED if name in st.session_state["report_sections"]]
        address.select(sections=None if chosen == OFFERED else ",".join(chosen) or None)

    chosen = st.pills(
        "Sections",
        OFFERED,
        selection_mode="multi",
        format_func=SECTIONS.__getitem__,
        key="report_sections",
        on_change=guard.callback(picked),
    )
    return tuple(name for name in OFFERED if name in chosen)


def _shoppers(info: DatasetInfo) -> tuple[str, ...]:
    """The shoppers whose lists are shown: of the address, else the one that pages open on."""
    asked = address.selected("shoppers")
    labels = cache.user_labels(info)
    first = address.selected("user") or first_shopper(cache.dataset(info))
    chosen = [first] if asked is None else [unquote(label) for label in asked.split(",") if label][:MOST_SHOPPERS]
    st.session_state["report_shoppers"] = chosen

    def picked() -> None:
        address.select(shoppers=",".join(quote(label, safe="") for label in st.session_state["report_shoppers"]))

    picks = st.multiselect(
        "Shoppers",
        [*dict.fromkeys([*chosen, *labels])],
        key="report_shoppers",
        max_selections=MOST_SHOPPERS,
        accept_new_options=info.users > cache.SUGGESTIONS,
        on_change=guard.callback(picked),
    )
    return tuple(picks)


def _made(request: Request, wanted: bool) -> None:
    """The report that was made last, and whether it is still what is asked for."""
    if wanted:
        with st.skeleton(height=520):
            st.session_state["report"] = (request, write(cache.workspace(), request))
    if "report" not in st.session_state:
        st.markdown("##### One file, no network")
        st.markdown(
            "The report is a web page of its own. It opens on any computer without a network, prints to PDF, and holds "
            "every figure with its numbers, its interval, the data and the way to make it again."
        )
        return
    asked, text = st.session_state["report"]
    if asked != request:
        st.caption("You changed what goes into it since; make it again to have that.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Download ({len(text.encode()) / 1e6:.1f} MB)",
            text,
            file_name=f"report-{asked.runs[0]}.html",
            mime="text/html",
            icon=":material/download:",
            on_click="ignore",
            key="report_download",
        )
        st.caption(f"about {plain(asked.runs[0])}; to have a PDF, open it and print it.")
    st.iframe(text, height=720)


page()
