"""How a study's search went: when it found what, which option matters, and what each is worth."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, charts, guard
from dashboard.text import metric, plain, share, told
from dashboard.views.lab import findings
from dashboard.widgets import figures
from nmtr import sweeps
from nmtr.errors import RunError
from nmtr.sweeps import Importance, Study

HISTORY, SLICES = "lab_history", "lab_slices"


def show(study: Study, where: str) -> None:
    tries = [
        charts.Try(str(point.number), point.value, point.state == "done", findings.name_of(study, point))
        for point in study.points
        if point.value is not None and point.state in ("done", "pruned")
    ]
    if not tries:
        st.caption("There will be something to see when the first choices are done.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _history(study, tries, where)
    with right:
        _importance(study, where)
    _slices(study, tries, where)


def _history(study: Study, tries: list[charts.Try], where: str) -> None:
    best = study.best
    title = "Nothing is done yet"
    if best is not None:
        at = [one.key for one in tries].index(str(best.number)) + 1
        title = f"The best came as number {at} of {len(tries)}: {metric(best.value or 0.0, findings.half_width(best))}"
    figures.figure(
        title,
        f"{study.metric} on validation, in the order of trying; line: the best so far; hollow: stopped early",
        charts.history(tries, study.metric, figures.theme()),
        HISTORY,
        where,
        on_click=guard.callback(_clicked, HISTORY),
    )


def _clicked(key: str) -> None:
    if (number := figures.clicked(key)) is not None:
        address.select(point=number)


@st.cache_data(max_entries=32, show_spinner=False)
def _importances(home: str, study_id: str, done: int) -> tuple[Importance, ...]:
    """Kept until one more point is done: a forest takes some tenths of a second."""
    workspace = cache.workspace()
    return sweeps.importances(workspace, sweeps.read(workspace, study_id))


def _importance(study: Study, where: str) -> None:
    done = sum(point.state == "done" for point in study.points)
    try:
        found = _importances(cache.home(), study.id, done)
    except RunError as error:
        st.markdown("##### Which option matters is not known")
        st.markdown(told(error))
        return
    shares = {_name(one.option): one.share for one in found}
    first = next(iter(shares))
    figures.figure(
        f"{plain(first)} matters most: {share(shares[first])} of what choices differ in",
        "share of the variance over what was searched that each option explains alone (functional ANOVA)",
        charts.importance(shares, figures.theme()),
        "lab_importance",
        where,
    )
    figures.export([{"study": study.id, **one.model_dump(mode="json")} for one in found], f"lab-options-{study.id}.csv")


def _name(option: str) -> str:
    """What an option of the search is called: ``weight of view``."""
    behavior = option.removeprefix("lambda ")
    return f"weight of {behavior}" if behavior != option else findings.ALSO.get(option, option)


def _slices(study: Study, tries: list[charts.Try], where: str) -> None:
    """Each try by one of the options, which is chosen."""
    by_option = _values(study)
    name = str(st.selectbox("By which option", list(by_option), key="lab_slice_of", width=260))
    at = [by_option[name][one.key] for one in tries]
    best = max((number for number, one in enumerate(tries) if one.done), key=lambda n: tries[n].value, default=None)
    figures.figure(
        "Nothing is done yet" if best is None else f"The best has {plain(name)} {plain(_written(at[best]))}",
        f"{study.metric} on validation by {plain(name)}; the other options differ, too",
        charts.slices(tries, at, name, study.metric, figures.theme(), log=name == findings.ALSO["learning_rate"]),
        SLICES,
        where,
        on_click=guard.callback(_clicked, SLICES),
    )


def _values(study: Study) -> dict[str, dict[str, float | str]]:
    """The value of each searched option by the point's number."""
    found: dict[str, dict[str, float | str]] = {}
    for r, behavior in enumerate(study.behaviors if "lambdas" in study.plan.search else ()):
        found[f"weight of {behavior}"] = {str(one.number): (one.lambdas or ())[r] for one in study.points}
    for option, name in findings.ALSO.items():
        if option in study.plan.search:
            found[name] = {str(one.number): one.options[option] for one in study.points if option in one.options}
    return found


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
