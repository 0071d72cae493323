"""One run: how it went, what it was trained with and how that differs, its figures, files, log and command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import address, cache
from dashboard.text import metric, plain
from dashboard.views.runs import actions
from dashboard.widgets import again, empty, figures, live_run, pickers
from nmtr.config.written import command, usual
from nmtr.data.library import DatasetInfo
from nmtr.evaluation.metrics import CUTOFFS
from nmtr.runs.job import LOG
from nmtr.runs.labels import tags_of
from nmtr.runs.store import Run
from nmtr.runs.withheld import without_test

LOG_LINES = 200
USUAL = "the usual ones"


def page() -> None:
    chosen = address.selected("run")
    if chosen is None:
        empty.empty(
            "No run is chosen",
            "Here you will see all about one run: its options, figures, files and log.",
            "Choose one",
            "runs",
            ":material/list_alt:",
        )
        return
    workspace = cache.workspace()
    run = workspace.runs.get(chosen)
    every = workspace.runs.list()
    address.show(data=run.config.data, run=run.id)
    info = _data(run)
    if run.name or run.tags or run.note:
        with st.container(gap=None):
            st.markdown(f"##### {plain(run.name or run.config.label)}{' (archived)' if run.archived else ''}")
            st.caption(plain(" ".join([*(f"#{tag}" for tag in run.tags), run.note]).strip()) or "No tags, no note.")
    live_run.show(run, info)
    with st.container(horizontal=True, vertical_alignment="center", key=f"actions-{run.id}"):
        actions.manage(run, tags_of(every))
        if st.button("All runs", key="all_runs", icon=":material/list_alt:", type="tertiary"):
            address.go("runs", run=None)
    left, right = st.columns(2, gap="medium")
    with left:
        _options(run, every)
    with right:
        _figures(without_test(run) if workspace.runs.withheld([run]) else run)
        _files(run)
    _again(run)
    _log(run)


def _data(run: Run) -> DatasetInfo | None:
    """The data set that it was trained on; None where that is gone or another now, which is said."""
    library = cache.workspace().data
    if run.config.data not in library.names():
        st.warning(
            f"Data set {plain(run.config.data)}, which this run was trained on, is not here any more. Its figures "
            "stand; to recommend by it, add the data set again as it was.",
            icon=":material/database_off:",
        )
        return None
    info = library.info(run.config.data)
    if info.fingerprint != run.fingerprint:
        st.warning(
            f"Data set {plain(info.name)} is another version now ({info.fingerprint[:8]}, not {run.fingerprint[:8]}). "
            "The run's figures stand; to recommend by it, bring back the data as it was.",
            icon=":material/database_off:",
        )
        return None
    return info


def _options(run: Run, every: Sequence[Run]) -> None:
    """What differs from the usual options, or from another run's; all of them where nothing does, or if asked."""
    others = {other.id: other for other in every if other.id != run.id}
    beside = st.selectbox(
        "Options beside",
        [USUAL, *others],
        format_func=lambda other: pickers.run_name(others[other]) if other in others else other,
        key=f"beside-{run.id}",
    )
    other = others.get(beside)
    there = usual(run.config) if other is None else other.config.to_json()
    here = run.config.to_json()
    name = f"those of {other.id}" if other else USUAL
    differing = [option for option in dict.fromkeys([*here, *there]) if here.get(option) != there.get(option)]
    if not differing:
        st.markdown(f"##### All {len(here)} options are {name}")
    else:
        st.markdown(f"##### {len(differing)} of {len(here)} options are not {name}")
    everything = not differing or st.toggle("Show all options", key=f"all-options-{run.id}")
    shown = [*here] if everything else differing
    rows = [{"option": _called(option), "here": _value(here, option), name: _value(there, option)} for option in shown]
    table = pd.DataFrame(rows)
    st.dataframe(table if differing else table.drop(columns=name), hide_index=True, alt="Options of this run")


def _called(option: str) -> str:
    return "λ" if option == "lambdas" else option.replace("_", " ")


def _value(options: Mapping[str, Any], option: str) -> str:
    if option not in options:
        return "–"
    value = options[option]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:.3g}" if isinstance(part, float) else str(part) for part in value)
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _figures(run: Run) -> None:
    """HR and NDCG at every cutoff, of all test shoppers and of those who had visited the item, or had not."""
    result = run.result
    if result is None or not result.test:
        return
    both = result.visited.users and result.not_visited.users
    parts = {"visited": result.visited, "not visited": result.not_visited} if both else {}
    rows = [
        {
            "metric": name,
            "test": metric(result.test[name], result.intervals.get(name)),
            **{part: metric(told.metrics[name]) for part, told in parts.items()},
            "validation": metric(result.valid[name]) if name in result.valid else "–",
        }
        for kind in ("HR", "NDCG")
        for name in (f"{kind}@{cutoff}" for cutoff in CUTOFFS)
        if name in result.test
    ]
    users = " · ".join(
        [f"{result.test_users:,} test shoppers", *(f"{told.users:,} {part}" for part, told in parts.items())]
    )
    st.markdown("##### All figures")
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="All figures of this run")
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(rows, f"figures-{run.id}.csv")
        st.caption(f"{users}; ± half a 95 % interval")


def _files(run: Run) -> None:
    folder = cache.workspace().runs.folder(run.id)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    with st.expander(f"{len(files)} files", icon=":material/folder:"):
        for path in files:
            st.text(f"{path.name} · {path.stat().st_size / 1e3:,.1f} kB")


def _again(run: Run) -> None:
    st.markdown("##### Train it again")
    again.code(
        command(run.config),
        "from nmtr.config import RunConfig\nfrom nmtr.workspace import Workspace\n\n"
        f"Workspace().train(RunConfig.parse({run.config.to_json()!r}))",
    )
    st.caption(f"On data version {run.fingerprint[:8]}, with seed {run.config.seed}.")


def _log(run: Run) -> None:
    path = cache.workspace().runs.folder(run.id) / LOG
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    with st.expander(
        f"Log: the last {LOG_LINES} lines" if len(lines) > LOG_LINES else "Log", icon=":material/article:"
    ):
        st.code("\n".join(lines[-LOG_LINES:]) or "Nothing was logged.", language=None, height=320)


page()
