"""The front door: what this is, the data set as a cascade, how good its model is, and where to begin."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.glossary import help_for
from dashboard.text import count, in_line, past, plain
from dashboard.widgets import doors, empty, pickers, queue, standing
from dashboard.widgets.funnel import funnel
from nmtr import demo
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run

WATCHED = 3  # runs that train, at most, that are named


def page() -> None:
    address.forward()
    info = selection.current_data()
    st.title("What will each shopper buy next?", anchor=False)
    st.markdown(
        "NMTR Studio learns it from everything that shoppers do: what they look at tells what they put into the cart, "
        "and that tells what they buy. It lists items for each shopper, says why each is there, and how often it is "
        "right.",
        width=860,
    )
    if info is None:
        _nothing_yet()
        return
    address.show(data=info.name)
    if len(cache.workspace().data.names()) > 1:
        with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
            pickers.pick_data(info)
    if st.button("Take the tour: six steps", type="primary", key="to_tour", icon=":material/signpost:"):
        address.go("tour", data=info.name, step="1")
    left, right = st.columns([1, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        _funnel(info)
    with right, st.container(border=True, height="stretch"):
        _model(info)
    doors.doors(info)
    _training()


def _funnel(info: DatasetInfo) -> None:
    """The data set, and that the model goes the same way."""
    funnel(info)
    lower, target = info.behaviors[:-1], info.behaviors[-1]
    if lower:
        rest = f", and so on to what is {plain(past(target))}." if len(lower) > 1 else "."
        st.markdown(
            f"The model goes the same way: what was {plain(past(lower[0]))} helps to predict what is "
            f"{plain(past(info.behaviors[1]))}{rest}",
            help=help_for("cascade", "behavior"),
        )


def _model(info: DatasetInfo) -> None:
    run = cache.workspace().model_of(info)
    if run is None:
        empty.no_run(info)
    else:
        standing.standing(info, run)


# What trains now


def _training() -> None:
    """What trains now; once the last is done the whole page is drawn anew, with what it found."""
    trains = bool(cache.workspace().runs.list("running", "queued"))

    @st.fragment(run_every=5.0 if trains else None)
    def panel() -> None:
        with guard.guarded():
            live = cache.workspace().runs.list("running", "queued")
            if bool(live) != trains:
                st.rerun()
            _now(live)

    panel()


def _now(live: Sequence[Run]) -> None:
    if not live:
        st.caption("Nothing trains at the moment.")
        return
    train = [run for run in live if run.state == "running"]
    waits = count(len(live) - len(train), "waits", "wait")
    st.markdown(f"##### {count(len(train), 'run trains', 'runs train')} now, {waits}")
    for run in [*train, *(run for run in live if run not in train)][:WATCHED]:
        _line(run)


def _line(run: Run) -> None:
    place = queue.places().get(run.id)
    where = "" if place is None else f": {in_line(place)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{plain(run.config.label)} on {plain(run.config.data)}{where}")
        if st.button("Watch", key=f"watch_{run.id}", icon=":material/monitoring:", help=f"Watch run {run.id}"):
            address.go("train", data=run.config.data, run=run.id)


# An empty home


def _nothing_yet() -> None:
    with st.grid(2, min_column_width=280):
        with st.container(border=True, height="stretch"):
            st.markdown("##### Look around in a demo shop")
            st.markdown("A made-up shop with trained models: everything here works on it at once.")
            if st.button("Open the demo", key="open_demo", type="primary", icon=":material/storefront:"):
                with st.spinner("Bringing the demo"):
                    demo.install(cache.workspace(), again=True)
                address.go("home", data=demo.NAME)
        with st.container(border=True, height="stretch"):
            st.markdown("##### Bring your data")
            st.markdown("A file of who did what with which item is enough: CSV, Parquet, or a log of events.")
            if st.button("Add a data set", key="empty_go", icon=":material/upload_file:"):
                address.go("add")


page()
