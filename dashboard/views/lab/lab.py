"""Which loss weights are best, which are as good, and what they cost: a study, watched live and taken over."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from dashboard import address, cache, charts, guard, selection
from dashboard.charts.behaviors import cues
from dashboard.text import duration, plain
from dashboard.views.lab import details, findings, live, planning, point
from dashboard.widgets import empty, figures, lambda_control, live_run, pickers
from nmtr import sweeps
from nmtr.data.library import DatasetInfo
from nmtr.sweeps import Point, Study

NEW, LIVE = "new", "live"  # in place of a study's id
TICK = 1.5  # seconds between two looks at a study that runs
PICTURE = "lab_picture"


def page() -> None:
    asked = address.selected("study")
    with st.skeleton(height=560):  # what reads studies takes half a second to load
        if "lab_revived" not in st.session_state:  # once, or what dies again and again would be started as often
            st.session_state["lab_revived"] = True
            sweeps.revive(cache.workspace())  # what a machine that was switched off left
        known = sweeps.studies(cache.workspace())
    info = _data(asked, known)
    if info is None:
        empty.no_data("Here you will see which loss weights suit a data set. Add one first.")
        return
    here = [study for study in known if study.data == info.name]
    if asked is None and here:
        asked = here[0].id
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        if here:
            _pick_study(here, asked)
        if asked == LIVE and not here:
            st.button(
                "Plan a study",
                key="lab_new",
                icon=":material/add:",
                on_click=guard.callback(lambda: address.select(data=info.name, study=NEW, point=None)),
            )
        if asked != LIVE and len(info.behaviors) > 1:
            st.button(
                "Try weights live",
                key="lab_live",
                icon=":material/touch_app:",
                on_click=guard.callback(lambda: address.select(data=info.name, study=LIVE, point=None)),
                help="Move the weights, and see within a second what that does.",
            )
    if len(info.behaviors) < 2:
        st.markdown(f"##### {plain(info.name)} has one behavior, so there is nothing to weigh")
        st.markdown("Loss weights share the training among behaviors. Choose a data set with two or more.")
        return
    if asked == LIVE:
        live.page(info)
        return
    if asked is None or asked == NEW:
        planning.form(info)
        return
    address.show(data=info.name, study=asked)
    _watch(sweeps.read(cache.workspace(), asked), info)


def _data(asked: str | None, known: tuple[Study, ...]) -> DatasetInfo | None:
    """The data set of the study that is asked for, else the selected one; RunError where there is no such study."""
    if asked in (None, NEW, LIVE):
        return selection.current_data()
    study = next((study for study in known if study.id == asked), None)
    return cache.workspace().data.info((study or sweeps.read(cache.workspace(), asked)).data)


def _pick_study(here: list[Study], asked: str | None) -> None:
    names = {study.id: _called(study) for study in here} | {NEW: "a new study", LIVE: "weights tried live"}
    st.session_state["lab_study"] = asked
    st.selectbox(
        "Study",
        list(names),
        key="lab_study",
        format_func=names.__getitem__,
        on_change=guard.callback(lambda: address.select(study=st.session_state["lab_study"], point=None, run=None)),
        width=430,
    )
    if asked != NEW:
        st.button(
            "New study",
            key="lab_new",
            icon=":material/add:",
            on_click=guard.callback(lambda: address.select(data=here[0].data, study=NEW, point=None)),
        )


def _called(study: Study) -> str:
    config = study.plan.config
    return f"{config.label} · {study.protocol} · {findings.search_of(study)} · {study.state} · {study.id}"


def _watch(study: Study, info: DatasetInfo) -> None:
    """The study as it goes: while anything of it trains it is read again and again, and the page follows its state."""
    finalizing = any(run.live for run in point.finalized(study))

    @st.fragment(run_every=TICK if study.state == "running" or finalizing else None)
    def panel() -> None:
        with guard.guarded():
            guard.attempt(live_run.look_after, cache.home())  # another worker, should it have died
            now = sweeps.read(cache.workspace(), study.id)
            if now.state != study.state or any(run.live for run in point.finalized(now)) != finalizing:
                st.rerun()
            _draw(now, info)

    panel()


def _draw(study: Study, info: DatasetInfo) -> None:
    if study.fingerprint != info.fingerprint:
        st.warning(f"{plain(info.name)} has changed since: this study is of another version of it.")
    if study.error:
        st.error(plain(study.error), icon=":material/error:")
    chosen = _chosen(study)
    picture, beside = st.columns([1.4, 1], gap="medium")
    with picture, st.container(border=True, height="stretch"):
        _picture(study, info, chosen)
    with beside, st.container(border=True, height="stretch"):
        if chosen is not None:
            point.show(study, chosen)
    details.more(study, info, where(study, info))


def where(study: Study, info: DatasetInfo) -> str:
    """What stands beside every figure of a study."""
    synthetic = " · synthetic demo data" if info.synthetic else ""
    return f"{findings.setting(study)} · {plain(study.plan.config.label)} · study {study.id}{synthetic}"


def _chosen(study: Study) -> Point | None:
    """The point that is looked at: the one that was clicked, else the best, else the one that is furthest on."""
    asked = address.selected("point")
    by_number = {str(point.number): point for point in study.points}
    if asked in by_number:
        return by_number[asked]
    return study.best or max(study.points, key=lambda point: (point.state == "running", point.epoch), default=None)


# The picture


def _picture(study: Study, info: DatasetInfo, chosen: Point | None) -> None:
    figures.figure(
        findings.finding(study),
        f"{study.metric} on the validation purchases, by {findings.searched(study)}",
        _drawing(study, info, chosen),
        PICTURE,
        where(study, info),
        on_click=guard.callback(_clicked, study.id),
    )
    if sentence := findings.alike(study):
        st.markdown(f"**{sentence}**")
    for caution in sweeps.cautions(study, _leak(study, info)):
        st.warning(plain(caution), icon=":material/warning:")
    st.caption(" · ".join(_legend(study)))
    _progress(study)


def _leak(study: Study, info: DatasetInfo) -> dict[str, float]:
    """Of each lower behavior, the share of held-out purchases that stand in it; empty where none is left there."""
    leaks = study.protocol == "standard" and study.fingerprint == info.fingerprint
    return cache.summary(info).leak if leaks else {}


def _drawing(study: Study, info: DatasetInfo, chosen: Point | None) -> go.Figure:
    number = None if chosen is None else chosen.number
    behaviors, cue, theme = study.behaviors, cues(info.behaviors), figures.theme()
    spots = findings.spots(study, number)
    if len(behaviors) == 3 and study.plan.search == ("lambdas",):
        paper = findings.papers(behaviors, apart="<br>")
        return charts.triangle(spots, behaviors, study.metric, cue, theme, paper=paper)
    if len(behaviors) == 2 and study.plan.search == ("lambdas",):
        return charts.curve(spots, behaviors, study.metric, cue, theme, paper=findings.papers(behaviors))
    return charts.parallel(spots, findings.axes(study), study.metric, theme)


def _legend(study: Study) -> list[str]:
    """What the marks mean, of those that are there."""
    states = {point.state for point in study.points}
    drawn = len(study.behaviors) <= 3 and study.plan.search == ("lambdas",)
    entries = (
        (f"number and shade: {study.metric}", drawn and "done" in states),
        ("★ best", drawn and study.best is not None),
        ("◎ as good as the best", drawn and len(study.equally_good) > 1),
        ("▲ shown beside", drawn),
        ("◇ best in the paper, on its own data", drawn),
        ("between the marks: interpolated", len(study.behaviors) == 3 and drawn and "done" in states),
        ("⊙ waiting", drawn and "queued" in states),
        ("□ stopped", drawn and "stopped" in states),
        ("– given up early", drawn and "pruned" in states),
        ("✕ failed", drawn and "failed" in states),
        ("○ not tried: click to queue it", bool(findings.untried(study))),
        ("heavy line: best; the more a line stands out, the better", not drawn),
    )
    return [text for text, there in entries if there]


def _clicked(study_id: str) -> None:
    """Look at the point that was clicked, or queue the place."""
    key = figures.clicked(PICTURE)
    place = None if key is None else findings.place_of(key)
    if place is not None:
        _queue(study_id, place)
    elif key is not None:
        address.select(point=key)


def _queue(study_id: str, place: tuple[float, ...]) -> None:
    workspace = cache.workspace()
    numbers = sweeps.extend(workspace, study_id, points=[place])
    sweeps.start(workspace, study_id)
    behaviors = sweeps.read(workspace, study_id).behaviors
    st.toast(f"Queued {plain(findings.weighed(behaviors, place))}", icon=":material/add_circle:")
    address.select(point=str(numbers[0]))


# How it goes


def _progress(study: Study) -> None:
    """How far it is, and the buttons that stop it, resume it or add to it."""
    ended = sum(point.state in ("done", "pruned", "failed") for point in study.points)
    total = study.planned
    if study.state == "running":
        st.progress(ended / max(total, 1), f"{ended} of {total} tried{_left(study, total - ended)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if study.state == "running":
            st.button(
                "Stop",
                key="lab_stop",
                icon=":material/stop_circle:",
                on_click=guard.callback(sweeps.stop, cache.workspace(), study.id),
            )
        elif study.state == "stopped":
            st.button(
                "Resume",
                key="lab_resume",
                type="primary",
                icon=":material/play_arrow:",
                on_click=guard.callback(sweeps.start, cache.workspace(), study.id),
            )
            st.caption(f"stopped with {ended} of {total} tried; what is done is not repeated")
        _extend(study)
    if study.undrawn:
        st.caption(f"{study.undrawn} more were to be drawn; nearly all that could be are here.")


def _left(study: Study, count: int) -> str:
    """How long the rest will take, by the runs of the study that are done."""
    ours = {run for point in study.points for run in point.runs}
    took = [run.seconds for run in cache.workspace().runs.list("done") if run.id in ours and run.seconds]
    if not took or not count:
        return ""
    seconds = count * study.plan.seeds * sum(took) / len(took) / study.plan.jobs
    return f"; about {duration(seconds)} left"


def _extend(study: Study) -> None:
    """Other weights than the grid's, and more drawn points."""
    with st.popover("Try other weights", icon=":material/add:", key="lab_more_weights"):
        if "lambdas" in study.plan.search:
            chosen = lambda_control.choose(study.behaviors, study.plan.config.unit, "lab")
            st.button(
                "Queue these weights",
                key="lab_queue",
                icon=":material/add_circle:",
                on_click=guard.callback(_queue, study.id, chosen),
            )
        more = int(st.number_input("More to be drawn (TPE)", 1, 500, 10, key="lab_draw"))
        st.button(
            "Draw them",
            key="lab_draw_more",
            icon=":material/casino:",
            help="Each is drawn by what the study has found so far.",
            on_click=guard.callback(_draw_more, study.id, more),
        )


def _draw_more(study_id: str, count: int) -> None:
    sweeps.extend(cache.workspace(), study_id, trials=count)
    sweeps.start(cache.workspace(), study_id)


page()
