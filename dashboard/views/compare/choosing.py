"""What the pages that compare runs share: the slim row in which runs, reference and metric are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import streamlit as st

from dashboard import address, cache, guard, selection
from dashboard.findings import comparing
from dashboard.glossary import help_for
from dashboard.text import STUDIES, count, gap, p_value, plain, shortened
from dashboard.widgets import again, empty, pickers
from nmtr import compare
from nmtr.compare import METRIC, Interval, Leaderboard, Lists, Moves, Score, Slices, Sparsity, check, grouped, names
from nmtr.config import PROTOCOLS
from nmtr.data.library import DatasetInfo
from nmtr.errors import NmtrError
from nmtr.evaluation.metrics import CUTOFFS, SELECTION
from nmtr.runs.store import Run
from nmtr.training.report import EpochReport

T = TypeVar("T")
METRICS = [f"{kind}@{cutoff}" for kind in ("HR", "NDCG") for cutoff in CUTOFFS]
MOST = 20  # entries at once: more cannot be distinguished
FEW = 8  # that are chosen where nobody chose
BEST_OTHER = "best"  # the reference, left to the core

Entry = tuple[Run, ...]


@dataclass(frozen=True)
class Choice:
    """What is to be compared; the runs of each entry together."""

    info: DatasetInfo
    entries: tuple[Entry, ...]
    reference: str | None
    metric: str

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(run.id for entry in self.entries for run in entry)

    @property
    def where(self) -> str:
        """What stands beside every figure."""
        protocol = self.entries[0][0].config.protocol
        return f"{plain(self.info.name)} · {protocol}" + (" · synthetic demo data" if self.info.synthetic else "")


def choose(promise: str) -> Choice | None:
    """The row of controls, and what was chosen in it; None where there is nothing to compare, which is then said."""
    asked = [part for part in (address.selected("runs") or "").split(",") if part]
    info = _data(asked)
    if info is None:
        empty.no_data(promise)
        return None
    done = [run for run in selection.finished_runs(info) if run.result is not None and run.result.test]
    hidden = cache.workspace().runs.withheld(done)  # of studies that were not finalized
    done = [run for run in done if run.id not in hidden]
    if hidden:
        st.caption(
            f"{count(len(hidden), 'run', 'runs')} of studies {'is' if len(hidden) == 1 else 'are'} left out: {STUDIES}"
        )
    if not done:
        with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
            pickers.pick_data(info)
        empty.empty(
            f"No finished run on {plain(info.name)} yet", promise, "Train a model", "train", ":material/play_arrow:"
        )
        return None
    chosen = _chosen(asked, info, done)
    protocol = chosen[0][0].config.protocol
    offered = [entry for entry in grouped(done) if entry[0].config.protocol == protocol]
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        pickers.pick_data(info)
        _pick_protocol(protocol, done)
        chosen = _pick_entries(chosen, offered)
        reference = _pick_reference(chosen)
        metric = _pick_metric()
    address.show(data=info.name, runs=_address(chosen), against=reference, metric=metric)
    return Choice(info, tuple(chosen), reference, metric)


def _data(asked: Sequence[str]) -> DatasetInfo | None:
    """The data set of the selection; of the first run that is asked for, where a link names runs alone."""
    if asked and address.selected("data") is None and address.selected("run") is None:
        for run in _known(asked)[:1]:
            return cache.workspace().data.info(run.config.data)
    return selection.current_data()


def _known(asked: Sequence[str]) -> list[Run]:
    """The runs that are asked for, less those that are gone."""
    there = {run.id: run for run in cache.workspace().runs.list()}
    return [there[run_id] for run_id in asked if run_id in there]


def _chosen(asked: Sequence[str], info: DatasetInfo, done: Sequence[Run]) -> list[Entry]:
    """The entries of the runs that are asked for, less those that cannot be compared, which is said; else the usual."""
    runs = _known(asked)
    if gone := [run_id for run_id in asked if run_id not in {run.id for run in runs}]:
        st.warning(
            f"There is no run {plain(', '.join(gone)[:80])} any more, so it is left out.", icon=":material/block:"
        )
    # What was compared on another data set is not what is wanted on this one.
    here = [run for run in runs if run.config.data == info.name]
    if here:
        refusals = [refusal for run in runs if (refusal := _refusal(run, here[0]))]
        if refusals:
            more = f" So with {len(refusals) - 1} more." if len(refusals) > 1 else ""
            st.warning(plain(refusals[0]) + more, icon=":material/block:")
        ids = {run.id for run in runs}
        found = [
            entry
            for entry in grouped(done)
            if ids & {run.id for run in entry} and entry[0].config.protocol == here[0].config.protocol
        ]
        if len(found) > MOST:
            st.warning(f"At most {MOST} models are compared at once; of the {len(found)} here the first {MOST} are.")
        if found:
            return found[:MOST]
    return usual(done)


def _refusal(run: Run, first: Run) -> str | None:
    try:
        check(run, first)
    except NmtrError as error:
        return str(error)
    return None


def usual(done: Sequence[Run], protocol: str | None = None) -> list[Entry]:
    """One entry for each model, the best on validation, of the protocol.

    If none is given: of the selected run's, or that with most entries, or the newest run's.
    """
    if protocol is None:
        times = Counter(entry[0].config.protocol for entry in grouped(done))
        selected = [run for run in done if run.id == address.selected("run")]
        protocol = max(selected or done, key=lambda run: (times[run.config.protocol], run.created)).config.protocol
    entries = [entry for entry in grouped(done) if entry[0].config.protocol == protocol]
    # Figures on other validation purchases are no better or worse: those of the newest run's kind come first.
    kind = max((run for entry in entries for run in entry), key=lambda run: run.created).config.validation
    entries.sort(key=lambda entry: (entry[0].config.label, entry[0].config.validation != kind, -_validated(entry)))
    best = [next(alike) for _, alike in groupby(entries, key=lambda entry: entry[0].config.label)]
    best = sorted(best, key=_validated, reverse=True)[:FEW]
    wanted = [entry for entry in entries if address.selected("run") in {run.id for run in entry}]
    return [*{entry[0].id: entry for entry in [*wanted, *best]}.values()]


def _validated(entry: Entry) -> float:
    """What chose the entry's epochs; nothing that was tested chooses what is shown."""
    values = [run.result.valid.get(SELECTION[0], 0.0) for run in entry if run.result is not None]
    return sum(values) / len(values)


