"""How pages tell chances: a column of a list, a sentence with its "?", and the wait while they are worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import cache, guard
from dashboard.charts.behaviors import Cue, Cues
from dashboard.text import chance, odds, plain, signed, steps
from dashboard.widgets.row_list import Cell, Column
from nmtr.chances import Chance, Chances, about, agreement, means
from nmtr.explain import Explanation, Recommendations, Stage
from nmtr.runs.store import Run

_SCORE = "A score, no chance: it only says which item stands higher."


def scored(
    found: Sequence[tuple[tuple[Stage, ...], float, Chance | None]], target: str
) -> dict[str, list[tuple[float, Chance | None]]]:
    """Scores and chances by behavior, of pairs with their stages, score and chance: of every stage, or of the target
    alone where there are no stages."""
    if not found[0][0]:
        return {target: [(score, chance) for _, score, chance in found]}
    stages = zip(*(own for own, _, _ in found), strict=True)
    return {same[0].behavior: [(stage.logit, stage.chance) for stage in same] for same in stages}


def _of_items(top: Recommendations, target: str) -> dict[str, list[tuple[float, Chance | None]]]:
    return scored([(item.stages, item.logit, item.chance) for item in top.items], target)


def rows(top: Recommendations, target: str) -> dict[str, list[float | None]]:
    """The same as the columns of a file."""
    return in_file(_of_items(top, target))


def in_file(scored: Mapping[str, Sequence[tuple[float, Chance | None]]]) -> dict[str, list[float | None]]:
    """Scores and chances by behavior, as the columns of a file."""
    columns: dict[str, list[float | None]] = {}
    for behavior, pairs in scored.items():
        columns[f"{behavior} score"] = [score for score, _ in pairs]
        columns[f"{behavior} chance"] = [None if chance is None else chance.next for _, chance in pairs]
    return columns


def columns(top: Recommendations, run: Run, cue: Cues, why: str = "") -> dict[Column, list[Cell]]:
    """A column of a list for each behavior. why: why there are no chances, where that is not the run's doing."""
    told = None if why else cache.chances(run.id)
    return dict(
        column(behavior, pairs, told, run, cue[behavior], why or "Its chance is being worked out.")
        for behavior, pairs in _of_items(top, run.config.target).items()
    )


def column(
    behavior: str, scored: Sequence[tuple[float, Chance | None]], told: Chances | None, run: Run, cue: Cue, why: str
) -> tuple[Column, list[Cell]]:
    """Chances, each bar beside the highest of the list; scores where there are none, and why there are none."""
    said = [found.next for _, found in scored if found is not None]
    if told is not None and len(said) == len(scored):
        highest = max(said)
        means = f"{meaning(behavior, told, run)} A full bar is the highest chance of this list, {odds(highest)}."
        return Column(behavior, "bar", odds, means, cue, highest), [*said]
    why = told.stage(behavior).why if told else why
    return Column(behavior, "number", signed, f"{_SCORE} {why}", cue), [score for score, _ in scored]


def meaning(behavior: str, told: Chances, run: Run) -> str:
    """What a chance is of, and how far it was found to be right: the two sentences behind its "?"."""
    stage = told.stage(behavior)
    said = means(stage, target=behavior == run.config.target)
    if stage.after and not cache.workspace().runs.withheld([run]):
        return f"{said} {agreement(stage.after)}"
    return f"{said} {stage.why}"


def sentence(explanation: Explanation, run: Run, why: str = "") -> None:
    """The chance of one item in a sentence, and how many go on from stage to stage; why where there is none."""
    told, target = cache.chances(run.id), run.config.target
    if told is None and not why:
        return
    if told is None or explanation.chance is None:
        st.caption(f"{_SCORE} {plain(told.stage(target).why if told and not why else why)}")
        return
    which = "another item with this score" if explanation.bought else "this item"
    said = chance(explanation.chance)
    st.markdown(
        f"**{said[:1].upper()}{said[1:]}** that the next {plain(target)} is of {which}.",
        help=plain(meaning(target, told, run)),
    )
    if on := steps(explanation.stages):
        leak = " and, under this protocol, too low where they are low" if run.config.protocol == "standard" else ""
        st.caption(plain(on), help=f"Worked out from chances that were checked; not checked themselves{leak}.")


def among(chances: Sequence[Chance | None], target: str) -> str:
    """How likely it is that the next purchase is of an item of a list; nothing where that is not known."""
    known = [found.next for found in chances if found is not None]
    if not known or len(known) < len(chances):
        return ""
    return f"{about(sum(known))} that the next {target} is of one of these {len(known)}"


def wait(run: Run) -> None:
    """Work the run's chances out, where they are not there yet, and draw the page again when they are.

    Stands at the end of a page: what it has without them is drawn before.
    """
    if cache.chances(run.id) is not None:
        return
    work = cache.work_out_chances(run.id)

    @st.fragment(run_every=None if work.done() else 1.0)
    def panel() -> None:
        with guard.guarded():
            if work.done():
                work.result()  # raises what went wrong
                st.rerun()
            st.caption(
                ":material/hourglass_top: How likely all this is, is being worked out; meanwhile there are scores."
            )

    panel()
