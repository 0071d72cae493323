"""What a model says of items over all shoppers: of all, or of one that was chosen."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.views.explore import all_items, one_item
from dashboard.widgets import empty, pickers


def page() -> None:
    one_item.leave_if_asked()
    info = selection.current_data()
    if info is None:
        empty.no_data("Here you will see how each item fares: who may buy it next, and where it gets stuck.")
        return
    run = selection.current_run(info)
    item = address.selected("item")
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        if run is not None:
            pickers.pick_run(info, run)
            pickers.pick_item(info, item)
            if item is not None:
                everything = guard.callback(address.select, item=None)
                st.button("All items", key="all_items", type="tertiary", on_click=everything)
    if run is None:
        empty.no_run(info)
        return
    address.show(data=info.name, run=run.id, item=item)
    if item is None:
        all_items.draw(info, run)
    else:
        cache.dataset(info).item_index(item)  # before what takes seconds
        one_item.draw(info, run, item)


page()
