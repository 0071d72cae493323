"""The steps from an upload to a data set: what is chosen in each is a part of the recipe."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from dashboard.text import count, plain
from nmtr.data.behaviors import propose
from nmtr.data.preview import Preview
from nmtr.data.recipe import HoldOut
from nmtr.data.times import FORMS

#: What a column can be, as the page calls it; the first three are needed.
ROLES = {
    "user": "Shopper",
    "item": "Item",
    "behavior": "Behavior",
    "time": "Time",
    "title": "Title",
    "category": "Category",
    "price": "Price",
}
NEEDED = ("user", "item", "behavior")
NONE = "–"
ONE_BEHAVIOR = "all rows are purchases"
RULES: dict[HoldOut, str] = {
    "auto": "The last one by time, if there are times; else the file's own choice, else one at random",
    "last": "The last one by time",
    "source": "The file's own choice, in a column called split",
    "random": "One at random",
}
assert set(RULES) == set(get_args(HoldOut))


def delimiter(found: Preview, key: str) -> str | None:
    """What stands between the values of a file, asked for where only one column was found."""
    if found.layout == "lines" or len(found.columns) != 1:
        return None
    said = st.text_input(
        "Only one column was found. What stands between the values?",
        key=f"{key}_delimiter",
        max_chars=4,
        width=460,
        placeholder="one to four signs, such as ~ or ||",
    )
    return said or None


def as_found(chosen: dict[str, str], found: Preview) -> bool:
    """Whether each column is chosen for what it was taken for anyway."""
    taken = {column.role: column.name for column in found.columns if column.role}
    return all(chosen.get(role, "") == taken.get(role, "") for role in {*chosen, *taken})


def columns(found: Preview, key: str) -> dict[str, str]:
    """Which column is what, with values from the file under each; empty where the file has a line a shopper."""
    if found.layout == "lines":
        st.markdown("The file has a line for each shopper: the shopper, then items. There are no columns to choose.")
        return {}
    seen = {column.name: column for column in found.columns}
    roles = {column.role: column.name for column in found.columns if column.role}
    chosen: dict[str, str] = {}
    with st.grid(3, min_column_width=200):
        for role, label in ROLES.items():
            options = [*([] if role in NEEDED[:2] else [NONE]), *seen]
            if role == "behavior":
                options = [ONE_BEHAVIOR, *seen]
            with st.container(gap="xsmall"):
                pick = st.selectbox(
                    label,
                    options,
                    index=options.index(roles[role]) if role in roles else (None if role in NEEDED else 0),
                    placeholder="choose a column",
                    key=f"{key}_{role}",
                )
                values = seen[pick].values if pick in seen else ()
                st.caption(plain(" · ".join(values)[:90]) or "&nbsp;")
            if pick is not None:
                chosen[role] = {NONE: "", ONE_BEHAVIOR: "=buy"}.get(pick, pick)
    return {role: name for role, name in chosen.items() if name or role == "time"}


def behaviors(found: Preview, key: str) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """The behaviors in their order, and those that are taken for others; None where there is nothing to choose."""
    if not found.behaviors:
        return None, {}
    order, merged = propose(found.behaviors)
    if found.order and not merged:
        order = found.order
    chosen = st.multiselect(
        "In the order in which shoppers do them; the last is what is recommended",
        list(found.behaviors),
        default=[name for name in order if name in found.behaviors],
        format_func=lambda name: f"{name} ({found.behaviors[name]:,})",
        placeholder="choose the first step",
        key=f"{key}_order",
    )
    others = [name for name in found.behaviors if name not in chosen]
    taken: dict[str, str] = {}
    if others and chosen:
        told = count(len(others), "other behavior", "other behaviors")
        st.caption(f"{told} of the file: left out, or taken for one above")
        with st.grid(3, min_column_width=200):
            for name in others:
                options = [NONE, *chosen]
                usual = merged.get(name)
                taken[name] = st.selectbox(
                    f"{plain(name)} ({count(found.behaviors[name], 'row', 'rows')})",
                    options,
                    index=options.index(usual) if usual in options else 0,
                    format_func=lambda other: "left out" if other == NONE else f"is {other}",
                    key=f"{key}_merge_{name}",
                )
    return tuple(chosen) or None, {name: other for name, other in taken.items() if other != NONE}


def hold_out(key: str) -> dict[str, object]:
    """Which purchase of each shopper the models are tested on."""
    rule = st.radio("Of each shopper, hold out", list(RULES), format_func=RULES.__getitem__, key=f"{key}_rule")
    later = st.checkbox(
        "Leave out what came later",
        key=f"{key}_later",
        help="Whatever a shopper did at or after the held-out purchase, in every behavior: so that a model learns only "
        "from what was known by then.",
    )
    return {"hold_out": rule, "cut_later": later}


def cleaning(found: Preview, key: str) -> dict[str, object]:
    """What is left out or added before that; nothing unless it is asked for."""
    implied = st.checkbox(
        "Add the steps that a purchase implies",
        key=f"{key}_implied",
        help="Who bought an item without a view or cart in the file has seen it all the same: adds those pairs.",
    )
    with st.container(horizontal=True):
        users = st.number_input("Pairs that a shopper needs", 0, 1000, 0, key=f"{key}_users", width=220)
        items = st.number_input("Pairs that an item needs", 0, 1000, 0, key=f"{key}_items", width=220)
        forms = ["as they are", *FORMS]
        dates = forms[0]
        if found.layout == "events":
            dates = st.selectbox("Form of dates", forms, key=f"{key}_dates", width=220)
    sample = st.number_input(
        "Keep only a sample of the shoppers",
        1,
        None,
        None,
        key=f"{key}_sample",
        width=300,
        placeholder="all of them",
        help="So many of those who have a purchase, drawn at random and with all that they did: to try things out on a "
        "large log.",
    )
    skip = found.layout == "events" and st.checkbox(
        "Leave out rows that cannot be read",
        key=f"{key}_skip",
        help="They are counted, the first are shown, and all are kept in a file beside the data set.",
    )
    return {
        "implied": implied,
        "least_of_user": int(users),
        "least_of_item": int(items),
        "sample_users": None if sample is None else int(sample),
        "dates": None if dates == forms[0] else dates,
        "skip_bad": skip,
    }