def _address(entries: Sequence[Entry]) -> str:
    return ",".join(entry[0].id for entry in entries)


def _pick_protocol(protocol: str, done: Sequence[Run]) -> None:
    st.session_state["compare_protocol"] = protocol
    st.selectbox(
        "Protocol",
        [name for name in PROTOCOLS if any(run.config.protocol == name for run in done)],
        key="compare_protocol",
        on_change=guard.callback(
            lambda: address.select(
                runs=_address(usual(done, st.session_state["compare_protocol"])), against=None, run=None
            )
        ),
        width=130,
    )


def _pick_entries(chosen: Sequence[Entry], offered: Sequence[Entry]) -> list[Entry]:
    """A popover with every entry of the protocol."""
    by_id = {entry[0].id: entry for entry in offered}
    called = dict(zip(by_id, names([entry[0] for entry in offered]), strict=True))

    def shown(run_id: str) -> str:
        seeds = len(by_id[run_id])
        return called[run_id] + (f" · {seeds} seeds" if seeds > 1 else "")

    st.session_state["compare_runs"] = [entry[0].id for entry in chosen]
    with st.popover(f"{len(chosen)}/{len(offered)} models", icon=":material/checklist:", key="pick_models"):
        st.multiselect(
            "Models",
            list(by_id),
            key="compare_runs",
            format_func=shown,
            max_selections=MOST,
            on_change=guard.callback(lambda: address.select(runs=",".join(st.session_state["compare_runs"]) or None)),
            width=420,
        )
        st.caption("Runs that differ only in the seed are one model. At first: each model's best on validation.")
    return list(chosen)


