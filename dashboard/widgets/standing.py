"""How good a data set's model is, in words: of 100 shoppers so many find their next purchase, and with the best
alternative so many."""

from __future__ import annotations

import streamlit as st

from dashboard import address, cache, charts
from dashboard.glossary import help_for
from dashboard.text import plain, thing
from dashboard.widgets import figures
from nmtr.compare import Leaderboard, Score
from nmtr.config.methods import METHODS
from nmtr.data.library import DatasetInfo
from nmtr.runs.store import Run
from nmtr.runs.withheld import said

CHANCE = 0.05  # a difference whose corrected p is not below it may be chance
LARGE = 1_000  # items from which on a hundred of them are a short list


def standing(info: DatasetInfo, run: Run) -> None:
    """The model of the data set against the best of all others that are not NMTR."""
    if run.id in cache.workspace().runs.withheld([run]):
        st.markdown(f"##### How good {plain(run.config.label)} is stays hidden")
        st.markdown(f"Of this run, {plain(said(run))}")
        return
    metric = "HR@100" if info.items >= LARGE else "HR@10"
    with st.skeleton(height=140):
        board = cache.against_best(info, run, metric)
    title, sentences = verdict(board, run)
    words = help_for("held-out purchase", "hit at k", "best alternative", "interval", run.config.protocol)
    methods = [METHODS[cache.workspace().runs.get(entry.runs[0]).config.method] for entry in board.entries]
    st.markdown(f"##### {title}", help="\n\n".join([words, *(f"**{one.label}**: {one.about}" for one in methods)]))
    st.markdown("  \n".join(sentences))
    st.caption(
        f"{metric} of {board.test_users:,} shoppers with a held-out {thing(board.target)} — {figures.source(info, run)}"
    )
    if len(board.entries) > 1:
        looks = charts.looks([entry.name for entry in board.entries], board.reference)
        rows = [
            charts.Measured(
                entry.test[metric].value,
                entry.test[metric].half_width or 0.0,
                entry.name,
                entry.name == board.reference,
                looks[entry.name],
            )
            for entry in board.entries
        ]
        drawn = charts.intervals(rows, figures.theme())
        st.plotly_chart(
            drawn, key="standing", config=charts.CONFIG, alt=" ".join([title, *sentences]).replace("\\", "")
        )
    figures.export(board.rows(), f"standing-{run.id}.csv")
    if len(board.entries) == 1:
        if st.button("Train an alternative", key="train_alternative", icon=":material/play_arrow:"):
            address.go("train", data=info.name, run=None)
    elif st.button("Compare all models", key="to_compare", icon=":material/leaderboard:"):
        address.go("compare", data=info.name)


def verdict(board: Leaderboard, run: Run) -> tuple[str, list[str]]:
    """The finding, and the sentences under it; for markdown."""
    (ours,) = (entry for entry in board.entries if run.id in entry.runs)
    others = [entry for entry in board.entries if entry is not ours]
    score = ours.test[board.metric]
    cutoff = board.metric.split("@")[1]
    values = [entry.test[board.metric].value for entry in board.entries]
    of = 100 if max(values) >= 0.1 else 1_000
    title = (
        f"Of {of:,} shoppers, {_of(of, score.value)} find their next {plain(thing(board.target))} among the first "
        f"{cutoff} items"
    )
    itself = f"That is {plain(run.config.label)}{_between(of, score)}."
    if not others:
        return title, [itself, "No other method is trained here yet, so there is nothing to compare it with."]
    (other,) = others
    theirs = _of(of, other.test[board.metric].value)
    name = f"The best alternative, {plain(other.label)}"
    difference = score.difference
    assert difference is not None, "the other is the reference"
    apart = of * difference.value
    if difference.p is None or difference.p >= CHANCE:
        ends = (
            ""
            if difference.low is None
            else f" ({_sign(of * difference.low)} to {_sign(of * (difference.high or 0.0))})"
        )
        said = f"{name}, finds it for {theirs}: too close to call, since the difference{ends} may be chance."
    elif apart < 0:
        said = f"{name}, does better: {theirs}. So on this data {plain(run.config.label)} is not the best choice."
    else:
        said = f"{name}: {theirs}. The difference is more than chance."
    return title, [itself, said]


def _of(of: int, share: float) -> str:
    return f"{of * share:.0f}"


def _between(of: int, score: Score) -> str:
    if score.low is None or score.high is None:
        return ""
    return f" (95 % interval: {_of(of, score.low)} to {_of(of, score.high)})"


def _sign(value: float) -> str:
    return f"{round(value):+d}".replace("-", "−").replace("+0", "0")
