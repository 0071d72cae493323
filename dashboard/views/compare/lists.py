"""What models list as a whole: how much of the catalogue, how popular, of what kinds; beside what shoppers bought."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.charts.listed import BOUGHT
from dashboard.glossary import help_for
from dashboard.text import metric, plain, share
from dashboard.views.compare import choosing
from dashboard.views.compare.choosing import Choice, part
from dashboard.widgets import figures
from nmtr.compare import Interval, Lists
from nmtr.compare.lists import Part

PROMISE = "Here you will see what the lists of finished runs are like as a whole, beside what shoppers bought."
#: Measure -> its column, what it means, and whether it is a share.
COLUMNS = {
    "coverage": ("of the catalogue", "the share of all items that are in anybody's list", True),
    "alike": ("same list", "shoppers whose list has the very items of somebody else's, in any order", True),
    "novelty": ("novelty", "how rare the items are, in bits: one more means bought by half as many shoppers", False),
    "popularity": ("buyers an item", "how many shoppers bought each item in training, in mean", False),
    "price": ("price", "the mean price of the items that have one", False),
    "diversity": ("of two categories", "the share of pairs of items in a list that are of two categories", True),
}


def page() -> None:
    choice = choosing.choose(PROMISE)
    if choice is None:
        return
    with st.skeleton(height=420):
        found = choosing.lists(choice)
    looks = charts.looks([entry.name for entry in found.entries], found.reference)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        _popularity(choice, found, looks)
        if "price" in found.makeup:
            _makeup(choice, found, "price", looks)
    with right, st.container(border=True, height="stretch"):
        if "category" in found.makeup:
            _makeup(choice, found, "category", looks)
        else:
            st.markdown("##### No categories to compare")
            st.markdown("Where a data set says which category each item is of, the lists' make-up is drawn here.")
    _table(found)
    choosing.code(choice, "compare_lists", " --by list")


def _popularity(choice: Choice, found: Lists, looks: dict[str, charts.Look]) -> None:
    first = found.entries[0]
    listed, bought = first.measures["popularity"], found.bought["popularity"]
    rows = [charts.Buyers(entry.name, part(entry.measures["popularity"]), looks[entry.name]) for entry in found.entries]
    figures.figure(
        _popular(first.name, listed.value, bought.value),
        f"how many shoppers bought an item in training, mean over the first {found.first} of {found.users:,} lists, "
        "95 % intervals",
        charts.buyers(rows, part(bought), figures.theme()),
        "list_popularity",
        choice.where,
    )


def _popular(name: str, listed: float, bought: float) -> str:
    """How popular what is listed is beside what is bought; within a fifth, the same."""
    if bought * 0.8 <= listed <= bought * 1.25:
        return f"{plain(name)} lists items that are about as popular as what shoppers buy: {listed:.1f} buyers each"
    than = "more" if listed > bought else "less"
    return (
        f"{plain(name)} lists items that are {than} popular than what shoppers buy: {listed:.1f} buyers each, "
        f"not {bought:.1f}"
    )


def _makeup(choice: Choice, found: Lists, attribute: str, looks: dict[str, charts.Look]) -> None:
    parts = found.makeup[attribute]
    figures.figure(
        _leaning(found, parts),
        f"share of the lists' items and of what these shoppers went on to buy, by {attribute}",
        charts.listed(
            [p.name for p in parts],
            [p.bought for p in parts],
            {entry.name: [p.listed[n] for p in parts] for n, entry in enumerate(found.entries)},
            looks,
            figures.theme(),
        ),
        f"list_{attribute}",
        choice.where,
    )


def _leaning(found: Lists, parts: tuple[Part, ...]) -> str:
    """Where the best model's lists differ most from what is bought."""
    most = max(parts, key=lambda one: abs(one.listed[0] - one.bought))
    more = "more" if most.listed[0] > most.bought else "less"
    return (
        f"{plain(found.entries[0].name)} lists {plain(most.name)} {more} than shoppers buy it: "
        f"{share(most.listed[0])} of its lists, {share(most.bought)} of purchases"
    )


def _table(found: Lists) -> None:
    measures = [name for name in COLUMNS if name in found.entries[0].measures]
    rows: list[dict[str, Any]] = [
        {
            "model": entry.name,
            found.metric: metric(entry.accuracy.value, entry.accuracy.half_width),
            **{COLUMNS[name][0]: _said(entry.measures[name], COLUMNS[name][2]) for name in measures},
        }
        for entry in found.entries
    ]
    bought = {
        COLUMNS[name][0]: _said(found.bought[name], COLUMNS[name][2]) if name in found.bought else "–"
        for name in measures
    }
    rows.append({"model": BOUGHT, found.metric: "–", **bought})
    helped = {COLUMNS[name][0]: COLUMNS[name][1] for name in measures}
    st.markdown(f"##### The first {found.first} items of each list")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "model": st.column_config.TextColumn(width="large"),
            found.metric: st.column_config.TextColumn(alignment="right", help=help_for("interval")),
            **{name: st.column_config.TextColumn(alignment="right", help=text) for name, text in helped.items()},
        },
        alt=f"What the lists of {len(found.entries)} models are like, and what shoppers bought",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(found.rows(), f"lists-{found.data}-{found.protocol}.csv")
        st.caption(
            f"{found.users:,} test shoppers, {found.items:,} items; ± half a 95 % interval. The CSV has differences. "
            "More of any of these is not better: they say what a list is like, not how good it is."
        )


def _said(value: Interval, is_share: bool) -> str:
    half = value.half_width
    if is_share:
        return share(value.value) + ("" if half is None else f" ± {share(half)}")
    return f"{value.value:,.1f}" + ("" if half is None else f" ± {half:,.1f}")


page()
