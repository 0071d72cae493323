"""Loaders: bounded, shared by all sessions, keyed by what can change."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

import nmtr.items
import nmtr.whatif
from dashboard.text import item_name
from nmtr import compare, whynot
from nmtr.audit import Audit, audit
from nmtr.chances import Chances
from nmtr.compare import Leaderboard
from nmtr.config import RunConfig
from nmtr.data.dataset import Dataset
from nmtr.data.library import DatasetInfo
from nmtr.data.summary import Summary, describe
from nmtr.errors import RunError
from nmtr.explain import Explanation, Fitted, Lift, Recommendations, explain, lifted, recommend
from nmtr.items import Item, ItemMap, Items, all_items
from nmtr.live import Live
from nmtr.opening import TOP, Opening, order
from nmtr.runs.checkpoint import load_ranks
from nmtr.runs.store import Run
from nmtr.training.report import EpochReport
from nmtr.wanted import Wanted
from nmtr.whatif import Reasons, WhatIf
from nmtr.whynot import Shortfall
from nmtr.workspace import Workspace, default_home

#: Pairs of a history: behavior and item each.
Pairs = tuple[tuple[str, str], ...]
SUGGESTIONS = 50_000  # labels that a select offers; more can be typed


def home() -> str:
    return str(default_home())


def workspace() -> Workspace:
    return _workspace(home())


@st.cache_resource(max_entries=4, show_spinner=False)
def _workspace(home: str) -> Workspace:
    return Workspace(Path(home))


#: Processes in which λ is tried live, over all sessions: each takes the cores while it moves.
MOST_LIVE = 2
_LIVE_IDLE = 180.0  # seconds without a move after which one ends; the next move begins another
_live: list[Live] = []
_live_lock = threading.Lock()


def begin_live(config: RunConfig) -> Live:
    """A process in which λ is moved; RunError where there are as many as there may be."""
    with _live_lock:
        _live[:] = [live for live in _live if live.alive]
        if len(_live) >= MOST_LIVE:
            raise RunError(
                f"λ is being tried live in {MOST_LIVE} other windows already, which is the most at once: try again in "
                "some minutes, or plan a study."
            )
        _live.append(Live(workspace(), config, _LIVE_IDLE))
        return _live[-1]


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


def audited(info: DatasetInfo) -> Audit:
    return _audited(home(), info.name, version(info))


@st.cache_resource(max_entries=8, show_spinner=False)
def _audited(home: str, name: str, version: str) -> Audit:
    return audit(_dataset(home, name, version))


def fitted(run: str) -> Fitted:
    return _fitted(home(), run)


@st.cache_resource(max_entries=3, show_spinner=False)
def _fitted(home: str, run: str) -> Fitted:
    return _workspace(home).fitted(run)


class _Told:
    """The chances of one run: kept ones, else once they were worked out in the background."""

    def __init__(self, workspace: Workspace, run: str) -> None:
        self.kept = workspace.kept_chances(run)
        self.work: Future[Chances] | None = None
        self.lock = threading.Lock()


@st.cache_resource(max_entries=64, show_spinner=False)
def _told(home: str, run: str) -> _Told:
    return _Told(_workspace(home), run)


def chances(run: str) -> Chances | None:
    """What the run's scores say of how likely something is; None until that was worked out (`work_out_chances`)."""
    told = _told(home(), run)
    if told.kept is None and told.work and told.work.done() and not told.work.exception():
        told.kept = told.work.result()
    return told.kept


def work_out_chances(run: str) -> Future[Chances]:
    """Work them out in a thread of their own, once for all who wait: pages show what they have meanwhile."""
    told, asked = _told(home(), run), partial(workspace().chances, run, _fitted(home(), run))
    with told.lock:
        if told.work is None:
            told.work = _worker().submit(asked)
        return told.work


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "chances")


@st.cache_resource(max_entries=64, show_spinner=False)
def _opening(home: str, run: str) -> Opening | None:
    """What was kept for a first view, which needs no model then."""
    at = _workspace(home)
    return at.kept_opening(run, dataset(at.data.info(at.runs.get(run).config.data)))


def recommendations(run: str, user: str, k: int, wanted: Wanted | None = None) -> Recommendations:
    kept = _opening(home(), run)
    if kept is not None and kept.user == user and k <= TOP and not wanted:
        return replace(kept.top, items=kept.top.items[:k])
    return _recommendations(home(), run, user, k, wanted or None, told=chances(run) is not None)


@st.cache_resource(max_entries=512, show_spinner=False)
def _recommendations(home: str, run: str, user: str, k: int, wanted: Wanted | None, told: bool) -> Recommendations:
    fitted = _fitted(home, run)
    among = None if wanted is None else wanted.items(fitted, user)
    return recommend(fitted, user, k, chances(run) if told else None, among)


def places(run: str, user: str) -> dict[str, int]:
    """Where each item that the user has not bought stands in the run's list, from 0."""
    kept = _opening(home(), run)
    if kept is not None and kept.user == user:
        return {label: place for place, label in enumerate(kept.order)}
    return _places(home(), run, user)


