"""Weights moved by hand, and within a second what that does: a solution by least squares follows them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.charts.behaviors import cues
from dashboard.charts.spots import Spot
from dashboard.findings import CHANCE
from dashboard.text import count, gap, item_name, metric, p_value, plain, shift
from dashboard.views.lab import findings
from dashboard.widgets import figures, lambda_control, pickers
from dashboard.widgets.option_field import pick_protocol, protocol_note
from nmtr import sweeps
from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.live import FIRST, METRIC, Answer, Live, plan
from nmtr.sweeps import Plan

LOOK = 0.25  # seconds between two looks for an answer
_PICTURE = "live_picture"


def page(info: DatasetInfo) -> None:
    """The weights on the left; beside them what they are worth, and what they do to one shopper's list."""
    address.show(data=info.name, study="live", point=None)
    left, right = st.columns([1, 1.25], gap="medium")
    with left, st.container(border=True):
        with st.container(gap=None):
            st.markdown("##### Move the weights, and see what it does")
            st.caption("λ says how much each behavior counts in training. Every place that you visit leaves a mark.")
        options = _options(info)
        weights = lambda_control.choose(info.behaviors, "gmf", "live")
        labels, user = cache.user_labels(info), address.selected("user")
        user = user if user in labels else labels[0]
        pickers.pick_user(info, user)
    live = _process(options)
    if live.error and not live.alive:  # to begin it anew would end in the same way
        with right:
            st.error(plain(live.error), icon=":material/block:")
            st.button("Try again", key="live_again", icon=":material/replay:", on_click=guard.callback(_forget))
        return
    _ask(live, weights, user)

    @st.fragment(run_every=LOOK if live.busy else None)
    def panel() -> None:
        with guard.guarded():
            if address.selected("study") != "live":  # kept as a study
                st.rerun()
            if live.latest is not None:
                _mark(live.latest)
            with st.container(border=True):
                _worth(live, info, options)
            if live.latest is not None:
                _below(live.latest, info)
            if st.session_state.get("live_waited") and not live.busy:
                st.session_state["live_waited"] = False
                st.rerun()
            st.session_state["live_waited"] = live.busy

    with right:
        panel()


def _options(info: DatasetInfo) -> dict[str, Any]:
    """What is solved: the cascade of GMF units on this data set, by a protocol."""
    protocol = pick_protocol("live")
    st.caption(protocol_note(protocol))
    return {"data": info.name, "protocol": protocol, "solver": "als"}


def _process(options: dict[str, Any]) -> Live:
    """The session's process, begun anew where it has ended or is of something else."""
    config = plan(cache.workspace(), RunConfig.parse(options))
    live: Live | None = st.session_state.get("live_process")
    if live is None or live.config != config or not (live.alive or live.error):
        if live is not None:
            live.close()
        st.session_state["live_process"] = live = cache.begin_live(config)
        st.session_state["live_marks"], st.session_state["live_asked"] = {}, None
    return live


def _forget() -> None:
    st.session_state.pop("live_process").close()


def _ask(live: Live, weights: tuple[float, ...], user: str) -> None:
    """Ask for what is chosen, unless that was asked last."""
    asked = weights, user
    if st.session_state["live_asked"] != asked:
        live.ask(weights, user)
        st.session_state["live_asked"] = asked


def _begin(live: Live) -> None:
    weights, user = st.session_state["live_asked"]
    live.ask(weights, user, begin=True)


def _mark(answer: Answer) -> None:
    marks: dict[tuple[float, ...], Answer] = st.session_state["live_marks"]
    marks[tuple(round(weight, 3) for weight in answer.lambdas)] = answer


def finding(answer: Answer, behaviors: tuple[str, ...]) -> str:
    """What the place is worth, and how far it is from where the comparison began."""
    value = f"{findings.weighed(behaviors, answer.lambdas)}: {METRIC} {metric(answer.metric.value)}"
    if answer.difference is None:
        return f"{value}, from where you compare"
    apart = f"{gap(answer.difference.value)} since you began"
    if answer.p is None or answer.p >= CHANCE:
        return f"{value}, {apart}: not more than chance ({p_value(answer.p) or 'too few to tell'})"
    return f"{value}, {apart}: more than chance ({p_value(answer.p)})"


