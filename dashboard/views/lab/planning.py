"""A new study, planned in plain words: what stays fixed, which weights are tried, and what that will take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.charts.behaviors import cues
from dashboard.text import and_list, duration, plain, size, told
from dashboard.views.lab import findings
from dashboard.widgets import figures
from dashboard.widgets.option_field import field, pick_protocol, protocol_note
from nmtr import sweeps
from nmtr.config import UNIT_NAMES, UNITS, RunConfig
from nmtr.config.methods import METHODS
from nmtr.data.library import DatasetInfo
from nmtr.errors import ConfigError, NmtrError
from nmtr.estimate import Estimate
from nmtr.sweeps.plan import PAPER_STEPS, Plan

#: Parts of 1 that a grid's step may be, by the number of behaviors: what stays drawable.
PARTS = {2: (5, 10, 20, 50), 3: (3, 4, 5, 6, 8, 10, 12)}
DRAWN = "drawn"  # one by one, going by what was found
ORDINALS = {
    2: "halves",
    3: "thirds",
    4: "quarters",
    5: "fifths",
    6: "sixths",
    8: "eighths",
    10: "tenths",
    12: "twelfths",
}


@dataclass(frozen=True)
class Planned:
    """A plan that fits its data set, and what it will take at most."""

    plan: Plan
    behaviors: tuple[str, ...]
    points: int
    seconds: float
    run: Estimate

    @property
    def said(self) -> str:
        """The plan in a sentence."""
        plan, count = self.plan, findings.counted(self.points, self.plan.search)
        names = and_list([plain(behavior) for behavior in self.behaviors])
        if plan.sampler == "grid":
            part = round(1 / (plan.step or PAPER_STEPS.get(len(self.behaviors), 1)))
            how = f"{count} of {names}, in {ORDINALS.get(part, f'steps of 1/{part}')}"
        else:
            also = [findings.ALSO[name] for name in plan.search if name != "lambdas"]
            how = f"{count} of {names}{', with ' + and_list(also) if also else ''}, each drawn by what was found before"
        seeds = f", {plan.seeds} seeds each" if plan.seeds > 1 else ""
        return f"Tries {how}{seeds}: {plain(plan.config.label)} on {plain(plan.config.data)}, {plan.config.protocol}"


def form(info: DatasetInfo) -> None:
    """Plan a study and start it; beside the choices a picture of the places that it will try."""
    left, right = st.columns([1, 1.15], gap="medium")
    with left, st.container(border=True, height="stretch"):
        with st.container(gap=None):
            st.markdown("##### Which loss weights are best?")
            st.caption(
                "λ says how much each behavior counts in training. A study tries many, and shows which do as well."
            )
        options = _choices(info)
        try:
            planned = plan(options, info)
        except NmtrError as error:
            planned = None
            st.warning(told(error))
        _start(planned)
    with right, st.container(border=True, height="stretch"):
        _preview(planned, info)


def _start(planned: Planned | None) -> None:
    """What the study does and what it will take, and the button."""
    if planned is not None:
        known = "by earlier runs of the kind" if planned.run.measured else "a first guess"
        early = ", less where runs stop early" if planned.plan.config.patience or planned.plan.prune else ""
        st.markdown(f"**{planned.said}.**")
        st.caption(
            f"About {duration(planned.seconds)}{early} ({known}); {size(planned.run.bytes)} a run. Judged by "
            f"{planned.plan.metric} on validation. It goes on when you close the browser."
        )
    st.button(
        "Start the study",
        key="lab_start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=planned is None,
        on_click=guard.callback(_begin, planned),
    )


def plan(options: dict[str, Any], info: DatasetInfo) -> Planned:
    """The plan of these options; raises NmtrError where they fit neither each other nor the data set."""
    found = Plan.parse(options)
    behaviors = found.config.behaviors or info.behaviors
    if len(behaviors) < 2:
        raise ConfigError(f"a study weighs two behaviors or more; got {behaviors[0]} alone: choose one before it.")
    step = found.step or PAPER_STEPS.get(len(behaviors))
    points = found.trials or len(sweeps.simplex(len(behaviors), step or 1.0))
    run = cache.workspace().estimate(found.config)
    return Planned(found, behaviors, points, points * found.seeds * run.seconds, run)


def _begin(planned: Planned) -> None:
    workspace = cache.workspace()
    study = sweeps.create(workspace, planned.plan)
    sweeps.start(workspace, study.id)
    address.select(data=study.data, study=study.id, point=None)


def _choices(info: DatasetInfo) -> dict[str, Any]:
    """The plan's options as they stand."""
    config: dict[str, Any] = {"data": info.name}
    options: dict[str, Any] = {"config": config}
    *lower, target = info.behaviors
    kept: dict[str, Any] = {"persist_state": "session"}
    if len(lower) > 1:
        chosen = st.pills(
            f"Behaviors before {plain(target)}",
            lower,
            selection_mode="multi",
            default=lower,
            format_func=plain,
            key=f"lab_behaviors_{info.fingerprint}",
            **kept,
        )
        config["behaviors"] = (*(behavior for behavior in lower if behavior in (chosen or ())), target)
    count = len(config.get("behaviors", info.behaviors))
    model, unit, protocol = st.columns([1.1, 1, 1.25], gap="small")
    weighing = [name for name, method in METHODS.items() if "lambdas" in method.options]
    with model:
        config["method"] = st.selectbox(
            "Method", weighing, format_func=lambda name: METHODS[name].label, key="lab_method", **kept
        )
    if "unit" in METHODS[config["method"]].options:
        with unit:
            config["unit"] = st.selectbox("Unit", UNITS, format_func=UNIT_NAMES.__getitem__, key="lab_unit", **kept)
    with protocol:
        config["protocol"] = pick_protocol("lab")
    st.caption(protocol_note(config["protocol"]))
    options |= _points(count, config)
    with st.expander("Advanced", icon=":material/tune:"):
        options |= _advanced(config)
    return options


