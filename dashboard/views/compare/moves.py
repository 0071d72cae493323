"""Which shoppers gain and which lose by each model, beside the reference; a click from each shopper's page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, charts
from dashboard.text import item_name, plain, shortened
from dashboard.views.compare import choosing
from dashboard.views.compare.choosing import Choice
from dashboard.widgets import figures
from dashboard.widgets.row_list import Cell, Column, row_list
from nmtr.compare import Moved, Mover, Moves


def leave_if_asked() -> None:
    """Go on to the shopper whose row was clicked: a widget's callback cannot leave the page itself."""
    if (asked := st.session_state.pop("mover", None)) is not None:
        user, item, run = asked
        address.go("shopper", run=run, user=user, item=item)


def show(choice: Choice) -> None:
    if len(choice.entries) < 2:
        choosing.alone("whom each of them serves better")
        return
    with st.skeleton(height=320):
        found = choosing.moves(choice)
    looks = charts.looks([*(entry.name for entry in found.entries), found.reference], found.reference)
    with st.container(border=True):
        figures.figure(
            finding(found),
            f"test shoppers whose next purchase comes into the first {found.first} items, and whose leaves them; "
            f"beside {plain(found.reference)}, {found.users:,} shoppers",
            charts.exchanged(
                {entry.name: (entry.into, entry.out_of) for entry in found.entries}, looks, figures.theme()
            ),
            "exchanged",
            choice.where,
        )
    names = [entry.name for entry in found.entries]
    if len(names) > 1:
        chosen = st.selectbox("Model", names, key="moves_model", format_func=shortened, width=270)
    else:
        chosen = names[0]
    entry = found.entries[names.index(chosen)]
    left, right = st.columns(2, gap="medium")
    with left:
        _list(found, entry, entry.gain, f"{entry.up:,} gain, these the most", "gain")
    with right:
        _list(found, entry, entry.lose, f"{entry.down:,} lose, these the most", "lose")
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(found.rows(), f"moves-{found.data}-{found.protocol}.csv")
        st.caption(
            "Places of the next purchase, which no model saw. The most gained is the most times further up: from 200 "
            "to 10 is more than from 2,000 to 1,000. A row opens that shopper."
        )
    choosing.code(choice, "moves", " --by user")


def finding(found: Moves) -> str:
    """What the best of them does with the reference's hits."""
    best = found.entries[0]
    net = best.into - best.out_of
    more = "more" if net >= 0 else "fewer"
    return (
        f"{plain(best.name)} finds the next purchase of {abs(net):,} shoppers {more} than {plain(found.reference)}: "
        f"it wins {best.into:,} and loses {best.out_of:,}"
    )


def _list(found: Moves, entry: Moved, movers: Sequence[Mover], title: str, key: str) -> None:
    st.markdown(f"##### {title}")
    if not movers:
        st.caption("Nobody.")
        return
    means = f"the place of the next purchase in the list of {found.reference}, and in that of {entry.name}"
    columns: dict[Column, list[Cell]] = {
        Column("shopper · next purchase"): [f"{one.user} · {item_name(one.title, one.item)}" for one in movers],
        Column("place", "number", help=means): [f"{one.before:,.0f} → {one.after:,.0f}" for one in movers],
    }
    row_list(
        [*columns],
        [*zip(*columns.values(), strict=True)],
        -1,
        lambda place: st.session_state.update(mover=(movers[place].user, movers[place].item, entry.runs[0])),
        key=f"movers-{key}-{entry.runs[0]}-{found.metric}",
        label=f"Shoppers who {key} most by {entry.name}",
    )
