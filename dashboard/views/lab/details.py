"""What else a study tells: its table, groups of shoppers, what a weight costs elsewhere, units side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import cache, charts
from dashboard.charts.behaviors import cues
from dashboard.glossary import help_for
from dashboard.text import and_list, gap, metric, plain
from dashboard.views.lab import findings, search
from dashboard.widgets import figures
from nmtr import sweeps
from nmtr.data.library import DatasetInfo
from nmtr.sweeps import Sensitivity, Study

VIEWS = ("Table", "Shopper groups", "Trade-off", "Units side by side", "The search")


def more(study: Study, info: DatasetInfo, where: str) -> None:
    """One of the views under the picture."""
    chosen = st.segmented_control(
        "More", VIEWS, default=VIEWS[0], required=True, key="lab_view", label_visibility="collapsed"
    )
    with st.container(border=True):
        if chosen == VIEWS[0]:
            _table(study, where)
        elif chosen == VIEWS[3]:
            _units(study, info)
        elif chosen == VIEWS[4]:
            search.show(study, where)
        elif "lambdas" not in study.plan.search:
            st.markdown(f"##### This study searches no loss weights, only {findings.searched(study)}")
            st.caption(
                "What weights are worth to groups of shoppers and to each behavior is shown of studies of weights."
            )
        elif study.best is None:
            st.caption("There will be something to see when the first weights are done.")
        elif chosen == VIEWS[1]:
            _groups(study, info, where)
        else:
            _trade_off(study, info, where)


def _table(study: Study, where: str) -> None:
    rows = findings.rows(study)
    st.markdown(f"##### {findings.counted(len(rows), study.plan.search)}, the best on validation first")
    st.caption(f"{study.metric} on the validation purchases, with its 95 % interval over shoppers — {where}")
    points = {point.number: point for point in study.points}
    value = f"validation {study.metric}"
    shown = []
    for row in rows:
        point = points[row["point"]]
        shown.append(
            {
                **{name: number for name, number in row.items() if name.startswith("λ ")},
                **findings.others(point),
                value: "–" if point.value is None else metric(point.value, findings.half_width(point)),
                "as good": "◎" if row["as good as the best"] else "",
                "state": row["state"],
                "epochs": f"{point.epoch}/{point.epochs}",
                "runs": row["runs"],
            }
        )
    number = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        pd.DataFrame(shown),
        hide_index=True,
        column_config={
            **{f"λ {behavior}": number for behavior in study.behaviors},
            value: st.column_config.TextColumn(alignment="right", help=help_for("interval")),
            "as good": st.column_config.TextColumn(help="cannot be told from the best", width="small"),
        },
        alt=f"{study.metric} of each choice of weights",
    )
    figures.export(rows, f"lab-{study.data}-{study.protocol}-{study.id}.csv")


# By how much shoppers bought


def _done(study: Study) -> tuple[tuple[int, str, float | None], ...]:
    """What a study's judgements hang on."""
    return tuple((point.number, point.state, point.value) for point in study.points)


@st.cache_resource(max_entries=16, show_spinner=False)
def _sensitivity(home: str, done: object, _study: Study) -> tuple[Sensitivity, ...]:
    return sweeps.sensitivity(cache.workspace(), _study)


def _groups(study: Study, info: DatasetInfo, where: str) -> None:
    found = _sensitivity(cache.home(), (study.id, _done(study)), study)
    if not found:
        st.markdown("##### No groups to compare")
        st.caption("The best weights of each group need the validation ranks of finished runs.")
        return
    makeups = [
        charts.Makeup(f"{row.group} purchases · {row.users:,} shoppers", tuple(row.options["lambdas"]), _worth(row))
        for row in found
    ]
    figures.figure(
        groups_finding(found),
        f"the best weights for each group by training purchases, by {study.metric} on validation",
        charts.makeups(makeups, study.behaviors, cues(info.behaviors), figures.theme()),
        "lab_groups",
        where,
    )
    if behind := [f"{gap(row.behind)} for {plain(row.group)}" for row in found if row.behind < 0]:
        st.caption(f"The best weights of all, instead: {and_list(behind)} purchases.")
    figures.export([row.model_dump(mode="json") for row in found], f"lab-groups-{study.data}-{study.id}.csv")


def _worth(row: Sensitivity) -> str:
    return metric(row.value, None if row.low is None or row.high is None else (row.high - row.low) / 2)


def groups_finding(rows: Sequence[Sensitivity]) -> str:
    """For which groups other weights than the best of all are better, and not by chance."""
    apart = [row.group for row in rows if row.differs]
    if not apart:
        return "The best weights of all are as good as any for every group: no need to tune for one"
    return f"Other weights are better for shoppers with {plain(and_list(apart))} purchases, and not by chance"


# What a weight costs the other behaviors


