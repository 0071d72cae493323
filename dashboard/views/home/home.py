"""The front door: what this is, the data set as a cascade, and where to begin."""

from __future__ import annotations

import streamlit as st

from dashboard import address, selection
from dashboard.text import past, plain
from dashboard.widgets import empty


def page() -> None:
    address.forward()
    st.markdown("##### NMTR Studio learns what shoppers will buy next from what they view, put in the cart and buy.")
    info = selection.current_data()
    if info is None:
        empty.no_data("It takes a file of who did what with which item.")
        return
    address.show(data=info.name)
    steps = zip(info.behaviors, info.interactions.values(), strict=True)
    st.markdown(" → ".join(f"**{count:,}** {plain(past(behavior))}" for behavior, count in steps))
    if st.button("Explore a shopper", type="primary", key="to_shopper", icon=":material/shopping_bag:"):
        address.go("shopper", data=info.name)


page()
