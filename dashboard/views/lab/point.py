"""One choice of weights of a study: its worth, its curve, what can be done with it, and at last its test figures."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.text import metric, plain
from dashboard.views.lab import findings
from dashboard.widgets import figures
from nmtr import sweeps
from nmtr.compare import Standing, leaderboard
from nmtr.config import RunConfig
from nmtr.runs.store import Run
from nmtr.sweeps import Point, Study
from nmtr.workspace import presets


def show(study: Study, point: Point) -> None:
    """The point's worth, its curve, and what can be done with it."""
    st.markdown(f"##### {plain(findings.name_of(study, point))}")
    worth = "–" if point.value is None else metric(point.value, findings.half_width(point))
    with st.container(gap=None):
        st.metric(f"{study.metric}, validation", worth)
        st.caption(findings.standing(study, point))
    _curves(study, point)
    done = point.state == "done"
    with st.container(horizontal=True):
        st.button(
            "Use these weights",
            key="lab_use",
            type="primary",
            icon=":material/check:",
            disabled=not done,
            help=f"Keep them as the preset of {plain(study.data)}, and open Train with them.",
            on_click=guard.callback(_keep, study.id, point.number),
        )
        if st.session_state.pop("lab_kept", False):
            address.go("train", data=study.data, run=None)
        if study.finalized_point != point.number or not finalized(study):
            st.button(
                "Finalize",
                key="lab_finalize",
                icon=":material/flag:",
                disabled=not done,
                help="Train them with three seeds; only then are test figures shown here. A run's own page shows its "
                "own, as any run's.",
                on_click=guard.callback(sweeps.finalize, cache.workspace(), study.id, point.number),
            )
        if point.runs and st.button("Its run", key="lab_open", icon=":material/open_in_new:"):
            st.session_state["watching"] = point.runs[0]
            address.go("train", data=study.data, run=point.runs[0])
    _test(study, point)


def _curves(study: Study, point: Point) -> None:
    """The validation metric by epoch of each of the point's runs."""
    curves = sweeps.curve(cache.workspace(), study.id, point.number)
    by_seed = {
        f"seed {study.plan.config.seed + place}": {r.epoch: r.valid[study.metric] for r in reports if r.valid}
        for place, reports in enumerate(curves)
    }
    by_seed = {name: curve for name, curve in by_seed.items() if curve}
    if not by_seed:
        return
    best = max((value, -epoch) for curve in by_seed.values() for epoch, value in curve.items())
    drawing = (
        charts.validation(curves[0], study.metric, figures.theme())
        if len(by_seed) == 1
        else charts.by_epoch(by_seed, charts.looks(list(by_seed), ""), study.metric, figures.theme())
    )
    figures.figure(
        f"Best at epoch {-best[1]}: {metric(best[0])}",
        f"{study.metric} on the validation purchases, by epoch",
        drawing,
        "lab_curves",
        f"{plain(study.data)} · {study.protocol}",
    )


def _keep(study_id: str, number: int) -> None:
    """Make the point the preset, and have Train take it up."""
    workspace = cache.workspace()
    preset = sweeps.keep(workspace, study_id, number)
    study = sweeps.read(workspace, study_id)
    fixed = study.plan.config.model_dump(exclude_unset=True, exclude={*presets.OF_A_RUN} - {"data"})
    options = {**fixed, "behaviors": study.behaviors, **study.point(number).options}
    st.session_state["take_up"] = RunConfig.parse(options)
    st.session_state["lab_kept"] = True
    st.toast(f"Kept as the preset {plain(preset)} of {plain(study.data)}; start it here.", icon=":material/check:")


# On test, once it is decided


def finalized(study: Study) -> tuple[Run, ...]:
    return sweeps.final_runs(cache.workspace(), study)


def _test(study: Study, point: Point) -> None:
    """Test figures of the choice that was finalized, once its runs are done, and of no other."""
    runs = finalized(study)
    if study.finalized_point != point.number or not runs:
        again = " Another choice was finalized before." if runs else ""
        st.caption(f"All figures here are of validation; “Finalize” shows what these weights reach on test.{again}")
        return
    waiting = [run for run in runs if run.live]
    broken = [run for run in runs if run.state in ("failed", "cancelled")]
    if waiting:
        st.progress(
            sum(run.epoch / max(run.epochs, 1) for run in runs) / len(runs),
            f"finalizing: {len(runs) - len(waiting)} of {len(runs)} seeds done",
        )
    elif broken:
        st.warning(
            f"Run {broken[0].id} is {broken[0].state}, so there are no test figures: resume it on the Runs page."
        )
    else:
        _tested(study)


def _tested(study: Study) -> None:
    tested = _standing(cache.home(), study.finalized, study.metric)
    with st.container(horizontal=True):
        for name in dict.fromkeys((study.metric, "HR@100", "NDCG@100")):
            score = tested.test[name]
            st.metric(f"{name}, test", metric(score.value, score.half_width), border=True)
    spread = tested.test[study.metric].seed_spread
    seeds = f"mean of {len(tested.seeds)} seeds" + (f", sd {metric(spread)}" if spread is not None else "")
    st.caption(f"{plain(study.data)} · {study.protocol}: {seeds}, ± half a 95 % interval over test shoppers")


@st.cache_resource(max_entries=16, show_spinner=False)
def _standing(home: str, runs: tuple[str, ...], name: str) -> Standing:
    """The choice's runs on test, taken together."""
    return leaderboard(cache.workspace(), runs, metric=name).entries[0]
