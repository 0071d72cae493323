"""What a shopper would be recommended with another history: history, list, and what brought an item there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.charts.behaviors import cues
from dashboard.text import count, item_name, plain, shift, told
from dashboard.views.explore import editing
from dashboard.views.explore.changes import Changes
from dashboard.widgets import cascade, chances, empty, figures, pickers
from dashboard.widgets.row_list import Cell, Column, row_list
from nmtr.data.library import DatasetInfo
from nmtr.errors import NmtrError, RunError
from nmtr.explain import Recommendations
from nmtr.runs.store import Run
from nmtr.whatif import WhatIf, takes_one_more

SHOWN = 20  # items of the list
_NAMED = 3  # items that gave way


def page() -> None:
    info = selection.current_data()
    if info is None:
        empty.no_data("Here you will see what a shopper would be recommended with another history.")
        return
    run = selection.current_run(info)
    if run is None:
        empty.no_run(info)
        return
    user = address.selected("user")
    _controls(info, run, user)
    if not takes_one_more(run.config):
        _refused(info, run, user)
        return
    left, middle, right = st.columns([1.0, 1.8, 1.3], gap="medium")
    with middle:
        st.markdown(f"##### Would {plain(run.config.target)} next")
        with st.skeleton(height=420):
            before = cache.whatif(run.id, user)
            asked = _asked(run, user)
    changes = Changes.selected() if asked else Changes()
    with left, st.container(key="history"):
        editing.history(info, before, asked or before, changes)
    if asked is None:
        return
    with middle:
        item = _top(info, run, before, asked)
    address.show(data=info.name, run=run.id, user=user, item=item)
    with right:
        if item is None:
            st.caption("Nothing is left to recommend to this shopper.")
        else:
            _why(info, run, asked, changes, item)
    chances.wait(run)


def _controls(info: DatasetInfo, run: Run, user: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        pickers.pick_run(info, run)
        pickers.pick_user(info, user, nobody=True)
        st.button(
            "Surprise me",
            key="whatif_any",
            help="Start from any real shopper",
            type="tertiary",
            on_click=guard.callback(_any_shopper, info),
        )
        if run.config.method == "nmtr" and len(run.config.learned) > 1:
            _pick_without(run)


def _any_shopper(info: DatasetInfo) -> None:
    users = cache.user_labels(info)
    address.select(user=users[np.random.default_rng().integers(len(users))], item=None)


def _pick_without(run: Run) -> None:
    wanted = address.selected("without")
    st.session_state["whatif_without"] = wanted if wanted in run.config.learned else ""
    st.selectbox(
        "Stage switched off",
        ["", *run.config.learned],
        key="whatif_without",
        format_func=lambda stage: f"{stage} (not retrained)" if stage else "none",
        help="What a stage adds counts nothing then. The model is not trained again without it.",
        on_change=guard.callback(lambda: address.select(without=st.session_state["whatif_without"] or None)),
        width=190,
    )


def _refused(info: DatasetInfo, run: Run, user: str | None) -> None:
    """Why the run takes no other history, and the one button that gets to a run that does."""
    st.markdown(f"##### {run.config.label} takes no other history")
    with st.skeleton(height=80):
        try:
            cache.whatif(run.id, user)
        except RunError as error:
            st.markdown(told(error))
    others = [other for other in selection.finished_runs(info) if takes_one_more(other.config)]
    if others:
        st.button(
            f"Show it with {others[0].config.label}",
            icon=":material/tune:",
            key="with_history",
            on_click=guard.callback(address.select, run=others[0].id),
        )
    elif st.button("Train a cascade", icon=":material/play_arrow:", key="train_cascade"):
        address.go("train", run=None)


def _asked(run: Run, user: str | None) -> WhatIf | None:
    """The shopper with the changes of the address; None, and a sentence, where they cannot be made."""
    try:
        return cache.whatif(run.id, user, *Changes.selected().pairs)
    except NmtrError as error:
        st.error(told(error), icon=":material/error:")
        st.button(
            "Take all changes back", key="whatif_forget", icon=":material/undo:", on_click=guard.callback(_forget)
        )
        return None


def _forget() -> None:
    Changes().select()


def _top(info: DatasetInfo, run: Run, before: WhatIf, asked: WhatIf) -> str | None:
    """The list, and what changed in it; returns the item of the selected row."""
    top = asked.recommend(SHOWN, cache.chances(run.id))
    if not top.items:
        return None
    labels = [item.item for item in top.items]
    wanted = address.selected("item")
    item = wanted if wanted in labels else labels[0]
    columns = _columns(info, run, top, _no_chance(asked))
    if asked is not before:
        places = [before.place(label) for label in labels]
        means = "how many places further up (↑) or down (↓) than before the change; “new”: it was bought before"
        columns[Column("vs before", "number", help=means)] = [
            "new" if place is None else shift(here.rank, place) for here, place in zip(top.items, places, strict=True)
        ]
        st.text(_moved(before.recommend(SHOWN), top))
    row_list(
        [*columns],
        [*zip(*columns.values(), strict=True)],
        labels.index(item),
        lambda place: address.select(item=labels[place]),
        key=f"whatif-{run.id}-{top.user}-{len(labels)}",
        label=f"Top {len(labels)} items for {_who(asked)} with this history",
    )
    st.caption(f"ranked among {top.candidates:,} items not yet bought — {figures.source(info, run)}")
    for sentence in (asked.method, *asked.notes, *_agreement(before)):
        st.caption(plain(sentence))
    figures.export(_table(top, run.config.target, columns), f"whatif-{run.id}.csv")
    return item


def _who(asked: WhatIf) -> str:
    return "a new shopper" if asked.start is None else f"shopper {asked.start}"


def _moved(before: Recommendations, after: Recommendations) -> str:
    """Which items of the list are others than before the change, in a sentence."""
    listed = {item.item for item in after.items}
    gone = [item_name(item.title, item.item) for item in before.items if item.item not in listed]
    if gone:
        names = f"{' · '.join(gone[:_NAMED])}{f' · and {len(gone) - _NAMED} more' if len(gone) > _NAMED else ''}"
        return f"{count(len(gone), 'item', 'items')} of the first {len(listed)} gave way: {names}"
    same = [item.item for item in before.items] == [item.item for item in after.items]
    return "The list is the same as before." if same else f"The same {len(listed)} items, in another order."


def _agreement(before: WhatIf) -> list[str]:
    """How near the fit comes to the shopper as trained."""
    if before.agreement is None:
        return []
    return [
        f"With nothing changed, the fit has {before.agreement} of the first 20 items that shopper {before.start} has "
        "as trained; “before” means the fit."
    ]


def _no_chance(asked: WhatIf) -> str:
    return "A stage is switched off, and chances were worked out with it." if asked.without else ""


def _columns(info: DatasetInfo, run: Run, top: Recommendations, why: str) -> dict[Column, list[Cell]]:
    names = [f"{'★ ' if item.held_out else ''}{item_name(item.title, item.item)}" for item in top.items]
    columns: dict[Column, list[Cell]] = {
        Column("#", "number"): [item.rank + 1 for item in top.items],
        Column("item"): [*names],
    }
    return columns | chances.columns(top, run, cues(info.behaviors), why)


def _table(top: Recommendations, target: str, columns: dict[Column, list[Cell]]) -> pd.DataFrame:
    items = {
        "rank": [item.rank + 1 for item in top.items],
        "item": [item.item for item in top.items],
        "title": [item.title for item in top.items],
    }
    moves = {column.name: cells for column, cells in columns.items() if column.name.startswith("vs ")}
    return pd.DataFrame(items | chances.rows(top, target) | moves)


def _why(info: DatasetInfo, run: Run, asked: WhatIf, changes: Changes, item: str) -> None:
    """The cascade of one item, and what brought it to its place."""
    with st.container(border=True):
        explanation = asked.explain(item, cache.chances(run.id))
        if explanation.stages:
            cascade.cascade(explanation, info, run, key="why", why=_no_chance(asked))
        else:
            empty.no_cascade(info, run)
    with st.container(border=True):
        editing.reasons(info, run, asked, changes, item)


page()
