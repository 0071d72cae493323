"""One cascade: its picture, its table and its finding."""

from __future__ import annotations

import streamlit as st

from dashboard import address, charts
from dashboard.charts.behaviors import cues
from dashboard.text import headline, item_name, measure, plain, signed
from dashboard.widgets import chances, painted
from dashboard.widgets.figures import source, theme
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation
from nmtr.runs.store import Run
from nmtr.whatif import NOBODY


def cascade(
    explanation: Explanation, info: DatasetInfo, run: Run, key: str, why: str = "", after_paint: bool = False
) -> None:
    """The cascade in ten seconds: whose and which item, the finding, the picture.

    why: why there is no chance, where that is not the run's doing. after_paint: whether the picture may wait until a
    browser that was just opened has painted the rest of the page (`painted.ask`).
    """
    with st.container(gap=None):
        st.markdown(f"##### {plain(headline(explanation))}")
        st.text(item_name(explanation.title, explanation.item))
        who = "a new shopper" if explanation.user == NOBODY else f"shopper {plain(explanation.user)}"
        st.caption(f"for {who} — {source(info, run)}")
        chances.sentence(explanation, run, why)
    drawing = charts.cascade(explanation, cues(info.behaviors), theme())
    if after_paint and painted.waits():
        st.skeleton(height=int(drawing.layout.height))
    else:
        st.plotly_chart(drawing, key=key, config=charts.saved_as(key), alt=headline(explanation))


def about_item(run: Run, explanation: Explanation) -> None:
    """The way to what all shoppers make of the item."""
    if st.button("About this item", icon=":material/sell:", key="about_item"):
        address.go("item", run=run.id, item=explanation.item)


def sum_finding(explanation: Explanation) -> str:
    """Which stage adds most to the target's score, of how much."""
    added = {stage.behavior: stage.own + stage.bias for stage in explanation.stages}
    most = max(added, key=lambda behavior: abs(added[behavior]))
    unit = "log-odds" if measure(explanation) == "log-odds" else "the score"
    return f"In {unit}, the {most} adds most: {signed(added[most])} of {signed(explanation.logit)}"
