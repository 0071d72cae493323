"""What a figure shows, said as its title, and tables as text. No Streamlit: pages and reports say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.charts import Parted
from dashboard.text import gap, measure, metric, p_value, past, plain, thing
from nmtr.compare import Leaderboard, Score, Sparsity, Standing
from nmtr.explain import Explanation
from nmtr.runs.store import Run

MORE = ("HR@10", "HR@50", "HR@100", "NDCG@100")  # in a leaderboard beside the metric that is asked about
CHANCE = 0.05  # a difference whose corrected p is not below it may be chance

# Who leads


def measured(board: Leaderboard) -> str:
    kind, cutoff = board.metric.split("@")
    if kind == "HR":
        return f"share of shoppers whose held-out {plain(board.target)} is among the first {cutoff} ({board.metric})"
    return f"how far up the first {cutoff} the held-out {plain(board.target)} stands ({board.metric})"


def leads(board: Leaderboard) -> str:
    """Who leads, and how far it is from the reference; or from the next, where it is the reference."""
    first, *others = board.entries
    score = first.test[board.metric]
    value = f"{board.metric} {metric(score.value, score.half_width)}"
    if not others:
        return f"{plain(first.name)} reaches {value}"
    if score.difference is not None:
        return f"{plain(first.name)} leads: {value}, {_distance(score, board.reference)}"
    second = others[0].test[board.metric]
    return f"{plain(first.name)} leads: {value}; {plain(others[0].name)} is {_distance(second, 'it')}"


def _distance(score: Score, reference: str) -> str:
    """``+.041 over BPR-MF (p < .001)``, or that this may be chance."""
    assert score.difference is not None, "it is not the reference"
    distance, p = score.difference.value, score.difference.p
    said = f"{gap(distance)} {'over' if distance >= 0 else 'to'} {plain(reference)}"
    if p is None:
        return said
    return f"{said} ({p_value(p)})" if p < CHANCE else f"{said}, which may be chance ({p_value(p)})"


def printed(entry: Standing, name: str) -> float | None:
    return entry.paper.figures.get(name) if entry.paper else None


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".removeprefix("0")


def standing_row(entry: Standing, board: Leaderboard, with_paper: bool) -> dict[str, Any]:
    score = entry.test[board.metric]
    other = score.difference
    spread = "" if score.seed_spread is None else f", sd {metric(score.seed_spread)}"
    row: dict[str, Any] = {
        "model": entry.name,
        board.metric: metric(score.value, score.half_width),
        f"to {board.reference}": "–" if other is None else gap(other.value, other.half_width),
        "p": p_value(other.p).removeprefix("p ").removeprefix("= ") if other else "–",
        "seeds": f"{len(entry.seeds)}{spread}",
    }
    if any(other.best_test for other in board.entries):
        row["best test epoch"] = _plain((entry.best_test or {}).get(board.metric))
    if with_paper:
        row["paper"] = _plain(printed(entry, board.metric))
    for name in MORE:
        if name != board.metric:
            row[name] = metric(entry.test[name].value)
    return row


# Parts of the shoppers


def visited_finding(best: Parted) -> str:
    """How the best does with what shoppers had visited before, and with what they had not."""
    return (
        f"Had the shopper visited the item before, {plain(best.name)} reaches {metric(*best.visited)}; "
        f"if not, {metric(*best.not_visited)}"
    )


def sparsity_finding(table: Sparsity) -> str:
    """Who is best where least is known."""
    best = max(table.entries, key=lambda entry: entry.groups[0].value)
    score = best.groups[0]
    who = f"Shoppers who {plain(past(table.target))} {plain(table.groups[0].name)}"
    return f"{who}: {plain(best.name)} is best with {metric(score.value, score.half_width)}"


# One score


def stage_rows(explanation: Explanation) -> list[dict[str, object]]:
    """The sum as a table: what each stage inherits, adds and passes on."""
    return [
        {
            "stage": stage.behavior,
            "inherits": stage.inherited,
            "own part": stage.own,
            "item bias": stage.bias,
            measure(explanation): stage.logit,
            "chance": None if stage.chance is None else stage.chance.next,
            "of those before": None if stage.chance is None else stage.chance.step,
            "rank": None if stage.rank is None else stage.rank + 1,
        }
        for stage in explanation.stages
    ]


# How good a data set's model is


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


# How a comparison is had again


def comparing(
    runs: Sequence[str], metric: str, reference: str | None, function: str, asked: str = "", **options: object
) -> tuple[str, str]:
    """The command and the Python of a comparison: `nmtr compare` with what is asked, a function of `nmtr.compare`."""
    against = f" --reference {reference}" if reference else ""
    given = {"reference": reference, "metric": metric, **options}
    named = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
    return (
        f"nmtr compare {' '.join(runs)} --metric {metric}{against}{asked} --csv compare.csv",
        f"from nmtr.compare import {function}\nfrom nmtr.workspace import Workspace\n\n"
        f"{function}(Workspace(), {[*runs]!r}{named}).rows()",
    )
