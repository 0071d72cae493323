"""What a shopper did, what they would buy next, and why: history, top items and one cascade in one screenful."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.charts.behaviors import cues
from dashboard.glossary import help_for
from dashboard.text import hits, item_name, plain, shift
from dashboard.views.explore import wanted
from dashboard.widgets import cascade, chances, empty, figures, painted, pickers, why_not
from dashboard.widgets.history import history
from dashboard.widgets.row_list import Cell, Column, row_list
from nmtr.data.dataset import Dataset
from nmtr.data.library import DatasetInfo
from nmtr.explain import Recommendations
from nmtr.opening import first_shopper
from nmtr.runs.store import Run


def page() -> None:
    info = selection.current_data()
    if info is None:
        empty.no_data("Here you will see what a shopper did, what they would buy next, and why.")
        return
    shop = cache.dataset(info)
    run = selection.current_run(info)
    user = address.selected("user") or first_shopper(shop)
    row = shop.user_index(user)
    k, against = _controls(info, shop, run, user)
    with st.container(key="panes"):
        left, middle, right = st.columns([0.8, 2.0, 1.3], gap="medium")
    with left, st.container(key="history"):
        st.markdown("##### History")
        history(info, shop, row)
        if run is not None and st.button("Change this history", icon=":material/tune:", key="what_if"):
            address.go("whatif", run=run.id, user=user)
    if run is None:
        with middle:
            empty.no_run(info)
        return
    with middle:
        with st.container(horizontal=True, vertical_alignment="center", key="list_head"):
            st.markdown(f"##### Would {plain(shop.target)} next", width="stretch")
            only = wanted.pick(info)
        with st.skeleton(height=420):
            top = cache.recommendations(run.id, user, k, only)
            item = _top(info, run, top, against)
    with right, st.container(border=True):
        if item is None:
            st.caption("No item is like that." if only else "Nothing is left to recommend to this shopper.")
        else:
            _why(info, run, user, item)
    chances.wait(run)
    painted.ask()


def _controls(info: DatasetInfo, shop: Dataset, run: Run | None, user: str) -> tuple[int, Run | None]:
    """The slim row above the answer; returns how many items to show, and the run to compare them with."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        if run is not None:
            pickers.pick_run(info, run)
        pickers.pick_user(info, user)
        for label, kind, text in (
            ("Sparse", "sparse", "A shopper with few purchases"),
            ("Heavy", "heavy", "A shopper with many purchases"),
            ("Surprise me", "any", "Any shopper"),
        ):
            chosen = guard.callback(_jump, shop, kind)
            st.button(label, key=f"shopper_{kind}", help=text, type="tertiary", on_click=chosen)
        k = st.selectbox(
            "Top",
            [10, 20, 50, 100],
            index=1,
            key="top_k",
            format_func="top {}".format,
            width=100,
            persist_state="session",
        )
        return int(k), None if run is None else _against(info, run)


def _against(info: DatasetInfo, run: Run) -> Run | None:
    """The run to compare the list with; only of the same data set, version and protocol."""
    offered = {other.id: other for other in selection.baselines(run, info)}
    if not offered:
        return None
    names = dict(zip(offered, pickers.short_names([*offered.values()]), strict=True))
    chosen = st.selectbox(
        "Against",
        [*offered, "nothing"],
        key=f"against_{run.id}",
        format_func=lambda other: f"vs {names[other]}" if other in names else other,
        persist_state="session",
        help="How much further up each item stands here than in another run's list.",
        width=200,
    )
    return offered.get(chosen)


def _purchases(shop: Dataset) -> np.ndarray:
    """(M,) training purchases of each shopper; -1 for those without a held-out item, who cannot show a hit."""
    counts = np.diff(shop.matrices[-1].indptr)
    return np.where(shop.test_item >= 0, counts, -1)


