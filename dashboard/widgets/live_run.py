"""A run as it goes: one curve a behavior, validation, time left; then its metrics."""

from __future__ import annotations

import time

import plotly.graph_objects as go
import streamlit as st

from dashboard import address, cache, charts, guard, selection
from dashboard.charts.behaviors import Cues, cues
from dashboard.text import duration, in_line, metric, plain
from dashboard.widgets import figures, queue
from nmtr.data.library import DatasetInfo
from nmtr.evaluation.result import Result
from nmtr.runs import withheld
from nmtr.runs.store import Run
from nmtr.training.report import EpochReport

SELECTION = "HR@100"  # what validation chooses by
LOOK_AFTER = 5.0  # seconds between two looks at whether a worker is there
HEADLINES = ("HR@50", "HR@100", "NDCG@100")
WORDS = {
    "queued": ("Waiting for its turn", ":material/hourglass_empty:"),
    "running": ("Training", ":material/model_training:"),
    "done": ("Done", ":material/check_circle:"),
    "failed": ("Failed", ":material/error:"),
    "cancelled": ("Cancelled", ":material/cancel:"),
}


def show(run: Run, info: DatasetInfo | None) -> None:
    """The live view; it polls once a second while the run is live, and the whole page follows when that changes.

    info: its data set; None where that is gone, or is another version.
    """

    @st.fragment(run_every=1.0 if run.live else None)
    def panel() -> None:
        with guard.guarded():
            guard.attempt(look_after, cache.home())  # another worker, should it have died
            now = cache.workspace().runs.get(run.id)
            if now.live != run.live:
                st.rerun()
            _draw(now, info)

    panel()


@st.cache_resource(ttl=LOOK_AFTER, max_entries=4, show_spinner=False)
def look_after(home: str) -> None:
    """See that there is a worker, once in a while for all who watch; a refusal is not kept."""
    cache.workspace().start_worker()


def _draw(run: Run, info: DatasetInfo | None) -> None:
    reports = cache.reports(run)
    word, icon = WORDS[run.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"### {icon} {word}: {plain(run.config.label)}")
        st.space("stretch")
        _buttons(run, info)
    st.caption(figures.source(info, run))
    if run.error:
        st.error(plain(run.error), icon=":material/error:")
    if run.reason:
        st.info(plain(run.reason), icon=":material/info:")
    hidden = run.id in cache.workspace().runs.withheld([run])
    if hidden:
        reports = [withheld.report_without_test(report) for report in reports]
    if run.result is not None and hidden:
        st.info(f"Run {run.id}: {plain(withheld.said(run))}", icon=":material/visibility_off:")
    elif run.result is not None:
        result(run.result)
    elif run.live:
        st.progress(*_progress(run, reports))
    if reports:
        cue = cues(info.behaviors if info else run.config.behaviors)
        left, right = st.columns(2, gap="medium", border=True)
        phase = [report for report in reports if report.phase == reports[-1].phase]
        chosen = [report for report in reports if report.phase == "select"]
        with left:
            figures.figure(
                _loss_finding(phase, run.config.target),
                f"mean loss an instance, by behavior{', refit' if reports[-1].phase == 'refit' else ''}",
                _losses(_drawn(run, reports), phase, cue, figures.theme()),
                "live_losses",
                figures.source(info, run),
            )
        with right:
            figures.figure(
                _finding(chosen, run.live),
                f"{SELECTION} on the validation purchases",
                _validation(_drawn(run, reports), chosen, figures.theme()),
                "live_validation",
                figures.source(info, run),
            )
    elif run.live:
        with st.container(horizontal=True):
            st.skeleton(height=320)
            st.skeleton(height=320)


# Most of what a second of watching costs is the two figures: whoever else watches the run has the same ones.


def _drawn(run: Run, reports: list[EpochReport]) -> tuple[object, ...]:
    """What a run's figures are of: as long as one process trains, reports are only added."""
    return cache.home(), run.id, run.process_started, len(reports), any(report.test for report in reports)


@st.cache_resource(max_entries=32, show_spinner=False)
def _losses(drawn: tuple[object, ...], _phase: list[EpochReport], _cues: Cues, theme: charts.Theme) -> go.Figure:
    return charts.losses(_phase, _cues, theme)


@st.cache_resource(max_entries=32, show_spinner=False)
def _validation(drawn: tuple[object, ...], _chosen: list[EpochReport], theme: charts.Theme) -> go.Figure:
    return charts.validation(_chosen, SELECTION, theme)