def _worth(live: Live, info: DatasetInfo, options: dict[str, Any]) -> None:
    answer = live.latest
    if live.error:
        st.warning(plain(live.error))
    if answer is None:
        st.markdown("##### Solving for the first weights …")
        st.caption("The first place may take 15 seconds on large data; those after it take a second or a few.")
        st.progress(0.0)
        return
    where = f"{plain(info.name)} · {options['protocol']} · NMTR-GMF, least squares"
    where += " · synthetic demo data" if info.synthetic else ""
    title, behaviors = finding(answer, info.behaviors), info.behaviors
    measured = f"{METRIC} on {answer.users:,} of {answer.of_users:,} validation purchases, 95 % intervals"
    spots, cue, theme = _spots(answer), cues(behaviors), figures.theme()
    if len(behaviors) == 3:
        drawing = charts.triangle(spots, behaviors, METRIC, cue, theme, paper=findings.papers(behaviors, apart="<br>"))
        figures.figure(title, measured, drawing, _PICTURE, where)
    elif len(behaviors) == 2:
        drawing = charts.curve(spots, behaviors, METRIC, cue, theme, paper=findings.papers(behaviors))
        figures.figure(title, measured, drawing, _PICTURE, where)
    else:
        st.markdown(f"##### {title}")
        st.caption(f"{measured} — {where}")
    waiting = "moving …" if live.busy else f"in {answer.seconds:.1f} s"
    st.caption(
        f"{metric(answer.metric.value, answer.metric.half_width)}; {waiting}. Approximate: each place goes on from the "
        f"one before ({answer.sweeps} sweeps), and chooses nothing. A study trains places from their start. L2 "
        f"{answer.l2:g} did best on validation with the first weights."
    )
    marks = len(st.session_state["live_marks"])
    with st.container(horizontal=True):
        st.button(
            "Compare from here",
            key="live_begin",
            icon=":material/flag:",
            on_click=guard.callback(_begin, live),
            help="Differences and moves are then to the place where you are now.",
        )
        st.button(
            "Keep as a study",
            key="live_keep",
            icon=":material/science:",
            disabled=marks < 2,
            on_click=guard.callback(_keep, options | {"l2_embeddings": answer.l2}),
            help=f"Trains the {count(marks, 'place', 'places')} that you visited, each from its start, and says which "
            "are as good as the best.",
        )


def _spots(answer: Answer) -> list[Spot]:
    marks: dict[tuple[float, ...], Answer] = st.session_state["live_marks"]
    best = max(marks.values(), key=lambda mark: mark.metric.value)
    return [
        Spot(
            mark.lambdas,
            "done",
            str(mark.number),
            mark.metric.value,
            mark.metric.half_width,
            best=mark is best and len(marks) > 1,
            chosen=mark is answer,
        )
        for mark in marks.values()
    ]


def _below(answer: Answer, info: DatasetInfo) -> None:
    left, right = st.columns([1.25, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        _list(answer)
    with right, st.container(border=True, height="stretch"):
        st.markdown("##### Shoppers who bought little, and much")
        st.caption(f"{METRIC} by purchases in training, 95 % intervals — {plain(info.name)}")
        rows = [
            {
                "purchases": group.name,
                "shoppers": group.users,
                METRIC: metric(group.metric.value, group.metric.half_width),
            }
            for group in answer.groups
        ]
        if rows:
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt=f"{METRIC} by purchases in training")
        else:
            st.caption("All of them bought about as much.")


def _list(answer: Answer) -> None:
    """The shopper's first items, and how each moved."""
    new = sum(entry.before is None for entry in answer.items)
    moved = count(new, "item is new", "items are new") if answer.compared else f"their first {len(answer.items)}"
    st.markdown(f"##### Shopper {plain(answer.user)}: {moved}")
    st.caption(f"the first {FIRST} of the list" + (", and moves since you began" if answer.compared else ""))
    rows = []
    for place, entry in enumerate(answer.items, 1):
        row: dict[str, Any] = {"": place, "item": item_name(entry.title, entry.item)}
        if answer.compared:
            row["moved"] = "new" if entry.before is None else shift(place, entry.before)
        rows.append(row)
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=f"The first items of shopper {answer.user}")


def _keep(options: dict[str, Any]) -> None:
    """Train every place that was visited, from its start."""
    workspace = cache.workspace()
    marks: dict[tuple[float, ...], Answer] = st.session_state["live_marks"]
    study = sweeps.create(workspace, Plan.parse({"config": options, "sampler": "tpe", "trials": 1}))
    sweeps.extend(workspace, study.id, points=[mark.lambdas for mark in marks.values()])
    sweeps.start(workspace, study.id)
    address.select(data=study.data, study=study.id, point=None)
