"""What the pages share: the selection that the address bar carries, cached loaders, and the net under every page."""

from __future__ import annotations

import importlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.words import item_name, plain
from nmtr.config.methods import METHODS
from nmtr.data.dataset import Dataset
from nmtr.data.library import DatasetInfo
from nmtr.data.summary import Summary, describe
from nmtr.errors import NmtrError, RunError
from nmtr.explain import Explanation, Fitted, Recommendations, explain, recommend
from nmtr.runs.store import Run
from nmtr.training.report import EpochReport
from nmtr.workspace import Workspace, default_home

logger = logging.getLogger("nmtr.dashboard")

#: What the address bar carries: a link with these reopens the view.
PARAMETERS = ("data", "run", "user", "item")
#: What it carries besides on the pages that compare runs: which, with what, and by which metric.
COMPARING = ("runs", "against", "metric")
#: And on the λ lab: which study, and which of its choices is looked at.
STUDYING = ("study", "point")
SUGGESTIONS = 50_000  # labels that a select offers; more can be typed


# The selection


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
    st.switch_page(f"views/{page}.py", query_params=kept)


# What is selected


def current_data() -> DatasetInfo | None:
    """The selected data set, else that of the newest finished run, else the first; None where there is none yet.

    Raises NmtrError where the address names one that is not there.
    """
    library = workspace().data
    run = selected("run")
    if run is not None:
        return library.info(workspace().runs.get(run).config.data)
    name = selected("data")
    if name is not None:
        return library.info(name)
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
    """The finished runs of a data set as it is now; cascades first, then the newest."""
    runs = [
        run
        for run in workspace().runs.list("done")
        if run.config.data == info.name and run.fingerprint == info.fingerprint
    ]
    return sorted(runs, key=lambda run: run.config.method != "nmtr")


def current_run(info: DatasetInfo) -> Run | None:
    """The selected finished run of the data set, else the first cascade; None where there is none yet."""
    chosen = selected("run")
    runs = finished_runs(info)
    if chosen is not None:
        run = workspace().runs.get(chosen)
        if run.state == "done" and run not in runs:
            raise RunError(
                f"Run {chosen} was trained on another version of data set {info.name}, so its items no longer fit; "
                "train it again or choose another run."
            )
        if run.state == "done":
            return run
    return runs[0] if runs else None


def baselines(run: Run, info: DatasetInfo) -> list[Run]:
    """The runs that this one may be held against: same data, same protocol; BPR-MF first, cascades last."""
    order = [name for name in METHODS if name != "nmtr"] + ["nmtr"]
    others = [
        other for other in finished_runs(info) if other.config.protocol == run.config.protocol and other.id != run.id
    ]
    return sorted(others, key=lambda other: order.index(other.config.method))


def first_shopper(shop: Dataset) -> str:
    """Somebody with enough behind them to look at, the same every time."""
    touched = sum(np.diff(matrix.indptr) for matrix in shop.matrices)
    return str(shop.users[int(np.argsort(touched, kind="stable")[int(0.8 * (shop.num_users - 1))])])


# Loaders: bounded, shared by all sessions, keyed by what can change


def home() -> str:
    return str(default_home())


def workspace() -> Workspace:
    return _workspace(home())


@st.cache_resource(max_entries=4, show_spinner=False)
def _workspace(home: str) -> Workspace:
    return Workspace(Path(home))


def version(info: DatasetInfo) -> str:
    """Other pairs are another version, and so are other titles for the same pairs."""
    return f"{info.fingerprint} {info.created}"


def dataset(info: DatasetInfo) -> Dataset:
    return _dataset(home(), info.name, version(info))


@st.cache_resource(max_entries=3, show_spinner=False)
def _dataset(home: str, name: str, version: str) -> Dataset:
    return _workspace(home).data.load(name)


def summary(info: DatasetInfo) -> Summary:
    return _summary(home(), info.name, version(info))


@st.cache_resource(max_entries=8, show_spinner=False)
def _summary(home: str, name: str, version: str) -> Summary:
    return describe(_dataset(home, name, version))


@st.cache_resource(max_entries=3, show_spinner=False)
def _fitted(home: str, run: str) -> Fitted:
    return _workspace(home).fitted(run)


def recommendations(run: str, user: str, k: int) -> Recommendations:
    return _recommendations(home(), run, user, k)


