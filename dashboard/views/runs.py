"""Every run, grouped by data set and protocol: figures of different ones are never ranked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import live, parts, state
from dashboard.words import duration, metric, plain
from nmtr.runs.store import Run

LOG_LINES = 200
STATES = {
    "queued": "○ queued",
    "running": "◐ running",
    "done": "● done",
    "failed": "✕ failed",
    "cancelled": "– cancelled",
}


def page() -> None:
    runs = state.workspace().runs.list()
    if not runs:
        parts.empty(
            "No runs yet",
            "Each training will stand here with its state, its options and its metrics, by data set and protocol.",
            "Train a model",
            "train",
            ":material/play_arrow:",
        )
        return
    before = [(run.id, run.state) for run in runs]

    @st.fragment(run_every=2.0 if any(run.live for run in runs) else None)
    def tables() -> None:
        with state.guarded():
            now = state.workspace().runs.list()
            if [(run.id, run.state) for run in now] != before:
                st.rerun()
            _tables(now)

    tables()


def _tables(runs: Sequence[Run]) -> None:
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.config.data, run.fingerprint, run.config.protocol), []).append(run)
    for (data, fingerprint, protocol), members in groups.items():
        with st.container(gap=None):
            st.markdown(f"##### {_finding(members)}")
            st.caption(f"{plain(data)} · {protocol} · data version {fingerprint[:8]}")
        _table(members, f"runs-{data}-{fingerprint}-{protocol}")


def _finding(runs: Sequence[Run]) -> str:
    done = [run for run in runs if run.result is not None and "HR@100" in run.result.test]
    if not done:
        return "No finished run yet"
    best = max(done, key=lambda run: run.result.test["HR@100"] if run.result else 0.0)
    assert best.result is not None
    figure = metric(best.result.test["HR@100"], best.result.intervals["HR@100"])
    return f"HR@100 up to {figure}: {plain(best.config.label)} {best.id}"


def _table(runs: Sequence[Run], key: str) -> None:
    rows = [
        {
            "run": run.id,
            "state": STATES[run.state] + (f" {run.epoch}/{run.epochs}" if run.state == "running" else ""),
            "model": run.config.label,
            "differs in": differences(run, runs),
            **{
                name: metric(run.result.test[name], run.result.intervals[name]) if run.result else ""
                for name in live.HEADLINES
            },
            "epochs": run.result.epochs if run.result else None,
            "took": duration(run.seconds) if run.seconds else "",
            "created": datetime.fromtimestamp(run.created, UTC),
        }
        for run in runs
    ]
    event = st.dataframe(
        pd.DataFrame(rows),
        key=key,
        hide_index=True,
        column_config={
            "run": st.column_config.TextColumn(width="small", pinned=True),
            "differs in": st.column_config.TextColumn(width=330),
            **dict.fromkeys(
                live.HEADLINES, st.column_config.TextColumn(help="on test, ± half a 95 % interval", alignment="right")
            ),
            "created": st.column_config.DatetimeColumn(format="distance"),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=f"Runs of {runs[0].config.data}, {runs[0].config.protocol}",
    )
    chosen = event["selection"]["rows"]
    if chosen and chosen[0] < len(runs):
        _actions(runs[chosen[0]])


def differences(run: Run, others: Sequence[Run]) -> str:
    """The options of a run that are not the same in all of the others."""
    options = [other.config.to_json() for other in others]
    shown = []
    for name, value in run.config.to_json().items():
        if name in ("data", "protocol", "method", "unit", "threads"):
            continue
        if all(other.get(name, value) == value for other in options):
            continue
        if name == "lambdas":
            value = "/".join(f"{weight:.2f}".removeprefix("0") for weight in value)
        elif isinstance(value, list):
            value = "+".join(value)
        shown.append(f"{'λ' if name == 'lambdas' else name} {value}")
    return " · ".join(shown)


def _actions(run: Run) -> None:
    workspace = state.workspace()
    with st.container(horizontal=True, vertical_alignment="center", key=f"actions-{run.id}"):
        st.markdown(f"**{plain(run.config.label)}** {run.id}")
        if st.button("Open", key=f"open-{run.id}", type="primary", icon=":material/open_in_new:"):
            st.session_state["watching"] = run.id
            state.go("recommend" if run.state == "done" else "train", data=run.config.data, run=run.id, item=None)
        if run.live:
            st.button(
                "Cancel",
                key=f"cancel-{run.id}",
                icon=":material/stop_circle:",
                disabled=run.cancel_requested,
                on_click=state.attempt,
                args=(workspace.cancel, run.id),
            )
        if run.state in ("failed", "cancelled"):
            st.button(
                "Resume",
                key=f"resume-{run.id}",
                icon=":material/play_arrow:",
                on_click=state.attempt,
                args=(workspace.resume, run.id),
            )
        if st.button("Log", key=f"log-{run.id}", icon=":material/article:"):
            _log(run)
        if st.button("Delete", key=f"delete-{run.id}", icon=":material/delete:", disabled=run.state == "running"):
            _confirm(run)
    if run.error:
        st.error(plain(run.error), icon=":material/error:")
    state.show_refusal()


@st.dialog("Log", width="large")
def _log(run: Run) -> None:
    st.caption(f"{parts.run_name(run)}: the last {LOG_LINES} lines, and every option")
    path = state.workspace().runs.folder(run.id) / "log.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    st.code("\n".join(lines[-LOG_LINES:]) or "Nothing was logged.", language=None, height=320)
    st.json(run.config.to_json(), expanded=False)


@st.dialog("Delete this run?")
def _confirm(run: Run) -> None:
    st.markdown(f"**{plain(run.config.label)}** {run.id} on {plain(run.config.data)}, {run.config.protocol}.")
    st.markdown("Its metrics, its weights and its log will be gone. This cannot be undone.")
    with st.container(horizontal=True):
        if st.button("Delete", key="confirm_delete", type="primary", icon=":material/delete:"):
            state.attempt(state.workspace().delete, run.id)
            if state.selected("run") == run.id:
                state.select(run=None)
            st.rerun()
        if st.button("Keep it", key="keep"):
            st.rerun()


page()
