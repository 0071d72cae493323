"""Every run, grouped by data set and protocol: figures of different ones are never ranked against each other."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import cache, charts, guard
from dashboard.glossary import help_for
from dashboard.text import STUDIES, count, duration, in_line, metric, plain
from dashboard.views.runs import actions, archives, filters
from dashboard.widgets import empty, figures, live_run, pickers, queue
from nmtr.config.written import option_text, unusual
from nmtr.runs.labels import tags_of
from nmtr.runs.record import Unreadable
from nmtr.runs.store import Run
from nmtr.runs.waiting import Place
from nmtr.runs.withheld import without_test

COMPARED = "HR@100"
MOST_COMPARED = 8  # runs of a group that are drawn; the table has them all
STATES = {
    "queued": "○ queued",
    "running": "◐ running",
    "done": "● done",
    "failed": "✕ failed",
    "cancelled": "– cancelled",
}


def page() -> None:
    runs, lost = cache.workspace().runs.all()
    _unreadable(lost)
    if not runs:
        empty.empty(
            "No runs yet",
            "Each training is listed here with its state, its options and its metrics, by data set and protocol.",
            "Train a model",
            "train",
            ":material/play_arrow:",
        )
        actions.undo()
        archives.take()
        return
    before = [(run.id, run.state) for run in runs]
    fresh = [runs]  # as they were just read, for the first drawing

    @st.fragment(run_every=2.0 if any(run.live for run in runs) else None)
    def tables() -> None:
        with guard.guarded():
            now = fresh.pop() if fresh else cache.workspace().runs.list()
            if [(run.id, run.state) for run in now] != before:
                st.rerun()
            queue.strip(now)
            _tables(filters.chosen(now), tags_of(now))
            actions.undo()

    tables()
    archives.take()


def _unreadable(runs: Sequence[Unreadable]) -> None:
    """Runs that another version of nmtr wrote: named, with the way to be rid of them."""
    for lost in runs:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/warning: {plain(lost.sentence)}", width="stretch")
            st.button(
                "Delete",
                key=f"delete-{lost.id}",
                icon=":material/delete:",
                on_click=guard.callback(cache.workspace().delete, lost.id),
            )


def _tables(runs: Sequence[Run], tags: Sequence[str]) -> None:
    groups: dict[tuple[str, str, str], list[Run]] = {}
    withheld = cache.workspace().runs.withheld(runs)
    for run in (without_test(run) if run.id in withheld else run for run in runs):
        groups.setdefault((run.config.data, run.fingerprint, run.config.protocol), []).append(run)
    for (data, fingerprint, protocol), members in groups.items():
        key = f"{data}-{fingerprint}-{protocol}"
        with st.container(border=True, key=f"group-{key}"):
            _comparison(members, f"{plain(data)} · {protocol} · data version {fingerprint[:8]}", f"compared-{key}")
            _table(members, tags, f"runs-{key}")
    st.caption(
        "Select a row to open a run, see its details and log, name it, cancel, resume or delete it; several rows to "
        "compare, tag, archive or delete them at once."
        if runs
        else "No run is like that."
    )


def _comparison(runs: Sequence[Run], where: str, key: str) -> None:
    """The best runs of a group with their intervals, under what they say, and how many are not compared."""
    done = [run for run in runs if run.result is not None and COMPARED in run.result.test]
    hidden = sum(run.result is not None and run.of_study and not run.result.test for run in runs)
    if not done:
        st.markdown(
            "##### Runs of studies alone: the λ lab chooses among them" if hidden else "##### No finished run yet"
        )
        st.caption(where)
        return
    measured = (_measured(run, name) for run, name in zip(done, pickers.short_names(done), strict=True))
    best = heapq.nlargest(MOST_COMPARED, measured)
    measure = f"share of shoppers whose held-out {plain(runs[0].config.target)} is among the first 100 ({COMPARED})"
    figures.figure(_finding(best), measure, charts.intervals(best, figures.theme()), key, where)
    if hidden:
        st.caption(f"Without {count(hidden, 'run', 'runs')} of studies: {STUDIES}")


def _measured(run: Run, name: str) -> charts.Measured:
    assert run.result is not None, "the run is done"
    test, intervals = run.result.test, run.result.intervals
    return charts.Measured(test[COMPARED], intervals.get(COMPARED, 0.0), name, baseline=run.config.method != "nmtr")


def _finding(ranked: Sequence[charts.Measured]) -> str:
    """Who leads, and whether the next one is within reach of it."""
    first, *others = ranked
    lead = f"{plain(first.name)} leads with {metric(first.value, first.half_width)}"
    if others and first.value - first.half_width <= others[0].value + others[0].half_width:
        return f"{lead}, but its interval and that of {plain(others[0].name)} overlap"
    return lead if others else lead.replace("leads with", "reaches")


def _table(runs: Sequence[Run], tags: Sequence[str], key: str) -> None:
    named = any(run.name or run.tags for run in runs)
    several = len({run.config.behaviors for run in runs}) > 1
    places = queue.places()
    rows = [
        {
            "model": run.config.label + (" (pinned)" if run.pinned else ""),
            **({"name": run.name, "tags": [*run.tags]} if named else {}),
            "state": _state(run, places.get(run.id)),
            **{name: live_run.tested(run.result, name) if run.result else "" for name in live_run.HEADLINES},
            "options": _options(run, several),
            "epochs": str(run.result.epochs or "") if run.result else "",
            "took": duration(run.seconds) if run.seconds else "",
            "created": datetime.fromtimestamp(run.created, UTC),
            "run": run.id,
        }
        for run in runs
    ]
    event = st.dataframe(
        pd.DataFrame(rows),
        key=key,
        hide_index=True,
        column_config={
            "model": st.column_config.TextColumn(width=120),
            "name": st.column_config.TextColumn(width=160),
            "tags": st.column_config.ListColumn(width=160),
            "state": st.column_config.TextColumn(width=220 if any(run.live for run in runs) else 100),
            "options": st.column_config.TextColumn(width=280, help="those that are not the default"),
            "epochs": st.column_config.TextColumn(width=70, alignment="right"),
            "took": st.column_config.TextColumn(width=70, alignment="right"),
            "run": st.column_config.TextColumn(width=90),
            **dict.fromkeys(
                live_run.HEADLINES,
                st.column_config.TextColumn(help=help_for("HR@k", "held-out purchase", "interval"), alignment="right"),
            ),
            "created": st.column_config.DatetimeColumn(format="distance"),
        },
        on_select="rerun",
        selection_mode="multi-row",
        alt=f"Runs of {runs[0].config.data}, {runs[0].config.protocol}",
    )
    chosen = [runs[row] for row in event["selection"]["rows"] if row < len(runs)]
    if len(chosen) > 1:
        actions.of_several(chosen, tags, key)
    elif chosen:
        actions.of_one(chosen[0], tags)


def _state(run: Run, place: Place | None) -> str:
    """A run that waits with its place in line, one that trains with how far it is; and how long that may last."""
    if run.state == "running":
        left = f", {in_line(place)}" if place and place.number == 0 else ""
        return f"{STATES[run.state]} {run.epoch}/{run.epochs}{left}"
    if run.state == "queued" and place and place.number:
        return STATES[run.state].replace("queued", in_line(place))
    return STATES[run.state]


def _options(run: Run, with_behaviors: bool) -> str:
    """Those that are not the usual ones; its behaviors among them where other runs beside it have others."""
    options = ({"behaviors": run.config.behaviors} if with_behaviors else {}) | unusual(run.config)
    return " · ".join(option_text(name, value) for name, value in options.items())


page()