def _jump(shop: Dataset, kind: str) -> None:
    """Select another shopper at random: of the fifth with the fewest purchases, of the twentieth with the most, any."""
    counts = _purchases(shop)
    pool = np.flatnonzero(counts >= 0) if (counts >= 0).any() else np.arange(shop.num_users)
    if kind == "sparse":
        pool = pool[counts[pool] <= np.quantile(counts[pool], 0.2)]
    if kind == "heavy":
        pool = pool[counts[pool] >= np.quantile(counts[pool], 0.95)]
    others = pool[shop.users[pool] != address.selected("user")]
    address.select(user=str(shop.users[np.random.default_rng().choice(others if len(others) else pool)]), item=None)


def _top(info: DatasetInfo, run: Run, top: Recommendations, against: Run | None) -> str | None:
    """The list; returns the item of the selected row."""
    if not top.items:
        return None
    labels = [item.item for item in top.items]
    wanted = address.selected("item")
    item = wanted if wanted in labels else labels[0]
    columns = _columns(info, run, top, against)
    row_list(
        [*columns],
        [*zip(*columns.values(), strict=True)],
        labels.index(item),
        lambda place: address.select(item=labels[place]),
        key=f"top-{run.id}-{top.user}-{len(labels)}-{top.wanted}",
        label=f"Top {len(labels)} items for shopper {top.user}",
    )
    _held_out(top)
    of = "" if top.wanted is None else f"{top.wanted:,} of them are wanted; "
    st.caption(f"{of}ranked among {top.candidates:,} items not yet bought — {figures.source(info, run)}")
    if among := chances.among([item.chance for item in top.items], run.config.target):
        st.caption(plain(f"{among[:1].upper()}{among[1:]}."))
    with st.container(horizontal=True):
        figures.export(_table(top, run.config.target, columns), f"top-{run.id}.csv")
        st.download_button(
            "JSON",
            lambda: json.dumps(top.to_json(), ensure_ascii=False, indent=2),
            file_name=f"top-{run.id}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    address.show(data=info.name, run=run.id, user=top.user, item=item)
    return item


def _columns(info: DatasetInfo, run: Run, top: Recommendations, against: Run | None) -> dict[Column, list[Cell]]:
    """The cells of each column, an item a row."""
    names = [f"{'★ ' if item.held_out else ''}{item_name(item.title, item.item)}" for item in top.items]
    columns: dict[Column, list[Cell]] = {
        Column("#", "number"): [item.rank + 1 for item in top.items],
        Column("item"): [*names],
    }
    columns |= chances.columns(top, run, cues(info.behaviors))
    if against is not None:
        elsewhere = cache.places(against.id, top.user)
        means = f"how many places further up (↑) or down (↓) than in the list of {pickers.run_name(against)}"
        places = [shift(item.rank, elsewhere[item.item]) for item in top.items]
        columns[Column(f"vs {against.config.label}", "number", help=means)] = [*places]
    return columns


def _table(top: Recommendations, target: str, columns: dict[Column, list[Cell]]) -> pd.DataFrame:
    """The list as a file has it: an item's label and title apart, each stage's score and chance."""
    items = {
        "rank": [item.rank + 1 for item in top.items],
        "item": [item.item for item in top.items],
        "title": [item.title for item in top.items],
        "held out": [item.held_out for item in top.items],
    }
    moves = {column.name: cells for column, cells in columns.items() if column.name.startswith("vs ")}
    return pd.DataFrame(items | chances.rows(top, target) | moves)


def _held_out(top: Recommendations) -> None:
    if top.held_out is not None:
        name = item_name(top.held_out.title, top.held_out.item)
        place = f"★ {name} at rank {top.held_out.rank + 1:,}: {hits(top.held_out.rank)}"
        st.text(place, help=help_for("held-out purchase", "rank", "hit at k"))


def _why(info: DatasetInfo, run: Run, user: str, item: str) -> None:
    with st.skeleton(height=360):
        explanation = cache.explanation(run.id, user, item)
    if not explanation.stages:
        empty.no_cascade(info, run)
        cascade.about_item(run, explanation)
        return
    cascade.cascade(explanation, info, run, key="why", after_paint=True)
    with st.container(horizontal=True):
        if st.button("See the whole sum", icon=":material/waterfall_chart:", key="whole_sum"):
            address.go("cascade", run=run.id, user=user, item=item)
        cascade.about_item(run, explanation)
    why_not.ask(info, run, user)


page()