@st.cache_resource(max_entries=512, show_spinner=False)
def _recommendations(home: str, run: str, user: str, k: int) -> Recommendations:
    return recommend(_fitted(home, run), user, k)


def places(run: str, user: str) -> dict[str, int]:
    """Where each item that the user has not bought stands in the run's list, from 0."""
    return _places(home(), run, user)


@st.cache_resource(max_entries=64, show_spinner=False)
def _places(home: str, run: str, user: str) -> dict[str, int]:
    fitted = _fitted(home, run)
    row = fitted.dataset.user_index(user)
    order = np.argsort(-fitted.scorer.score(np.array([row]))[0], kind="stable")
    known = fitted.split.known
    order = order[~np.isin(order, known.indices[known.indptr[row] : known.indptr[row + 1]])]
    return {label: place for place, label in enumerate(fitted.dataset.items[order].tolist())}


def explanation(run: str, user: str, item: str) -> Explanation:
    return _explanation(home(), run, user, item)


@st.cache_resource(max_entries=512, show_spinner=False)
def _explanation(home: str, run: str, user: str, item: str) -> Explanation:
    return explain(_fitted(home, run), user, item)


def reports(run: Run) -> list[EpochReport]:
    """The run's reports; of those that this session has read, none is read again while the same process trains."""
    read: list[EpochReport]
    process, seconds, read = st.session_state.get("reports", (None, None, []))
    if process != (run.id, run.process_started):
        seconds, read = None, []
    if seconds != run.seconds:  # else none has come since
        read = [*read, *workspace().runs.reports(run.id, since=len(read))]
    st.session_state["reports"] = ((run.id, run.process_started), run.seconds, read)
    return read


def owner() -> str | None:
    """Who is logged in, where the server has a login; None leaves it to $NMTR_OWNER."""
    email = st.user.get("email")
    return str(email) if email else None


def item_names(info: DatasetInfo) -> dict[str, str]:
    """What the item select shows for each label: the title first, where there is one."""
    return _item_names(home(), info.name, version(info))


@st.cache_resource(max_entries=3, show_spinner=False)
def _item_names(home: str, name: str, version: str) -> dict[str, str]:
    shop = _dataset(home, name, version)
    titles = [shop.title(item) for item in range(min(shop.num_items, SUGGESTIONS))]
    labels = shop.items[:SUGGESTIONS].tolist()
    return {
        label: f"{title} · {label}" if title else item_name(None, label)
        for label, title in zip(labels, titles, strict=True)
    }


@st.cache_resource(max_entries=3, show_spinner=False)
def _user_labels(home: str, name: str, version: str) -> list[str]:
    labels: list[str] = _dataset(home, name, version).users[:SUGGESTIONS].tolist()
    return labels


def user_labels(info: DatasetInfo) -> list[str]:
    return _user_labels(home(), info.name, version(info))


# The net under every page


@contextmanager
def guarded() -> Iterator[None]:
    """Show a user's mistake as its sentence, and anything else as a reference to the log; never a traceback."""
    try:
        yield
    except NmtrError as error:
        st.error(plain(str(error)), icon=":material/error:")
        if any(name in st.query_params for name in PARAMETERS + COMPARING + STUDYING):
            st.button("Start from the first view", on_click=_forget, icon=":material/restart_alt:")
    except Exception:
        reference = secrets.token_hex(3)
        logger.exception("reference %s", reference)
        st.error(
            f"Something failed here that should not have. Reload the page; if it happens again, look for reference "
            f"**{reference}** in the server's log.",
            icon=":material/error:",
        )


def attempt(action: Callable[..., object], *arguments: object) -> None:
    """Do what a button asks for; a mistake becomes a sentence on the next run of the page."""
    try:
        action(*arguments)
    except NmtrError as error:
        st.session_state["refused"] = str(error)


def show_refusal() -> None:
    """The sentence that `attempt` left, once."""
    if sentence := st.session_state.pop("refused", None):
        st.error(plain(sentence), icon=":material/error:")


def _forget() -> None:
    select(**dict.fromkeys(PARAMETERS + COMPARING + STUDYING))


def warm_up() -> None:
    """Import torch in the background, once a process: the first paint does not wait for it, the first score hardly."""
    _warm_up()


@st.cache_resource(show_spinner=False)
def _warm_up() -> threading.Thread:
    thread = threading.Thread(target=importlib.import_module, args=("torch",), name="import torch", daemon=True)
    thread.start()
    return thread
