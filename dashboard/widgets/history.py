"""What a shopper did, behavior by behavior."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts.behaviors import cues
from dashboard.text import item_name, past, plain, thing
from nmtr.data.dataset import Dataset
from nmtr.data.library import DatasetInfo

SHOWN = 7  # items of a behavior before the rest is folded


def history(info: DatasetInfo, shop: Dataset, row: int) -> None:
    """What the shopper did, the target first; the lowest of several behaviors is folded."""
    cue = cues(info.behaviors)
    held_out = int(shop.test_item[row])
    if held_out >= 0:
        with st.container(gap=None):
            st.text(f"★ {item_name(shop.title(held_out), shop.items[held_out])}")
            st.caption(f"the {plain(thing(shop.target))} held out for the test")
    for behavior, matrix in reversed(list(zip(shop.behaviors, shop.matrices, strict=True))):
        items = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        heading = f"{cue[behavior].glyph} {plain(past(behavior))} **{len(items)}**"
        if behavior == shop.behaviors[0] and shop.num_behaviors > 2 and len(items):
            with st.expander(heading):
                st.text(_lines(shop, items, held_out, len(items)))
        else:
            with st.container(gap=None):
                st.markdown(heading)
                if len(items):
                    st.text(_lines(shop, items, held_out, SHOWN))


def _lines(shop: Dataset, items: np.ndarray, held_out: int, most: int) -> str:
    """One title a line, or labels in a row where there are no titles."""
    names = [f"{shop.title(item) or shop.items[item]}{' ★' if item == held_out else ''}" for item in items.tolist()]
    more = f"and {len(names) - most} more" if len(names) > most else ""
    if shop.attributes is None or "title" not in shop.attributes:
        return "items " + ", ".join(names[: 5 * most]) + (" …" if len(names) > 5 * most else "")
    return "\n".join([*names[:most], *([more] if more else [])])
