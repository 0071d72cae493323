"""Which items a shopper's list is to hold: of some categories, within prices, new to the shopper or seen before."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from dashboard import address, guard
from dashboard.views.explore import choices
from dashboard.widgets import painted
from nmtr.data.library import DatasetInfo
from nmtr.wanted import Seen, Wanted

_SEEN: dict[Seen, str] = {"any": "all", "new": "new to the shopper", "seen": "seen before"}


def pick(info: DatasetInfo) -> Wanted:
    """The filters of the address, in a popover."""
    categories, prices = choices.of_dataset(info)
    asked = None if prices is None else choices.within(address.selected("between"), prices)
    wanted = Wanted(
        tuple(name for name in (address.selected("only") or "").split("|") if name in categories),
        None if asked == prices else asked,
        next((seen for seen in get_args(Seen) if seen == address.selected("seen")), "any"),
    )
    said = sum([bool(wanted.categories), wanted.price is not None, wanted.seen != "any"])
    with st.popover(f"Filter ({said})" if said else "Filter", icon=":material/filter_alt:", key="list_filter"):
        if painted.waits():  # until the list is there
            return wanted
        if categories:
            _pick_categories(info, categories, wanted)
        if prices is not None:
            _pick_price(info, prices, wanted)
        if len(info.behaviors) > 1:
            _pick_seen(wanted)
    return wanted


def _pick_categories(info: DatasetInfo, categories: list[str], wanted: Wanted) -> None:
    key = f"only_{info.name}"
    st.session_state[key] = [*wanted.categories]
    st.multiselect(
        "Categories",
        categories,
        key=key,
        placeholder="every category",
        on_change=guard.callback(lambda: address.select(only="|".join(st.session_state[key]) or None, item=None)),
    )


def _pick_price(info: DatasetInfo, ends: tuple[float, float], wanted: Wanted) -> None:
    key = f"between_{info.name}"
    st.session_state[key] = wanted.price or ends

    def picked() -> None:
        low, high = st.session_state[key]
        address.select(between=None if (low, high) == ends else f"{low:g}-{high:g}", item=None)

    st.slider("Price", *ends, key=key, on_change=guard.callback(picked))


def _pick_seen(wanted: Wanted) -> None:
    st.session_state["seen"] = wanted.seen

    def picked() -> None:
        chosen = st.session_state["seen"]
        address.select(seen=None if chosen == "any" else chosen, item=None)

    st.radio("Items", [*_SEEN], key="seen", format_func=_SEEN.__getitem__, on_change=guard.callback(picked))
