"""Pieces that more than one page is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, state
from dashboard.cues import cues
from dashboard.words import headline, item_name, measure, plain, signed
from nmtr.data.library import DatasetInfo
from nmtr.explain import Explanation
from nmtr.runs.store import Run


def theme() -> charts.Theme:
    """The colors that the browser shows."""
    return charts.DARK if st.context.theme.type == "dark" else charts.LIGHT


def source(info: DatasetInfo, run: Run | None = None) -> str:
    """What stands beside every figure: data set · protocol · run, and whether the data is invented."""
    parts = [plain(info.name)]
    if run is not None:
        parts += [run.config.protocol, f"{run.config.label} {run.id}"]
    if info.synthetic:
        parts.append("synthetic demo data")
    return " · ".join(parts)


def figure(
    title: str, measure: str, drawing: go.Figure, key: str, where: str, on_click: Callable[[], None] | None = None
) -> None:
    """A figure under its finding; the measure and where the data is from below that.

    on_click: called when a mark is clicked; `clicked` then tells which.
    """
    with st.container(gap=None):
        st.markdown(f"##### {title}")
        st.caption(f"{measure} — {where}")
    shared: dict[str, Any] = {"key": key, "config": charts.CONFIG, "alt": f"{title}: {measure}".replace("\\", "")}
    if on_click is not None:
        shared |= {"on_select": on_click, "selection_mode": "points"}
    st.plotly_chart(drawing, **shared)


def clicked(key: str) -> str | None:
    """The key of the mark that was clicked in a figure; None where none was."""
    event = st.session_state.get(key) or {}
    points = event.get("selection", {}).get("points", [])
    return str(points[0]["customdata"][0]) if points and points[0].get("customdata") else None


def empty(title: str, text: str, button: str, page: str, icon: str) -> None:
    """What a page will show, and the one button that gets there."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("small")
        st.subheader(title, anchor=False, text_alignment="center")
        st.markdown(text, text_alignment="center", width=560)
        if st.button(button, type="primary", icon=icon, key="empty_go"):
            state.go(page)
        st.space("small")


def no_data(promise: str) -> None:
    """What the page will show once there is a data set."""
    empty(
        "No data set yet",
        promise,
        "Add a data set",
        "data",
        ":material/add:",
    )


def no_run(info: DatasetInfo) -> None:
    live = [run for run in state.workspace().runs.list("queued", "running") if run.config.data == info.name]
    if live:
        empty(
            "A model is being trained",
            f"{live[0].config.label} on {plain(info.name)}: its recommendations will be here when it is done.",
            "Watch it",
            "train",
            ":material/monitoring:",
        )
    else:
        empty(
            f"No trained model on {plain(info.name)} yet",
            "Train one, and its recommendations and the cascade behind each of them will be here.",
            "Train a model",
            "train",
            ":material/play_arrow:",
        )


def pick_data(info: DatasetInfo, width: int | Literal["stretch"] = 170) -> None:
    st.session_state["pick_data"] = info.name
    st.selectbox(
        "Data set",
        state.workspace().data.names(),
        key="pick_data",
        on_change=lambda: state.select(
            data=st.session_state["pick_data"], run=None, user=None, item=None, study=None, point=None
        ),
        width=width,
    )


def run_name(run: Run) -> str:
    return f"{run.config.label} · {run.config.protocol} · {run.id}"


def short_names(runs: Sequence[Run]) -> list[str]:
    """A name for each run: its model, and its id where another of them has the same."""
    labels = [run.config.label for run in runs]
    return [
        f"{run.config.label} · {run.id}" if labels.count(run.config.label) > 1 else run.config.label for run in runs
    ]


def pick_run(info: DatasetInfo, run: Run) -> None:
    runs = {other.id: other for other in [*state.finished_runs(info)]}
    st.session_state["pick_run"] = run.id
    st.selectbox(
        "Model",
        list(runs),
        key="pick_run",
        format_func=lambda run_id: run_name(runs[run_id]),
        on_change=lambda: state.select(run=st.session_state["pick_run"]),
        width=290,
    )


def pick_user(info: DatasetInfo, user: str) -> None:
    labels = state.user_labels(info)
    st.session_state["pick_user"] = user
    st.selectbox(
        "Shopper",
        labels if info.users <= state.SUGGESTIONS or user in labels else [user, *labels],
        key="pick_user",
        accept_new_options=info.users > state.SUGGESTIONS,
        filter_mode="contains",
        on_change=lambda: state.select(user=st.session_state["pick_user"], item=None),
        width=170,
    )


def cascade(explanation: Explanation, info: DatasetInfo, run: Run, key: str) -> None:
    """The cascade in ten seconds: whose and which item, the finding, the picture."""
    with st.container(gap=None):
        st.markdown(f"##### {plain(headline(explanation))}")
        st.text(item_name(explanation.title, explanation.item))
        st.caption(f"for shopper {plain(explanation.user)} — {source(info, run)}")
    cue = cues(info.behaviors)
    st.plotly_chart(charts.cascade(explanation, cue, theme()), key=key, config=charts.CONFIG, alt=headline(explanation))


def no_cascade(info: DatasetInfo, run: Run) -> None:
    """Why there is no cascade, and the one button that gets to a run that has one."""
    st.markdown(f"##### {run.config.label} has no cascade")
    st.markdown("Its score is one number, so there are no stages to take apart.")
    others = [other for other in state.finished_runs(info) if other.config.method == "nmtr"]
    if others:
        if st.button(f"Show it with {others[0].config.label}", icon=":material/stairs_2:", key="with_cascade"):
            state.select(run=others[0].id)
            st.rerun()
    elif st.button("Train a cascade", icon=":material/play_arrow:", key="train_cascade"):
        state.go("train", run=None)


def stage_rows(explanation: Explanation) -> list[dict[str, object]]:
    """The sum as a table: what each stage inherits, adds and passes on."""
    return [
        {
            "stage": stage.behavior,
            "inherits": stage.inherited,
            "own part": stage.own,
            "item bias": stage.bias,
            measure(explanation): stage.logit,
            **({} if stage.probability is None else {"ŷ": stage.probability}),
            "rank": None if stage.rank is None else stage.rank + 1,
        }
        for stage in explanation.stages
    ]


def sum_finding(explanation: Explanation) -> str:
    """Which stage adds most to the target's score, of how much."""
    added = {stage.behavior: stage.own + stage.bias for stage in explanation.stages}
    most = max(added, key=lambda behavior: abs(added[behavior]))
    unit = "log-odds" if measure(explanation) == "log-odds" else "the score"
    return f"In {unit}, the {most} adds most: {signed(added[most])} of {signed(explanation.logit)}"
