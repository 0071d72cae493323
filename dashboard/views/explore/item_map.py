"""The items of a model on a map: near each other where it learned the same of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.charts.behaviors import cues
from dashboard.text import count, share
from dashboard.widgets import figures
from nmtr.data.library import DatasetInfo
from nmtr.items import Items
from nmtr.items.map import Kind
from nmtr.runs.store import Run

KEY = "item_map"  # of the figure
FUNNEL = "no map"
COLORS = {"category": "category", "price": "price", "stuck": "where it gets stuck"}
_MOST = 7  # kinds that have a color of their own; the others are grey
_REST, _NONE = "others", "not known"


def pick(run: Run) -> str | None:
    """What the map is colored by; None where the other picture is wanted, or the model learns no vector of an item."""
    found = cache.item_map(run.id)
    if found is None or not found.kinds:
        return None
    offered = [name for name in COLORS if name in found.kinds]
    asked = address.selected("color")
    st.session_state["item_color"] = asked if asked in offered else FUNNEL

    def picked() -> None:
        chosen = st.session_state["item_color"]
        address.select(color=None if chosen in (None, FUNNEL) else chosen)

    chosen = st.segmented_control(
        "Map of what the model learned, by",
        [FUNNEL, *offered],
        key="item_color",
        format_func=lambda name: COLORS.get(name, name),
        on_change=guard.callback(picked),
    )
    return None if chosen in (None, FUNNEL) else str(chosen)


def draw(
    info: DatasetInfo,
    run: Run,
    every: Items,
    color: str,
    shown: pd.DataFrame,
    names: np.ndarray,
    on_click: Callable[[], None],
) -> None:
    """The map of the items that are shown, which are called so."""
    found = cache.item_map(run.id)
    assert found is not None, "a color was picked"
    kind = found.kinds[color]
    columns = np.argsort(every.rank)[shown["place"].to_numpy() - 1]
    drawn = ~np.isnan(found.places[columns, 0])
    labels = shown["item"].to_numpy(object)[drawn]
    missing = int((~drawn).sum())
    figures.figure(
        finding(kind, color),
        f"each point an item; near each other where the model learned the same of them. This plane shows "
        f"{share(found.share)} of what their vectors differ by (PCA)"
        + (f"; {count(missing, 'item', 'items')} of which nothing was learned left out" if missing else ""),
        charts.item_map(
            _groups(info, kind, color, columns[drawn], labels, names[drawn], found.places), figures.theme()
        ),
        KEY,
        figures.source(info, run),
        on_click,
    )


def finding(kind: Kind, color: str) -> str:
    """How far items of one kind are near each other, beside chance."""
    what = {"category": "of its category", "price": "of its price", "stuck": "stuck at the same stage"}[color]
    return f"An item's nearest neighbor is {what} in {share(kind.same)}; by chance it would be in {share(kind.chance)}"


def _groups(
    info: DatasetInfo,
    kind: Kind,
    color: str,
    columns: np.ndarray,
    labels: np.ndarray,
    names: np.ndarray,
    places: np.ndarray,
) -> list[charts.Spots]:
    """The items by kind: the largest with a look of their own, the others and those of none in grey, drawn first."""
    place = kind.place[columns]
    sizes = np.bincount(place[place >= 0], minlength=len(kind.names))
    named = np.arange(len(sizes)) if color != "category" else np.argsort(-sizes, kind="stable")[:_MOST]
    if color == "stuck":
        behavior = cues(info.behaviors)
        looks = [charts.Look(behavior[name].color, behavior[name].symbol, "solid") for name in kind.names]
    else:
        looks = charts.kinds(len(named), ordered=color == "price")
    grey = charts.Look(charts.REFERENCE, "circle", "solid")
    nowhere = "nowhere" if color == "stuck" else _NONE
    groups = [(nowhere, grey, place < 0), (_REST, grey, (place >= 0) & ~np.isin(place, named))]
    groups += [(kind.names[n], look, place == n) for n, look in zip(named.tolist(), looks, strict=True)]
    return [
        charts.Spots(
            name,
            look,
            labels[members].tolist(),
            names[members].tolist(),
            places[columns[members], 0],
            places[columns[members], 1],
        )
        for name, look, members in groups
        if members.any()
    ]
