"""All items of a model, as it was and as the model expects: to search, filter and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.charts.behaviors import cues
from dashboard.text import item_name, past, plain, share
from dashboard.views.explore import item_map
from dashboard.views.explore.choices import choices, within
from dashboard.widgets import figures
from nmtr.data.library import DatasetInfo
from nmtr.items import Items
from nmtr.runs.store import Run

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

MOST = 10_000  # items drawn and listed at once: more would make the browser wait
_TEXT = st.column_config.TextColumn()
_RATE = st.column_config.NumberColumn(format="%.1f %%")
_COUNT = st.column_config.NumberColumn(format="localized")
_EXPECTED = st.column_config.NumberColumn(format="%.1f")
_SCORE = st.column_config.NumberColumn(format="%.2f")


def draw(info: DatasetInfo, run: Run) -> None:
    with st.skeleton(height=520):
        every, table = cache.items(run.id), cache.item_table(run.id)
    found = _ordered(every, table, _chosen(info, table))
    shown = found.head(MOST)
    if shown.empty:
        st.markdown("##### No item matches")
        st.caption("Search for other words, or take the filters back.")
    else:
        _picture(info, run, every, shown)
        _table(every, shown)
    limit = f", of which the first {MOST:,} are shown" if len(found) > MOST else ""
    st.caption(
        f"{len(found):,} of {len(table):,} items{limit} — {figures.source(info, run)}. Click a point "
        "or the box before a row to open the item, or press Shift and Space in the row; a click on a heading sorts. "
        f"Numbers are of the pairs that the model learned from. {' '.join(map(plain, every.notes))}"
    )
    figures.export(table, f"items-{run.id}.csv", "CSV of all items")


def _chosen(info: DatasetInfo, table: pd.DataFrame) -> pd.Series:
    """Which items match what was searched for and filtered by."""
    chosen = pd.Series(True, index=table.index)
    with st.container(horizontal=True, vertical_alignment="bottom", key="item_filters"):
        if word := _picked_words(table):
            columns = [table[name].astype(str) for name in ("title", "item") if name in table]
            chosen &= np.any([text.str.contains(word, case=False, regex=False) for text in columns], axis=0)
        categories, ends = choices(table)
        if categories:
            category = _picked_category(info, categories)
            if category is not None:
                chosen &= table["category"] == category
        if ends is not None and (between := _picked_price(info, ends)) != ends:
            chosen &= table["price"].between(*between)
        _pick_order([*_orders(table)])
    return chosen


def _picked_words(table: pd.DataFrame) -> str:
    st.session_state["item_search"] = address.selected("find") or ""
    words = st.text_input(
        "Search",
        placeholder="words of a title" if "title" in table else "an item",
        key="item_search",
        width=260,
        on_change=guard.callback(lambda: address.select(find=st.session_state["item_search"].strip() or None)),
    )
    return words.strip()


def _picked_category(info: DatasetInfo, categories: list[str]) -> str | None:
    key = f"item_category_{info.name}"
    asked = address.selected("category")
    st.session_state[key] = asked if asked in categories else None
    return st.selectbox(
        "Category",
        categories,
        index=None,
        placeholder="every category",
        key=key,
        width=220,
        on_change=guard.callback(lambda: address.select(category=st.session_state[key])),
    )


def _picked_price(info: DatasetInfo, ends: tuple[float, float]) -> tuple[float, float]:
    """The range of prices to show; `ends`, the lowest and the highest, where none was chosen."""
    key = f"item_price_{info.name}"
    st.session_state[key] = within(address.selected("price"), ends)

    def picked() -> None:
        low, high = st.session_state[key]
        address.select(price=None if (low, high) == ends else f"{low}-{high}")

    st.slider("Price", *ends, key=key, width=260, on_change=guard.callback(picked))
    low, high = st.session_state[key]
    return low, high


def _pick_order(orders: list[str]) -> None:
    asked = address.selected("order")
    st.session_state["item_order"] = asked if asked in orders else orders[0]
    st.selectbox(
        "Order",
        orders,
        key="item_order",
        width=220,
        on_change=guard.callback(lambda: address.select(order=st.session_state["item_order"])),
    )


def _orders(table: pd.DataFrame) -> dict[str, tuple[str, bool]]:
    """What items can be ordered by: a column, and whether the lowest is first."""
    orders = {"best mean score": ("place", True)}
    for name in table.columns:
        if name.startswith("observed_"):
            orders[f"most {past(name.removeprefix('observed_'))}"] = (name, False)
    return orders


def _ordered(every: Items, table: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    column, rising = _orders(table)[st.session_state["item_order"]]
    return table[chosen].sort_values(column, ascending=rising, kind="stable")


def _picture(info: DatasetInfo, run: Run, every: Items, shown: pd.DataFrame) -> None:
    """The items by how far shoppers go with them; or, if that is wanted, on a map of what the model learned of them."""
    color = item_map.pick(run)
    if color is None:
        _scatter(info, run, every, shown)
    else:
        names = np.array(_names(shown), object)
        item_map.draw(info, run, every, color, shown, names, guard.callback(_open_point, item_map.KEY))


def _scatter(info: DatasetInfo, run: Run, every: Items, shown: pd.DataFrame) -> None:
    """How many do the first step, and how many of those the last: expected where there are chances, else as it was."""
    first, last = every.behaviors[0], every.behaviors[-1]
    if first == last:
        return
    known = first in every.scored and not np.isnan(every.expected[[0, -1], 0]).any()
    kind = "expected" if known else "observed"
    x, y = (shown[f"{kind}_{behavior}"].to_numpy(float) for behavior in (first, last))
    there = x > 0
    names = _names(shown)
    points = charts.Crowd(
        labels=shown["item"][there].tolist(),
        names=[name for name, drawn in zip(names, there.tolist(), strict=True) if drawn],
        x=x[there],
        y=y[there] / x[there],
        x_title=f"shoppers {'expected to' if known else 'who'} {first} it",
        y_title=f"{last} per {first}",
    )
    missing = int((~there).sum())
    told = "as the model expects" if known else "as it was, since the model gives no chances of both"
    left_out = f"; {missing:,} that nobody {past(first)} are not drawn" if missing else ""
    figures.figure(
        _finding(every, kind, first, last),
        f"each point an item, {told}{left_out}",
        charts.crowd(points, cues(info.behaviors)[last], figures.theme()),
        "crowd",
        figures.source(info, run),
        guard.callback(_open_point, "crowd"),
    )


def _open_point(figure: str) -> None:
    if (item := figures.clicked(figure)) is not None:
        address.select(item=item)


def _names(shown: pd.DataFrame) -> list[str]:
    titles = shown["title"] if "title" in shown else [None] * len(shown)
    return [
        item_name(title if isinstance(title, str) else None, label)
        for title, label in zip(titles, shown["item"], strict=True)
    ]


def _finding(every: Items, kind: str, first: str, last: str) -> str:
    """How much of the last step the items with the most of the first have."""
    values = every.expected if kind == "expected" else every.observed
    tenth = np.argsort(-values[0], kind="stable")[: max(1, round(len(values[0]) / 10))]
    part = share(float(values[-1][tenth].sum() / max(values[-1].sum(), 1e-12)))
    whole = f"what is expected to be {past(last)}" if kind == "expected" else f"what was {past(last)}"
    return plain(f"The tenth of the items that is {past(first)} most has {part} of {whole}")


def _table(every: Items, shown: pd.DataFrame) -> None:
    columns = _columns(every)
    names = [name for name in columns if name in shown and shown[name].notna().any()]
    labels = shown["item"].tolist()

    def opened() -> None:
        rows = st.session_state["item_table"]["selection"]["rows"]
        if rows and rows[0] < len(labels):
            address.select(item=labels[rows[0]])

    rates = {name: 100 * shown[name] for name in names if columns[name][1] is _RATE}
    st.dataframe(
        shown[names].assign(**rates).rename(columns={name: columns[name][0] for name in names}),
        key="item_table",
        hide_index=True,
        height=400,
        column_config={columns[name][0]: columns[name][1] for name in names},
        on_select=guard.callback(opened),
        selection_mode="single-row",
        alt="All items: their place, numbers and mean scores",
    )


def _columns(every: Items) -> dict[str, tuple[str, ColumnConfig]]:
    """The table's columns in their order: what each is called and how its numbers read."""
    columns: dict[str, tuple[str, ColumnConfig]] = {
        "place": ("#", _COUNT),
        "title": ("title", _TEXT),
        "item": ("item", _TEXT),
        "category": ("category", _TEXT),
        "price": ("price", _SCORE),
    }
    for behavior in every.behaviors:
        columns[f"observed_{behavior}"] = (behavior, _COUNT)
        columns[f"expected_{behavior}"] = (f"{behavior}, expected", _EXPECTED)
        columns[f"expected_{behavior}_error"] = (f"± {behavior}, expected", _EXPECTED)
    for before, behavior in zip(every.behaviors, every.behaviors[1:], strict=False):
        columns[f"{before}_to_{behavior}"] = (f"{before} → {behavior}", _RATE)
        columns[f"expected_{before}_to_{behavior}"] = (f"{before} → {behavior}, expected", _RATE)
    for behavior in every.scored:
        columns[f"score_{behavior}"] = (f"mean score, {behavior}", _SCORE)
        columns[f"score_{behavior}_error"] = (f"± mean score, {behavior}", _SCORE)
    return columns
