"""How runs fare by what shoppers went on to buy, or by a condition that the visitor writes."""

from __future__ import annotations

import shlex
from collections import Counter

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.glossary import help_for
from dashboard.text import gap, metric, p_value, plain, told
from dashboard.views.compare import choosing
from dashboard.views.compare.choosing import Choice, part
from dashboard.widgets import figures
from nmtr.compare import Score, Slices
from nmtr.errors import ConfigError

PURCHASES, MOVES, CONDITION = "purchases", "user", "condition"
NAMES = {
    PURCHASES: "purchases so far",
    "buyers": "popularity of the next purchase",
    "visited": "visit of it before, or none",
    "category": "category of the next purchase",
    "price": "price of the next purchase",
    "recency": "how long they had not been seen",
    CONDITION: "a condition of yours",
    MOVES: "who gains and who loses",
}
_MEASURED = {
    "buyers": "by how many shoppers bought the held-out item in training",
    "visited": "by whether the shopper had visited the held-out item before",
    "category": "by the category of the held-out item",
    "price": "by the price of the held-out item",
    "recency": "by days from the shopper's last pair in training to the end of the log",
}

_WHERE_TOLD = ("category", "price", "recency")  # what only some data sets know


def pick(choice: Choice) -> str:
    """What the groups are made by: "purchases", an attribute, or a condition; "" where none is written yet."""
    told_of = _told(choice)
    names = [name for name in NAMES if name not in _WHERE_TOLD or name in told_of]
    asked = address.selected("by") or PURCHASES
    by = asked if asked in names else CONDITION
    if st.session_state.get("groups_by") != CONDITION or by != PURCHASES:  # one that is about to be written stays
        st.session_state["groups_by"] = by

    def picked() -> None:
        chosen = st.session_state["groups_by"]
        address.select(by=None if chosen in (PURCHASES, CONDITION) else chosen)

    def written() -> None:
        address.select(by=st.session_state["groups_where"].strip() or None)

    with st.container(horizontal=True, vertical_alignment="bottom", key="groups_controls"):
        chosen = st.selectbox(
            "Shoppers by",
            names,
            key="groups_by",
            format_func=NAMES.__getitem__,
            on_change=guard.callback(picked),
            width=270,
        )
        if chosen != CONDITION:
            return chosen
        st.session_state["groups_where"] = asked if by == CONDITION else ""
        st.text_input(
            "Condition",
            key="groups_where",
            max_chars=1_000,
            placeholder="buyers < 20 AND NOT visited",
            on_change=guard.callback(written),
            width=420,
        )
    behaviors = ", ".join(cache.dataset(choice.info).behaviors)
    about = [name for name in ("title", "category", "price") if name in told_of]
    seen = ", how many days they had not been seen (recency)" if "recency" in told_of else ""
    st.caption(
        f"You can ask how many pairs a shopper has of each behavior ({plain(behaviors)}), who they are (user){seen}, "
        f"and of the held-out item: {', '.join(['item', *about, 'buyers, visited'])}. Put them together with AND, OR, "
        "NOT, =, <, >, IN, BETWEEN, LIKE."
    )
    return asked if by == CONDITION else ""


def _told(choice: Choice) -> set[str]:
    """What the data set knows beside who did what."""
    dataset = cache.dataset(choice.info)
    known = set() if dataset.attributes is None else {str(name) for name in dataset.attributes}
    return known | ({"recency"} if dataset.last_day is not None else set())


def show(choice: Choice, by: str) -> None:
    if not by:
        st.markdown("##### Write a condition to part the shoppers by")
        return
    try:
        with st.skeleton(height=420):
            table = choosing.slices(choice, by)
    except ConfigError as error:
        st.error(told(error), icon=":material/block:")
        return
    looks = charts.looks([entry.name for entry in table.entries], table.reference)
    groups = {group.name: group.users for group in table.groups}
    measured = _MEASURED.get(by, "by whether the condition holds")
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        figures.figure(
            finding(table),
            f"{table.metric} {measured}, 95 % intervals",
            charts.by_slice(
                groups, {e.name: [part(s) for s in e.groups] for e in table.entries}, looks, figures.theme()
            ),
            "groups",
            choice.where,
        )
    with right, st.container(border=True, height="stretch"):
        _differences(choice, table, groups, looks)
    _tables(table)
    asked = f" --by {by}" if by in _MEASURED else f" --where {shlex.quote(by)}"
    choosing.code(choice, "slices", asked, by=by)


def finding(table: Slices) -> str:
    """Who is best in most groups, and where another is."""
    best = [
        max(table.entries, key=lambda entry: entry.groups[number].value).name for number in range(len(table.groups))
    ]
    ((first, times),) = Counter(best).most_common(1)
    of = f"{plain(first)} has the highest {table.metric} in "
    if times == len(best):
        return of + ("both groups" if times == 2 else f"all {times} groups")
    number = next(number for number, name in enumerate(best) if name != first)
    return f"{of}{times} of {len(best)} groups; {plain(best[number])} in “{plain(table.groups[number].name)}”"


def _differences(choice: Choice, table: Slices, groups: dict[str, int], looks: dict[str, charts.Look]) -> None:
    others = [entry for entry in table.entries if entry.name != table.reference]
    if not others:
        choosing.alone("where they are apart")
        return
    most = max(
        (
            (entry, group, score.difference)
            for entry in others
            for group, score in zip(groups, entry.groups, strict=True)
        ),
        key=lambda found: 0.0 if found[2] is None else abs(found[2].value),
    )
    entry, group, difference = most
    assert difference is not None, "it is not the reference"
    p = f" ({p_value(difference.p)})" if difference.p is not None else ""
    figures.figure(
        f"Furthest apart in “{plain(group)}”: {plain(entry.name)} "
        f"{gap(difference.value, difference.half_width)} to {plain(table.reference)}{p}",
        f"difference to {plain(table.reference)} over the same shoppers; p corrected by Holm for all models and groups",
        charts.by_slice(
            groups,
            {e.name: [part(s.difference) for s in e.groups if s.difference is not None] for e in others},
            looks,
            figures.theme(),
            apart=True,
        ),
        "differences",
        choice.where,
    )


def _tables(table: Slices) -> None:
    """A row for each group: there may be more of them than models."""
    names = [entry.name for entry in table.entries]
    right = {name: st.column_config.TextColumn(alignment="right", help=help_for("interval")) for name in names}
    for title, said, columns in (
        (f"{table.metric} by group", _value, names),
        (
            f"Difference to {plain(table.reference)}",
            choosing.difference,
            [name for name in names if name != table.reference],
        ),
    ):
        if not columns:
            continue
        rows = [
            {
                "group": group.name,
                "shoppers": group.users,
                **{entry.name: said(entry.groups[n]) for entry in table.entries if entry.name in columns},
            }
            for n, group in enumerate(table.groups)
        ]
        st.markdown(f"##### {title}")
        st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=dict(right), alt=title)
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(table.rows(), f"groups-{table.data}-{table.protocol}.csv")
        st.caption(
            "Each test shopper is in one group. Small groups have wide intervals: look at the number of shoppers."
        )


def _value(score: Score) -> str:
    return metric(score.value, score.half_width)