def _loss_finding(reports: list[EpochReport], target: str) -> str:
    """How far the target's loss has come."""
    first, last = (report.loss[target] for report in (reports[0], reports[-1]))
    if len(reports) == 1:
        return f"The loss of {plain(target)} starts at {first:.3f}"
    return f"The loss of {plain(target)} {'fell' if last < first else 'rose'} from {first:.3f} to {last:.3f}"


def _finding(reports: list[EpochReport], live: bool) -> str:
    """What the validation curve says: the best epoch, and how long it is ago."""
    scored = [report for report in reports if report.valid and SELECTION in report.valid]
    if not scored:
        return "No validation yet"
    best = next((report for report in scored if report.epoch == scored[-1].best_epoch), scored[-1])
    value = metric((best.valid or {})[SELECTION])
    ago = reports[-1].epoch - best.epoch
    if not live:
        return f"Best on validation: {value} at epoch {best.epoch}"
    return f"Best so far: {value} at epoch {best.epoch}" + (f", {ago} ago" if ago else "")


def _progress(run: Run, reports: list[EpochReport]) -> tuple[float, str]:
    """How far it is and how long it will take at most, by its own pace."""
    if run.state == "queued":
        place = queue.places().get(run.id)
        if place is None:
            return 0.0, "waiting for its turn"
        return 0.0, in_line(place) + ("" if place.starts is not None else "; the queue is paused")
    if not reports:
        return 0.0, "getting ready"
    last = reports[-1]
    passed = max(0.0, time.time() - (run.started or run.created))  # the clock may have been set back
    pace = passed / len(reports) if run.started else run.seconds / len(reports)
    left = (last.epochs - last.epoch) * min(pace, 3 * max(last.seconds, 0.01) + 1)
    stop = " at most; it stops early when validation no longer gains" if run.config.patience else ""
    cancelling = "cancelling, at the next batch" if run.cancel_requested else f"{duration(left)} left{stop}"
    phase = "refit, " if last.phase == "refit" else ""
    return min(last.epoch / last.epochs, 1.0), f"{phase}epoch {last.epoch} of {last.epochs}: {cancelling}"


def _buttons(run: Run, info: DatasetInfo | None) -> None:
    workspace = cache.workspace()
    if run.live:
        st.button(
            "Cancel",
            key="cancel",
            icon=":material/stop_circle:",
            disabled=run.cancel_requested,
            on_click=guard.callback(workspace.cancel, run.id),
        )
        return
    if info is None:
        return
    if run.state == "done":
        if st.button("See what it recommends", key="to_recommend", type="primary", icon=":material/shopping_bag:"):
            address.go("shopper", data=run.config.data, run=run.id)
    else:
        st.button(
            "Resume",
            key="resume",
            type="primary",
            icon=":material/play_arrow:",
            on_click=guard.callback(workspace.resume, run.id, owner=selection.owner()),
        )
    if st.button("Train another", key="another", icon=":material/add:"):
        st.session_state.pop("watching", None)
        address.go("train", run=None)


def tested(result: Result, name: str) -> str:
    """A test metric with its half width: none of one user, and no figure of nobody."""
    return metric(result.test[name], result.intervals.get(name)) if name in result.test else "–"


def result(result: Result) -> None:
    """Test metrics with their intervals, and what the leak does to them."""
    with st.grid(4, min_column_width=190):
        for name in HEADLINES:
            st.metric(f"{name}, test", tested(result, name), border=True)
        epochs = f"epoch {result.best_epoch}" if result.epochs else "nothing to train"
        st.metric("Chosen on validation", epochs, border=True)
    st.caption(
        f"over {result.test_users:,} test users, ± half a 95 % interval; {duration(result.seconds)} in all"
        + ("; refit on training + validation" if result.refit else "")
    )
    lower = [
        f"{plain(behavior)} {metric(figures[SELECTION], result.behavior_intervals[behavior].get(SELECTION))}"
        for behavior, figures in result.behaviors.items()
        if SELECTION in figures
    ]
    if lower:
        st.caption(f"{SELECTION} of the lower behaviors as targets of their own: {', '.join(lower)}.")
    if result.visited.users and result.not_visited.users:
        seen, unseen = (part.metrics["HR@100"] for part in (result.visited, result.not_visited))
        st.caption(
            f"HR@100 is {metric(seen)} for the {result.visited.users:,} users whose held-out item is among their "
            f"lower behaviors, and {metric(unseen)} for the other {result.not_visited.users:,}."
        )