def _trade_off(study: Study, info: DatasetInfo, where: str) -> None:
    target = study.behaviors[-1]
    rows = sweeps.trade_off(cache.workspace(), study)
    if not rows:
        st.markdown("##### What raising one weight costs the other behaviors")
        st.markdown(
            "This study’s runs held out purchases of the target only. Start one with “Rank the lower behaviors too”, "
            "under Advanced, to see each behavior’s own figure here."
        )
        return
    weights = [row.options["lambdas"][-1] for row in rows]
    values = {b: [row.values[b] for row in rows] for b in study.behaviors if all(b in row.values for row in rows)}
    half_widths = {b: [row.half_widths.get(b) for row in rows] for b in values}
    figures.figure(
        trade_off_finding(weights, values, target),
        f"{study.metric} of each behavior as a target of its own: {plain(target)} on its validation purchases, the "
        f"others on held-out pairs that led no further; by the weight of {plain(target)}; bars: 95 % intervals",
        charts.costs(weights, values, half_widths, target, study.metric, cues(info.behaviors), figures.theme()),
        "lab_costs",
        where,
    )
    exported = [
        {f"weight of {target}": weight, **row.values, **{f"{b} ±": half for b, half in row.half_widths.items()}}
        for weight, row in zip(weights, rows, strict=True)
    ]
    figures.export(exported, f"lab-costs-{study.data}-{study.protocol}-{study.id}.csv")


def trade_off_finding(weights: Sequence[float], values: Mapping[str, Sequence[float]], target: str) -> str:
    """What the mean of each behavior's figure does from the target's lowest weight to its highest."""
    low, high = min(weights), max(weights)

    def mean(measured: Sequence[float], at: float) -> str:
        found = [value for weight, value in zip(weights, measured, strict=True) if abs(weight - at) < 1e-6]
        return metric(sum(found) / len(found))

    moved = [f"{plain(b)} from {mean(own, low)} to {mean(own, high)}" for b, own in values.items()]
    if high - low < 1e-6:
        return f"At a weight of {plain(target)} of {low:.2f} alone there is nothing to trade yet"
    return f"Raising the weight of {plain(target)} from {low:.2f} to {high:.2f} takes, on average, {and_list(moved)}"


# The units side by side, as in the paper's Fig. 4


def alike(study: Study, known: tuple[Study, ...]) -> list[Study]:
    """The newest study of each unit that may stand beside this one: in all that values hang on, the two are the same.

    But for the loss, where each takes its unit's usual one.
    """

    def kind(other: Study) -> tuple[object, ...]:
        plan, config = other.plan, other.plan.config
        loss = None if config.loss in (None, config.usual_loss()) else config.loss
        same = config.model_dump(exclude={"behaviors", "unit", "loss", "threads"})
        return other.fingerprint, other.behaviors, same, loss, plan.search, plan.metric, plan.seeds, plan.prune

    found = {study.plan.config.label: study}
    for other in known:  # the newest first
        if kind(other) == kind(study):
            found.setdefault(other.plan.config.label, other)
    return sorted(found.values(), key=lambda other: other.plan.config.label)


def _units(study: Study, info: DatasetInfo) -> None:
    beside = alike(study, sweeps.studies(cache.workspace()))
    if len(beside) < 2 or len(study.behaviors) > 3 or study.plan.search != ("lambdas",):
        st.markdown("##### Do the best weights depend on the unit?")
        st.markdown(
            f"Start the same study with another unit (GMF, MLP, NeuMF) on {plain(study.data)}, {study.protocol}: they "
            "are drawn here side by side on one scale, as in Fig. 4 of the paper."
        )
        return
    shown = [study if other.id == study.id else sweeps.read(cache.workspace(), other.id) for other in beside]
    spots = [findings.spots(other, None, clickable=False) for other in shown]
    among = charts.scale([spot for those in spots for spot in those])
    draw = charts.triangle if len(study.behaviors) == 3 else charts.curve
    paper = findings.papers(study.behaviors)
    st.markdown(f"##### {units_finding(shown)}")
    for column, other, those in zip(st.columns(len(shown), gap="small"), shown, spots, strict=True):
        with column:
            figures.figure(
                plain(other.plan.config.label),
                f"{study.metric} on validation",
                draw(
                    those,
                    study.behaviors,
                    study.metric,
                    cues(info.behaviors),
                    figures.theme(),
                    among=among,
                    paper=paper,
                    small=True,
                ),
                f"lab_unit_{other.id}",
                f"{findings.setting(other)} · study {other.id}",
            )
    st.caption("One scale for all; ★ each one’s best, ◎ as good as it, ◇ best in the paper, on its own data.")


def units_finding(shown: list[Study]) -> str:
    """Whether some weights are among the equally good ones of every unit."""
    good = [
        {
            tuple(round(w, 6) for w in point.lambdas or ())
            for point in study.points
            if point.number in study.equally_good
        }
        for study in shown
    ]
    common = set.intersection(*good)
    names = and_list([plain(study.plan.config.label) for study in shown])
    so_far = "" if all(study.state == "done" for study in shown) else " so far"
    if not all(good):
        return f"{names} side by side"
    if common:
        which = findings.counted(len(common), ("lambdas",))
        return f"{which} {'is' if len(common) == 1 else 'are'} among the best of {names}{so_far}"
    return f"No weights are among the best of all of {names}{so_far}"
