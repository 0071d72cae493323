"""What is selected: the data set, the run and the shopper that a page opens on, and who is looking."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from dashboard.address import selected
from dashboard.cache import workspace
from nmtr.config.methods import METHODS
from nmtr.data.library import DatasetInfo
from nmtr.errors import NmtrError, RunError
from nmtr.runs.store import Run


def current_data() -> DatasetInfo | None:
    """The selected data set, else the one that a first view opens on; None where there is none yet.

    Raises NmtrError where the address names one that is not there.
    """
    library = workspace().data
    run = selected("run")
    if run is not None:
        return library.info(workspace().runs.get(run).config.data)
    name = selected("data")
    if name is not None:
        return library.info(name)
    return opening_data()


def opening_data() -> DatasetInfo | None:
    """What a visitor who selected nothing sees: that of the newest finished run, else the first; None without any."""
    library = workspace().data
    names = library.names()
    for finished in workspace().runs.list("done"):
        if finished.config.data in names:
            with suppress(NmtrError):
                return library.info(finished.config.data)
    for name in names:
        with suppress(NmtrError):  # a damaged one is not what anybody wants to see first
            return library.info(name)
    return None


def finished_runs(info: DatasetInfo) -> list[Run]:
    """The finished runs of a data set as it is now: the pinned one, then other cascades, then the newest."""
    return sorted(workspace().finished(info), key=lambda run: (not run.pinned, run.config.method != "nmtr"))


def current_run(info: DatasetInfo) -> Run | None:
    """The selected finished run of the data set, else the one that speaks for it; None where there is none yet."""
    chosen = selected("run")
    if chosen is not None:
        run = workspace().runs.get(chosen)
        if run.state == "done" and run not in workspace().finished(info):
            raise RunError(
                f"Run {chosen} was trained on another version of data set {info.name}, so its items no longer fit; "
                "train it again or choose another run."
            )
        if run.state == "done":
            return run
    return workspace().model_of(info)


def baselines(run: Run, info: DatasetInfo) -> list[Run]:
    """The runs that this one may be compared with: same data, same protocol; BPR-MF first, cascades last."""
    order = [name for name in METHODS if name != "nmtr"] + ["nmtr"]
    others = [
        other for other in finished_runs(info) if other.config.protocol == run.config.protocol and other.id != run.id
    ]
    return sorted(others, key=lambda other: order.index(other.config.method))


def owner() -> str | None:
    """Who is logged in, where the server has a login; None leaves it to $NMTR_OWNER."""
    email = st.user.get("email")
    return str(email) if email else None