def _pick_reference(chosen: Sequence[Entry]) -> str | None:
    ids = [entry[0].id for entry in chosen]
    called = dict(zip(ids, names([entry[0] for entry in chosen]), strict=True))
    against = address.selected("against")
    st.session_state["compare_against"] = against if against in ids else BEST_OTHER
    picked = st.selectbox(
        "Against",
        [BEST_OTHER, *ids],
        key="compare_against",
        format_func=lambda run: "the best alternative" if run == BEST_OTHER else shortened(called[run]),
        on_change=guard.callback(lambda: address.select(against=st.session_state["compare_against"])),
        help=help_for("best alternative"),
        width=210,
    )
    return None if picked == BEST_OTHER else str(picked)


def _pick_metric() -> str:
    metric = address.selected("metric")
    st.session_state["compare_metric"] = metric if metric in METRICS else METRIC
    return str(
        st.selectbox(
            "Metric",
            METRICS,
            key="compare_metric",
            help=help_for("HR@k", "NDCG@k"),
            on_change=guard.callback(lambda: address.select(metric=st.session_state["compare_metric"])),
            width=130,
        )
    )


# What is found


def leaderboard(choice: Choice) -> Leaderboard:
    return _found(compare.leaderboard, choice)


def sparsity(choice: Choice) -> Sparsity:
    return _found(compare.sparsity, choice)


def slices(choice: Choice, by: str) -> Slices:
    return _found(compare.slices, choice, by=by)


def moves(choice: Choice) -> Moves:
    return _found(compare.moves, choice)


def lists(choice: Choice) -> Lists:
    return _found(compare.compare_lists, choice)


def _found(function: Callable[..., T], choice: Choice, **asked: str) -> T:
    """What one of the functions of `nmtr.compare` finds; kept."""
    found: T = _kept(*_key(choice), function.__name__, asked, function, choice.info)
    return found


@st.cache_resource(max_entries=128, show_spinner=False)
def _kept(
    home: str,
    version: str,
    runs: tuple[str, ...],
    reference: str | None,
    metric: str,
    name: str,
    asked: dict[str, str],
    _function: Callable[..., Any],
    _info: DatasetInfo,
) -> Any:
    shop = cache.dataset(_info)
    return _function(cache.workspace(), runs, reference=reference, metric=metric, dataset=shop, **asked)


def _key(choice: Choice) -> tuple[str, str, tuple[str, ...], str | None, str]:
    return cache.home(), cache.version(choice.info), choice.runs, choice.reference, choice.metric


def code(choice: Choice, function: str, asked: str = "", **options: object) -> None:
    """How the comparison is had again, folded."""
    again.code(*comparing(choice.runs, choice.metric, choice.reference, function, asked, **options))


@st.cache_resource(max_entries=64, show_spinner=False)
def selecting(run: str) -> list[EpochReport]:
    """The reports of a finished run's select phase, which chose its epoch."""
    return [report for report in cache.workspace().runs.reports(run) if report.phase == "select"]


def alone(wanted: str) -> None:
    """What stands in the place of a difference where there is one model."""
    st.markdown("##### One model alone")
    st.markdown(f"Choose a second one above, or train one, to see {wanted}.")


def difference(score: Score) -> str:
    """How far it is from the reference, with its p; the reference itself has none."""
    other = score.difference
    assert other is not None, "it is not the reference"
    return f"{gap(other.value, other.half_width)} · {p_value(other.p) or '–'}"


def part(score: Interval) -> tuple[float, float | None]:
    return score.value, score.half_width