@st.cache_resource(max_entries=64, show_spinner=False)
def _places(home: str, run: str, user: str) -> dict[str, int]:
    return {label: place for place, label in enumerate(order(_fitted(home, run), user))}


def explanation(run: str, user: str, item: str) -> Explanation:
    kept = _opening(home(), run)
    if kept is not None and kept.why is not None and (kept.user, kept.why.item) == (user, item):
        return kept.why
    return _explanation(home(), run, user, item, told=chances(run) is not None)


@st.cache_resource(max_entries=512, show_spinner=False)
def _explanation(home: str, run: str, user: str, item: str, told: bool) -> Explanation:
    return explain(_fitted(home, run), user, item, chances(run) if told else None)


def why_not(run: str, explanation: Explanation, first: int) -> Shortfall | None:
    """What the item of an explanation lacks to be among the first of the list."""
    if explanation.bought or explanation.rank < first:  # known without the model
        return None
    return _why_not(home(), run, explanation.user, explanation.item, first, explanation)


@st.cache_resource(max_entries=256, show_spinner=False)
def _why_not(home: str, run: str, user: str, item: str, first: int, _explanation: Explanation) -> Shortfall | None:
    return whynot.why_not(_fitted(home, run), _explanation, first)


def whatif(run: str, user: str | None, add: Pairs = (), remove: Pairs = (), without: str | None = None) -> WhatIf:
    """The shopper, or nobody (None), with a history of one's own."""
    return _whatif(home(), run, user, add, remove, without)


@st.cache_resource(max_entries=64, show_spinner=False)
def _whatif(home: str, run: str, user: str | None, add: Pairs, remove: Pairs, without: str | None) -> WhatIf:
    added, removed = ({behavior: [item for own, item in pairs if own == behavior] for behavior, _ in pairs}
                      for pairs in (add, remove))  # fmt: skip
    return nmtr.whatif.whatif(_fitted(home, run), user, add=added, remove=removed, without=without)


def reasons(run: str, user: str | None, add: Pairs, remove: Pairs, without: str | None, item: str) -> Reasons:
    """What brought an item to its place in the list of such a shopper; seconds, the first time."""
    return _reasons(home(), run, user, add, remove, without, item)


@st.cache_resource(max_entries=512, show_spinner=False)
def _reasons(
    home: str, run: str, user: str | None, add: Pairs, remove: Pairs, without: str | None, item: str
) -> Reasons:
    return _whatif(home, run, user, add, remove, without).reasons(item)


def against_best(info: DatasetInfo, run: Run, metric: str) -> Leaderboard:
    """The run beside the best alternative to NMTR; looked up anew once other runs are finished or pinned."""
    done = tuple((other.id, other.finished) for other in workspace().finished(info))
    return _against_best(home(), version(info), run.id, metric, done, info)


@st.cache_resource(max_entries=16, show_spinner=False)
def _against_best(
    home: str, version: str, run: str, metric: str, done: tuple[object, ...], _info: DatasetInfo
) -> Leaderboard:
    at = _workspace(home)
    return compare.against_best(at, at.runs.get(run), metric=metric, dataset=dataset(_info))


def lift(run: str) -> Lift | None:
    """The shopper whose held-out item a stage of the run lifts furthest into the first ten."""
    return _lift(home(), run)


@st.cache_resource(max_entries=16, show_spinner=False)
def _lift(home: str, run: str) -> Lift | None:
    ranks = load_ranks(_workspace(home).runs.folder(run))["test"]
    return lifted(_fitted(home, run), ranks)


def items(run: str) -> Items:
    return _items(home(), run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _items(home: str, run: str) -> Items:
    return all_items(_fitted(home, run))


def item_table(run: str) -> pd.DataFrame:
    """All items of a run, one a row, the best first, as `nmtr items RUN --csv` has them; not to be changed."""
    return _item_table(home(), run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _item_table(home: str, run: str) -> pd.DataFrame:
    return pd.DataFrame(_items(home, run).rows())


def item_map(run: str) -> ItemMap | None:
    return _item_map(home(), run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _item_map(home: str, run: str) -> ItemMap | None:
    return nmtr.items.item_map(_fitted(home, run), _items(home, run))


def one_item(run: str, item: str) -> Item:
    """What a run says of one item, without each shopper's scores."""
    return _one_item(home(), run, item, told=chances(run) is not None)


@st.cache_resource(max_entries=128, show_spinner=False)
def _one_item(home: str, run: str, item: str, told: bool) -> Item:
    known = chances(run) if told else None
    one = nmtr.items.one_item(_fitted(home, run), _items(home, run), item, chances=known)
    return replace(one, scores=one.scores[:0])


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


def user_labels(info: DatasetInfo) -> list[str]:
    return _user_labels(home(), info.name, version(info))


@st.cache_resource(max_entries=3, show_spinner=False)
def _user_labels(home: str, name: str, version: str) -> list[str]:
    labels: list[str] = _dataset(home, name, version).users[:SUGGESTIONS].tolist()
    return labels
