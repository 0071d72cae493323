"""Choose what to learn from, the model and λ; watch it learn in the same place."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import address, cache, charts, guard, selection
from dashboard.charts.behaviors import cues
from dashboard.text import duration, plain, size, told
from dashboard.views.train import presets
from dashboard.widgets import empty, figures, lambda_control, live_run, pickers
from dashboard.widgets.option_field import ADVANCED, field, help_of, pick_protocol, protocol_note
from nmtr.config import UNIT_NAMES, UNITS, RunConfig
from nmtr.config.methods import METHODS, Unit
from nmtr.data.library import DatasetInfo
from nmtr.errors import NmtrError
from nmtr.runs.store import Run


def page() -> None:
    info = selection.current_data()
    if info is None:
        empty.no_data("A model learns from what shoppers did: views, carts, purchases. Add such data first.")
        return
    address.show(data=info.name)
    watched = _watched()
    if watched is not None:
        live_run.show(watched, info)
        return
    presets.take_up(info)
    config = _form(info)
    _start(config, info)


def _watched() -> Run | None:
    """The run to show instead of the form: the selected one while it is live, or until another is wanted."""
    run_id = address.selected("run")
    if run_id is None:
        return None
    run = cache.workspace().runs.get(run_id)
    if run.live or st.session_state["first_run_of_session"]:
        st.session_state["watching"] = run.id
    return run if st.session_state.get("watching") == run.id else None


def _form(info: DatasetInfo) -> dict[str, Any]:
    """The three steps; returns the options as they stand."""
    what, model, weighing = st.columns([0.8, 1.15, 1.15], gap="medium")
    options: dict[str, Any] = {"data": info.name}
    with what.container(border=True, height="stretch"):
        st.markdown("##### 1 · What to learn from")
        pickers.pick_data(info, width="stretch")
        options["behaviors"] = _behaviors(info)
        options["protocol"] = pick_protocol("train", help_of("protocol"))
        st.caption(protocol_note(options["protocol"]))
        for line in _counts(info, options["behaviors"]):
            st.caption(line)
    with model.container(border=True, height="stretch"):
        st.markdown("##### 2 · Model")
        presets.offer(info)
        options["method"] = st.selectbox(
            "Method",
            [*METHODS],
            format_func=lambda name: METHODS[name].label,
            key="train_method",
            persist_state="session",
        )
        method = METHODS[options["method"]]
        if "unit" in method.options:
            options["unit"] = _units(info, options["behaviors"])
        else:
            st.caption(plain(method.about))
    with weighing.container(border=True, height="stretch"):
        st.markdown("##### 3 · Weight of each behavior (λ)")
        if "lambdas" in method.options:
            options["lambdas"] = lambda_control.choose(options["behaviors"], options.get("unit", "gmf"), "train")
        else:
            st.caption(f"{method.label} has one loss or none, so there is nothing to weigh.")
    with st.expander("Advanced", icon=":material/tune:"):
        options |= _advanced(options["method"])
    if options.get("training") == "sequential":
        del options["lambdas"]  # one behavior at a time has the whole weight
    return options


def _behaviors(info: DatasetInfo) -> tuple[str, ...]:
    """The chosen behaviors in the data set's order; the target is always among them."""
    *lower, target = info.behaviors
    if not lower:
        return (target,)
    chosen = st.pills(
        f"Behaviors before {plain(target)}",
        lower,
        selection_mode="multi",
        default=lower,
        format_func=plain,
        key=f"train_behaviors_{info.fingerprint}",
        persist_state="session",
    )
    return (*(behavior for behavior in lower if behavior in (chosen or ())), target)


def _counts(info: DatasetInfo, behaviors: tuple[str, ...]) -> list[str]:
    cue = cues(info.behaviors)
    pairs = " · ".join(f"{cue[b].glyph} {plain(b)} {info.interactions[b]:,}" for b in behaviors)
    return [f"{info.users:,} shoppers, {info.items:,} items", pairs]


def _units(info: DatasetInfo, behaviors: tuple[str, ...]) -> Unit | dict[str, Unit]:
    chosen: dict[str, Unit] = {}
    with st.container(key="units"):
        columns = st.columns(len(behaviors), gap="small")
    for column, behavior in zip(columns, behaviors, strict=True):
        chosen[behavior] = column.selectbox(
            f"Unit of {plain(behavior)}",
            UNITS,
            format_func=UNIT_NAMES.__getitem__,
            key=f"train_unit_{behavior}",
            persist_state="session",
            help=help_of("unit"),
        )
    names = [UNIT_NAMES[chosen[behavior]] for behavior in behaviors]
    drawing = charts.sketch(behaviors, names, cues(info.behaviors), figures.theme())
    said = ", then ".join(f"{behavior} by {name}" for behavior, name in zip(behaviors, names, strict=True))
    st.plotly_chart(drawing, key="sketch", config=charts.saved_as("sketch"), alt=f"The cascade: {said}")
    st.caption("Each behavior starts from the score of the one before and adds its own part.")
    return chosen[behaviors[0]] if len(set(chosen.values())) == 1 else chosen


def _advanced(method: str) -> dict[str, Any]:
    """Every other option that the method reads; left out where it is left as it is."""
    options: dict[str, Any] = {}
    with st.grid(5, min_column_width=170):
        for name in ADVANCED:
            decisive = ("solver", "loss", "training")
            chosen = {"method": method} | {key: options[key] for key in decisive if key in options}
            if name == "loss" and "solver" in options:
                continue  # least squares are the squared loss's
            if RunConfig.parse(chosen).uses(name):
                options |= field(name, method, "train")
    return options


def _start(options: dict[str, Any], info: DatasetInfo) -> None:
    """What it will take, and the button; or why it cannot start."""
    with st.container(horizontal=True, vertical_alignment="center"):
        try:
            config = RunConfig.parse(options)
            presets.remember(options, info)
            estimate = cache.workspace().estimate(config)
        except NmtrError as error:
            st.button("Start", type="primary", icon=":material/play_arrow:", disabled=True, key="start")
            st.warning(told(error))
            return
        st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            on_click=guard.callback(_submit, config),
        )
        with st.container(gap=None):
            st.markdown(
                f"**{plain(config.label)}** on {plain(config.data)}, {config.protocol}: "
                f"about {duration(estimate.seconds)}, {size(estimate.bytes)}"
            )
            known = (
                f"timed on this data: an epoch {pace.epoch:.1f} s, its ranking {pace.ranking:.1f} s"
                if (pace := estimate.pace)
                else "from earlier runs of the kind"
                if estimate.measured
                else "a first guess: no such run has finished here yet"
            )
            early = "; less where validation stops it early" if config.uses("patience") and config.patience else ""
            st.caption(known + early)
        if st.button(
            "Time it again" if pace else "Time it",
            key="time_it",
            icon=":material/timer:",
            help="Trains some batches and ranks some shoppers, in a process of its own; some seconds.",
        ):
            with st.spinner("Timing some batches on this data …"):
                guard.attempt(cache.workspace().probe, config)
            st.rerun()


def _submit(config: RunConfig) -> None:
    run = cache.workspace().submit(config, owner=selection.owner())
    st.session_state["watching"] = run.id
    address.select(data=config.data, run=run.id)


page()