def _points(count: int, config: dict[str, Any]) -> dict[str, Any]:
    """A grid's step, or how many points to draw and what else is searched."""
    parts_of_1 = PARTS.get(count, ())
    offered = [*parts_of_1, DRAWN]
    paper = round(1 / PAPER_STEPS[count]) if count in PAPER_STEPS else DRAWN

    def written(part: int | str) -> str:
        if not isinstance(part, int):
            return "drawn one by one (TPE), with other options if you like"
        same = ", as in the paper" if part == paper else ""
        return (
            f"all in {ORDINALS.get(part, f'steps of 1/{part}')}: {len(sweeps.simplex(count, 1 / part))} weights{same}"
        )

    chosen = st.selectbox(
        "Weights to try", offered, index=offered.index(paper), format_func=written, key=f"lab_points_{count}"
    )
    if isinstance(chosen, int):
        return {"step": 1 / chosen}
    trials, also = st.columns([1, 2.4], gap="small")
    with trials:
        number = st.number_input("How many", 1, 1000, 40, key="lab_trials")
    allowed = [name for name in findings.ALSO if RunConfig.parse(config).uses(name)]
    with also:
        more = st.multiselect("Search besides", allowed, format_func=findings.ALSO.__getitem__, key="lab_search")
    if "unit" in more:
        config.pop("unit", None)
    return {"sampler": "tpe", "trials": int(number), "search": ("lambdas", *more)}


def _advanced(config: dict[str, Any]) -> dict[str, Any]:
    """The rest: the loss, what is judged by and how, seeds, epochs and how many runs at once."""
    options: dict[str, Any] = {}
    with st.grid(3, min_column_width=120):
        for name in ("solver", "loss", "validation", "epochs", "rank_every", "embedding_size"):
            if name == "loss" and "solver" in config:
                continue  # least squares are the squared loss's
            if RunConfig.parse({"method": config["method"]}).uses(name):
                config |= field(name, config["method"], "lab")
        options["metric"] = st.selectbox(
            "Judged by", sweeps.METRICS, index=sweeps.METRICS.index("HR@100"), key="lab_metric"
        )
        options["seeds"] = int(st.number_input("Seeds each", 1, 10, 1, key="lab_seeds"))
        cores = os.cpu_count() or 1
        options["jobs"] = int(st.number_input("Runs at once", 1, max(cores, 1), 1, key="lab_jobs"))
    options["prune"] = st.checkbox(
        "Give up early on what falls behind", key="lab_prune", help="By successive halving of validation curves."
    )
    config["hold_out_lower"] = st.checkbox(
        "Rank the lower behaviors too", key="lab_hold_out", help="Shows what a weight costs the other behaviors."
    )
    return options


def _preview(planned: Planned | None, info: DatasetInfo) -> None:
    """The places that will be tried, before anything is known of them."""
    if planned is None or planned.plan.sampler != "grid" or len(planned.behaviors) not in PARTS:
        st.markdown("##### What you will see")
        st.markdown(
            "Each choice appears as soon as it is trained: how good it is on validation, and which others are as good. "
            "The best can then be taken over with one click."
        )
        return
    places = sweeps.simplex(len(planned.behaviors), planned.plan.step or PAPER_STEPS[len(planned.behaviors)])
    spots = [charts.Spot(weights, "queued", findings.key_of(weights)) for weights in places]
    draw = charts.curve if len(planned.behaviors) == 2 else charts.triangle
    paper = findings.papers(planned.behaviors, apart="<br>" if len(planned.behaviors) == 3 else " ")
    drawing = draw(spots, planned.behaviors, planned.plan.metric, cues(info.behaviors), figures.theme(), paper=paper)
    figures.figure(
        f"{findings.counted(planned.points, planned.plan.search)} will be tried",
        "each corner puts all the weight on one behavior"
        if draw is charts.triangle
        else "from one behavior to the other",
        drawing,
        "lab_preview",
        f"{plain(info.name)} · {planned.plan.config.protocol}",
    )
