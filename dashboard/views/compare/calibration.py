"""How far the chances of a run agree with what shoppers went on to do, stage by stage."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, selection
from dashboard.charts.behaviors import cues
from dashboard.text import one_in, plain, share
from dashboard.widgets import chances, empty, figures, pickers
from nmtr.chances import Chances, Reliability, StageChances, means
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run
from nmtr.runs.withheld import said

PROMISE = "Here you will see how far the chances that a model gives agree with what shoppers went on to do."
MAPPED, UNMAPPED = "as shown", "without the map"


def page() -> None:
    info = selection.current_data()
    if info is None:
        empty.no_data(PROMISE)
        return
    run = selection.current_run(info)
    if run is None:
        empty.no_run(info)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        pickers.pick_run(info, run)
    address.show(data=info.name, run=run.id)
    if cache.workspace().runs.withheld([run]):
        _withheld(run)
        return
    found = cache.chances(run.id)
    if found is None:
        _loading(run)
        return
    for stage in reversed(found.stages):  # the target first: it is what lists are made of
        with st.container(border=True, key=f"stage_{found.stages.index(stage)}"):
            _stage(info, run, found, stage)
    figures.export(rows(found), f"calibration-{run.id}.csv")


def _withheld(run: Run) -> None:
    st.markdown("##### Not shown of a study's point")
    st.markdown(f"Run {run.id}: {plain(said(run))}")
    if st.button("Open the study", icon=":material/change_history:", key="open_study"):
        address.go("lab", study=run.study)


def _loading(run: Run) -> None:
    st.markdown("##### Holding what was said against what was found")
    with st.container(border=True):
        chances.wait(run)
        st.space("large")


def _stage(info: DatasetInfo, run: Run, found: Chances, stage: StageChances) -> None:
    target = stage.behavior == run.config.target
    if stage.after is None:
        _unchecked(run, stage, target=target)
        return
    drawn, told = st.columns([1.15, 1], gap="large")
    judged = _judged(stage)
    cue = cues(info.behaviors)[stage.behavior]
    with drawn:
        figures.figure(
            f"{cue.glyph} {plain(finding(stage.behavior, stage.after))}",
            "what was said beside what was found, in bins that are to hold as many pairs each; 95 % intervals",
            charts.reliability(judged, cue, figures.theme()),
            f"reliability_{stage.behavior}",
            figures.source(info, run),
        )
    with told:
        st.markdown(plain(means(stage, target=target)))
        st.caption(plain(population(found, stage)))
        st.markdown(f"**{plain(agreeing(stage.after))}**")
        st.caption(plain(stage.why))
        _errors(judged)


def _judged(stage: StageChances) -> dict[str, Reliability]:
    """What there is to draw, the chances that are shown last."""
    assert stage.after is not None, "it was checked"
    if stage.before is None or stage.before == stage.after:
        return {MAPPED: stage.after}
    return {UNMAPPED: stage.before, MAPPED: stage.after}


def finding(behavior: str, judged: Reliability) -> str:
    """What came of the highest chances, which are those that lists show."""
    top = judged.bins[-1]
    how = "" if top.agrees else ("only " if top.rate < top.chance else "as many as ")
    return f"When it says {one_in(top.chance)}, {how}{one_in(top.rate)} {behavior}"


def agreeing(judged: Reliability) -> str:
    """In how many bins what was said is in the interval of what was found, and how far off they are."""
    inside = sum(part.agrees for part in judged.bins)
    return f"{inside} of {len(judged.bins)} bins agree; they are off by {share(judged.misplaced)} of what was found"


def population(found: Chances, stage: StageChances) -> str:
    """Of whom and of what this is, in one sentence."""
    assert stage.after is not None, "it was checked"
    drawn = f" of {found.users:,} shoppers drawn from {found.of_users:,}" if found.users < found.of_users else ""
    return (
        f"Checked on {stage.after.found:,} test pairs{drawn}, one a shopper, among the {stage.after.pairs:,} pairs of "
        "these shoppers that training did not have: it is about shoppers who have a next one."
    )


def _errors(judged: dict[str, Reliability]) -> None:
    table = pd.DataFrame(
        {
            "chances": [*judged],
            "expected": [f"{one.expected:,.0f}" for one in judged.values()],
            "found": [f"{one.found:,}" for one in judged.values()],
            "calibration error": [f"{100 * one.error:.2g} %" for one in judged.values()],
            "by luck alone": [f"{100 * one.by_chance:.2g} %" for one in judged.values()],
        }
    )
    right: dict[str, Any] = {
        "expected": st.column_config.TextColumn(alignment="right", help="The sum of all chances."),
        "found": st.column_config.TextColumn(alignment="right", help="How many pairs were held out for the test."),
        "calibration error": st.column_config.TextColumn(
            alignment="right",
            help="Expected calibration error: how far what was said is from what was found, in the mean over all pairs "
            "of their bins. Most pairs have a tiny chance, so it is tiny too.",
        ),
        "by luck alone": st.column_config.TextColumn(
            alignment="right", help="The error that there would be with so many pairs if every chance were true."
        ),
    }
    st.dataframe(table, hide_index=True, column_config=right, alt="Expected calibration error before and after the map")


def _unchecked(run: Run, stage: StageChances, *, target: bool) -> None:
    """Why a stage's chances were not checked, and what to do about it."""
    st.markdown(f"##### {plain(stage.behavior)}: {'no chances' if stage.basis == 'none' else 'not checked'}")
    st.markdown(plain(stage.why))
    st.caption(plain(remedy(run, stage, target=target)))
    if not target and not run.config.hold_out_lower:
        if st.button("Set that up", icon=":material/tune:", key=f"check_{stage.behavior}"):
            st.session_state["take_up"] = run.config.model_copy(update={"hold_out_lower": True})
            address.go("train", data=run.config.data, run=None)


def remedy(run: Run, stage: StageChances, *, target: bool) -> str:
    """What to do for a stage to have chances that are checked."""
    if not target and not run.config.hold_out_lower:
        return "Train it again with “Test lower behaviors, too”, and they are checked on pairs of its own."
    if run.config.refit:
        return "Train it again without “Refit on training + validation”: a map is fitted on the validation pairs."
    return "It takes 100 shoppers with a held-out pair: choose a data set with more."


def rows(found: Chances) -> list[dict[str, Any]]:
    """Every bin of every stage, before and after the map."""
    return [
        {"run": found.run, "behavior": stage.behavior, "chances": name, "bin": place, **part.model_dump()}
        for stage in found.stages
        if stage.after is not None
        for name, judged in _judged(stage).items()
        for place, part in enumerate(judged.bins, 1)
    ]


page()
