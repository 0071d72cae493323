"""Which run is best, by how much, and whether that is more than chance; what the protocol's leak does to each."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.findings import MORE, leads, measured, printed, standing_row, visited_finding
from dashboard.text import and_list, metric, plain, share
from dashboard.views.compare import choosing
from dashboard.views.compare.choosing import Choice, part
from dashboard.widgets import figures
from nmtr.compare import Leaderboard, Standing, leak
from nmtr.config.written import option_text
from nmtr.evaluation.metrics import SELECTION
from nmtr.training.report import EpochReport

PROMISE = "Here finished runs will stand beside each other, with intervals, and with what is more than chance."


def page() -> None:
    choice = choosing.choose(PROMISE)
    if choice is None:
        return
    with st.skeleton(height=420):
        board = choosing.leaderboard(choice)
    looks = charts.looks([entry.name for entry in board.entries], board.reference)
    left, right = st.columns([1.15, 1], gap="medium")
    with left, st.container(border=True, height="stretch"):
        _standings(choice, board, looks)
    with right, st.container(border=True, height="stretch"):
        _leak(choice, board, looks)
    _table(choice, board)
    _curves(choice, board, looks)
    _options(board)
    choosing.code(choice, "leaderboard")


# Who leads


def _standings(choice: Choice, board: Leaderboard, looks: dict[str, charts.Look]) -> None:
    rows = [
        charts.Measured(
            entry.test[board.metric].value,
            entry.test[board.metric].half_width or 0.0,
            entry.name,
            entry.name == board.reference and len(board.entries) > 1,
            looks[entry.name],
        )
        for entry in board.entries
    ]
    figures.figure(
        leads(board),
        f"{measured(board)}, {board.test_users:,} test shoppers, 95 % intervals",
        charts.intervals(rows, figures.theme()),
        "standings",
        choice.where,
    )
    if len(board.entries) == 1:
        st.caption("Choose a second model above, or train one, to see how far they are apart.")
    else:
        st.caption(f"■ grey: {plain(board.reference)}, which the others are compared with.")


# What the leak does


def _leak(choice: Choice, board: Leaderboard, looks: dict[str, charts.Look]) -> None:
    """Each run among shoppers who had visited the held-out item before, and among the others."""
    rows = [
        charts.Parted(entry.name, part(entry.visited[board.metric]), part(entry.not_visited[board.metric]))
        for entry in board.entries
        if entry.visited and entry.not_visited
    ]
    if sentence := leak(board):
        _one_part(board, plain(sentence))
        return
    best = rows[0]
    figures.figure(
        visited_finding(best),
        f"{board.metric} by whether the shopper had visited the held-out item",
        charts.parted(rows, looks, figures.theme()),
        "visited",
        choice.where,
    )
    seen = share((board.visited_users or 0) / board.test_users)
    st.caption(
        f"{seen} of the test shoppers had visited it. Standard leaves those visits in the training data: a model that "
        "lists them again scores well on that part without predicting anything."
        if board.protocol == "standard"
        else f"{seen} of the test shoppers had visited it, but clean hides those visits from every model."
    )


def _one_part(board: Leaderboard, sentence: str) -> None:
    """What to know where every test shopper had visited the held-out item, or none had."""
    titles = {"none": "Nothing can leak", "all": "Every test shopper had visited the held-out item"}
    st.markdown(f"##### {titles.get(board.visits, 'Whether anything leaks is not known')}")
    if board.visits == "all" and board.protocol == "standard":
        st.warning(sentence, icon=":material/warning:")
    else:
        st.markdown(sentence)


# The figures


def _table(choice: Choice, board: Leaderboard) -> None:
    with_paper = any(printed(entry, board.metric) for entry in board.entries)
    rows = [standing_row(entry, board, with_paper) for entry in board.entries]
    numbers = {
        board.metric: "mean over seeds, ± half a 95 % interval over users",
        f"to {board.reference}": "difference over the same users, ± half its 95 % interval",
        "p": "paired t-test, corrected by Holm for all models shown",
        "seeds": "how many, and the standard deviation over them",
        "best test epoch": "at the best epoch on test, as the paper reports; nothing here is chosen so",
        "paper": "what the paper reports: standard protocol, best test epoch, not measured here",
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "model": st.column_config.TextColumn(width="large"),
            **{name: st.column_config.TextColumn(alignment="right") for name in MORE},
            **{name: st.column_config.TextColumn(help=text, alignment="right") for name, text in numbers.items()},
        },
        alt=f"{board.metric} of {len(rows)} models",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.export(board.rows(), f"compare-{board.data}-{board.protocol}.csv")
        st.caption("Every metric, part and test is in the CSV.")
    if with_paper:
        tables = sorted({entry.paper.table for entry in board.entries if printed(entry, board.metric) and entry.paper})
        sample = " Its Tmall is another sample than this one: context, no target." if board.data == "tmall" else ""
        st.caption(
            f"“paper”: Table {', '.join(tables)} of the NMTR paper, at its best test epoch; ours are chosen on "
            f"validation.{sample}"
        )


# How they got there


def _curves(choice: Choice, board: Leaderboard, looks: dict[str, charts.Look]) -> None:
    """Validation and loss by epoch of each entry's first seed (the paper's Fig. 2 and 3)."""
    runs = {entry.name: entry.runs[0] for entry in board.entries}
    reports = {name: choosing.selecting(run) for name, run in runs.items()}
    name = SELECTION[0]
    valid = {run: {r.epoch: r.valid[name] for r in epochs if r.valid} for run, epochs in reports.items()}
    losses = {run: _relative_loss(epochs, board.target) for run, epochs in reports.items()}
    valid, losses = ({run: curve for run, curve in curves.items() if curve} for curves in (valid, losses))
    if not valid or not losses:
        return
    drawn = _of_one_kind(valid, board)
    apart = [run for run in valid if run not in drawn]
    left, right = st.columns(2, gap="medium")
    best = max(drawn, key=lambda run: max(drawn[run].values()))
    epoch = max(drawn[best], key=drawn[best].__getitem__)
    with left, st.container(border=True):
        figures.figure(
            f"On validation {plain(best)} gets furthest: {metric(drawn[best][epoch])} at epoch {epoch}",
            f"{name} on the validation purchases, by epoch, of each model's first seed",
            charts.by_epoch(drawn, looks, name, figures.theme()),
            "curves_validation",
            choice.where,
        )
        if apart:
            st.caption(
                f"Not drawn: {plain(and_list(apart))}. Their validation purchases were drawn in another way, and may "
                "be easier or harder to predict."
            )
    last = {run: curve[max(curve)] for run, curve in losses.items()}
    lowest = min(last, key=last.__getitem__)
    with right, st.container(border=True):
        figures.figure(
            f"The loss of {plain(board.target)} falls furthest with {plain(lowest)}: to {share(last[lowest])}",
            "mean loss an instance, by epoch, as a share of the first epoch's: losses of different kinds have no "
            "common scale",
            charts.by_epoch(losses, looks, "share of the first loss", figures.theme()),
            "curves_loss",
            choice.where,
        )


def _of_one_kind(valid: dict[str, dict[int, float]], board: Leaderboard) -> dict[str, dict[int, float]]:
    """The curves of models with the same kind of validation purchases: the kind that most have."""
    kinds = {entry.name: entry.options.get("validation") for entry in board.entries if entry.name in valid}
    ((usual, _),) = Counter(kinds.values()).most_common(1)
    return {run: valid[run] for run, kind in kinds.items() if kind == usual}


def _relative_loss(reports: list[EpochReport], target: str) -> dict[int, float]:
    losses = {report.epoch: report.loss[target] for report in reports if target in report.loss}
    first = next(iter(losses.values()), 0.0)
    return {epoch: loss / first for epoch, loss in losses.items()} if first > 0 else {}


# What they differ in


def _options(board: Leaderboard) -> None:
    names = list(dict.fromkeys(name for entry in board.entries for name in entry.options))
    if len(board.entries) < 2 or not names:
        return
    st.markdown("##### What they differ in")
    st.caption("the options that are not the same in all models that have them; “–”: no such option")
    rows = [
        {"model": entry.label, **{name: _option(entry, name) for name in names}, "runs": " ".join(entry.runs)}
        for entry in board.entries
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Options of each model that are not the same in all")


def _option(entry: Standing, name: str) -> str:
    if name not in entry.options:
        return "–"
    return option_text(name, entry.options[name]).removeprefix("λ ").removeprefix(f"{name} ")


page()
