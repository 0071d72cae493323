"""An outcome as tables for people, as Markdown, and as rows of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmtr.compare import Leaderboard, Score, Sparsity, Standing
from nmtr.config.written import option_text
from nmtr.suites.figures import printed, standing, statistic_rows
from nmtr.suites.notes import ELSE, INTERVAL, against, of_presets, options_from, setting, validated_by
from nmtr.suites.numbers import NONE, count, number, p_value, share, star, with_interval
from nmtr.suites.outcome import Row, SuiteResult
from nmtr.suites.published import PAPER_OPTIONS

_CURVE_EPOCHS = (1, 2, 5, 10, 20, 30, 40, 50, 60)
_CHOSEN_BY = "HR@100"  # on validation


@dataclass(frozen=True)
class Table:
    """Text, ready to be printed."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: tuple[str, ...]  # what holds of all figures in it


def tables(outcome: SuiteResult) -> list[Table]:
    """What a suite is printed as."""
    makers: dict[str, Callable[[SuiteResult], list[Table]]] = {
        "table1": _statistics,
        "table2": _chosen_options,
        "fig2": _curves,
        "fig5": _sparsity,
        "leak": _leak,
    }
    return makers.get(outcome.suite, _scores)(outcome)


def markdown(outcome: SuiteResult) -> str:
    """The tables with what holds of them, and the command that makes them."""
    of = f", {' and '.join(outcome.protocols)}{validated_by(outcome)}" if outcome.rows else ""
    lines = [f"## {outcome.title}: {outcome.data}{of}", ""]
    for table in tables(outcome):
        lines += [f"**{table.title}**", ""] if table.title != outcome.title else []
        lines += [_line(table.columns), _line(["---"] * len(table.columns)), *map(_line, table.rows), ""]
        lines += [*(f"{note}  " for note in table.notes), ""]
    failed = [sentence for row in outcome.rows for sentence in row.failed]
    return "\n".join([*lines, *failed, f"`{outcome.command}`: {_effort(outcome)}", ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _effort(outcome: SuiteResult) -> str:
    """What it took, for whoever wants to do it again."""
    there = f", {outcome.runs_there} of which were there already" if outcome.runs_there else ""
    versions = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    searched = f", after {_time(outcome.searched_seconds)} of tuning" if outcome.searched_seconds else ""
    return (
        f"{outcome.runs} runs{there}, trained and tested for {_time(outcome.trained_seconds)} in all{searched}; "
        f"the command took {_time(outcome.wall_seconds)} on {outcome.cores} cores ({outcome.made}; {versions})."
    )


def _time(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


# Suites of scores: table3, table4, table5, fig4


def _scores(outcome: SuiteResult) -> list[Table]:
    return [_score_table(outcome, board) for board in outcome.boards]


def _score_table(outcome: SuiteResult, board: Leaderboard) -> Table:
    """A row a cell, in the order of the suite; what nothing is known of has no column."""
    placed = [(row, place) for row in outcome.rows if (place := standing(board, row))]
    marked = max(placed, key=lambda it: it[0].mean(_CHOSEN_BY, "valid") or 0.0)[0] if outcome.suite == "fig4" else None

    def validated(row: Row, place: Standing) -> str:
        return number(row.mean(_CHOSEN_BY, "valid")) + (" *" if row is marked else "")

    columns: dict[str, Callable[[Row, Standing], str]] = {
        "group": lambda row, place: row.group,
        "method": lambda row, place: row.label,
        "options": lambda row, place: options_from(row),
        "validation": validated,
        "HR@10": lambda row, place: number(place.test["HR@10"].value),
        "HR@50": lambda row, place: number(place.test["HR@50"].value),
        "HR@100": lambda row, place: with_interval(place.test["HR@100"]),
        "NDCG@100": lambda row, place: with_interval(place.test["NDCG@100"]),
        "sd of seeds": lambda row, place: number(place.test["HR@100"].seed_spread),
        "difference": lambda row, place: _difference(place.test["HR@100"]),
        "p": lambda row, place: p_value(place.test["HR@100"].difference),
        "best test epoch": lambda row, place: number(row.best_test("HR@100")),
        "paper's HR@100": lambda row, place: number(printed(place, "HR@100")),
        "paper's NDCG@100": lambda row, place: number(printed(place, "NDCG@100")),
    }
    shown = [list(columns), *([make(row, place) for make in columns.values()] for row, place in placed)]
    kept = [at for at, column in enumerate(zip(*shown[1:], strict=True)) if set(column) != {NONE}]
    names, *lines = [[line[at] for at in kept] for line in shown]
    notes = [*_finding(outcome, board), setting(outcome, board.protocol), against(outcome, board), _OF_HR]
    notes += [_WATCHED] if "best test epoch" in names else []
    notes += of_presets([row for row, _ in placed])
    notes += ["*: best on validation, which is what chooses"] if marked else []
    notes += [_PAPER] if any(place.paper for _, place in placed) else []
    title = outcome.title if len(outcome.boards) == 1 else f"{outcome.title}: {placed[0][0].label}"
    return Table(title, names, lines, tuple(notes))


_OF_HR = "validation, sd of seeds, difference, p: of HR@100"
_WATCHED = "best test epoch: its HR@100; it chooses nothing"
_PAPER = "the paper's: its Tables III to V, standard, best test epoch of one run; its Tmall is another sample"


def _difference(score: Score) -> str:
    return "reference" if score.difference is None else with_interval(score.difference, sign=True)


def _finding(outcome: SuiteResult, board: Leaderboard) -> list[str]:
    """NMTR, the unit that validation chooses, against the reference, which is another method; of whole boards only."""
    own = [row for row in outcome.rows if row.group == "nmtr" and standing(board, row)]
    best = max(own, key=lambda row: row.mean(_CHOSEN_BY, "valid") or 0.0, default=None)
    place = standing(board, best) if best else None
    score = place.test[_CHOSEN_BY] if place else None
    if best is None or score is None or (difference := score.difference) is None:
        return []
    base = score.value - difference.value
    gain = f"{difference.value / base:+.1%}" if base else "from 0"
    return [
        f"{board.protocol}: {best.label}, NMTR's best on validation, has HR@100 {with_interval(score)}; "
        f"{board.reference} has {number(base)}: {gain}, p {p_value(difference)}",
        *_best_baseline(outcome, board, score.value),
    ]


def _best_baseline(outcome: SuiteResult, board: Leaderboard, nmtr: float) -> list[str]:
    """Which method that is not NMTR is the best on validation, of a board that is compared with another one.

    Rules, too: results of earlier versions took their reference from the learned single-behavior methods alone.
    """
    placed = [(row, place) for row in outcome.rows if row.group != "nmtr" and (place := standing(board, row))]
    row, place = max(placed, key=lambda it: it[0].validated, default=(None, None))
    if row is None or place is None or place.name == board.reference:
        return []
    value = place.test[_CHOSEN_BY].value
    where = "ahead of it" if value > nmtr else "behind it"
    return [
        f"{board.protocol}: the best on validation of all that are not NMTR, {row.label}, has {number(value)}: {where}"
    ]


# The leak


def _leak(outcome: SuiteResult) -> list[Table]:
    """Protocols side by side, never ranked together: the methods stand in the order of the paper's groups."""
    boards = {board.protocol: board for board in outcome.boards}
    lines: dict[tuple[str, str], list[str]] = {}
    for row in outcome.rows:
        place = standing(boards[row.protocol], row) if row.protocol in boards else None
        alike = [other for other in outcome.rows if (other.group, other.label) == (row.group, row.label)]
        line = lines.setdefault((row.group, row.label), [row.group, row.label, options_from(*alike)])
        parts = (place.test, place.visited, place.not_visited) if place else ({}, {}, {})
        line += [with_interval(part["HR@100"]) if part else NONE for part in parts]
    columns = ["group", "method", "options"]
    columns += [f"{protocol} {part}" for protocol in outcome.protocols for part in ("all", "visited", "not visited")]
    notes = [sentence for board in outcome.boards for sentence in _finding(outcome, board)]
    notes += [setting(outcome), f"HR@100, {INTERVAL}", *of_presets(outcome.rows)]
    if board := next(iter(boards.values()), None):
        notes.append(
            f"visited: the {board.visited_users:,} of {board.test_users:,} test users whose held-out item stands in "
            "one of their lower behaviors; standard leaves it there, clean hides it"
        )
    return [Table(f"{outcome.title}: HR@100", columns, list(lines.values()), tuple(notes))]


# Sparsity


def _sparsity(outcome: SuiteResult) -> list[Table]:
    return [_sparsity_table(outcome, found) for found in outcome.sparsity]


def _sparsity_table(outcome: SuiteResult, found: Sparsity) -> Table:
    by_run = {run.run: row for row in outcome.rows for run in row.runs}
    columns = [
        "method",
        "options",
        *(f"{group.name} ({group.users:,})" for group in found.groups),
        "drop, last to first",
    ]
    lines = [
        [
            entry.name,
            options_from(by_run[entry.runs[0]]),
            *(with_interval(score) + star(score) for score in entry.groups),
            share(entry.drop),
        ]
        for entry in found.entries
    ]
    notes = (
        setting(outcome, found.protocol),
        f"{found.metric} by training purchases (test users) · {INTERVAL}",
        f"*: differs from {found.reference}, p < .05 (paired t-test, Holm-corrected)",
        *of_presets(outcome.rows),
    )
    return Table(f"{outcome.title}: {found.metric}", columns, lines, notes)


# Curves


def _curves(outcome: SuiteResult) -> list[Table]:
    """Validation HR@100 of the first seed at some epochs, and the target's loss at the first and the last."""
    ranked = {point.epoch for row in outcome.rows for run in row.runs for point in run.curve if point.valid}
    epochs = [epoch for epoch in _CURVE_EPOCHS if epoch in ranked]
    columns = ["group", "method", "options", "loss, first", "loss, last", *(f"epoch {epoch}" for epoch in epochs)]
    columns += ["chosen epoch", "test HR@100", "best test epoch", "test HR@100 there"]
    lines = []
    for row in outcome.rows:
        for run in (run for run in row.runs[:1] if run.curve):
            losses = [number(list(point.loss.values())[-1]) for point in (run.curve[0], run.curve[-1])]
            valid = {point.epoch: point.valid["HR@100"] for point in run.curve if point.valid}
            values = [number(valid.get(epoch)) for epoch in epochs]
            chosen, best = run.result, run.result.best_test
            ends = [str(chosen.best_epoch), number(chosen.test["HR@100"])]
            ends += [str(best.epoch), number(best.metrics["HR@100"])] if best else [NONE, NONE]
            lines.append([row.group, row.label, options_from(row), *losses, *values, *ends])
    note = (
        "validation HR@100 by epoch and the target's mean loss of an instance; losses differ in kind; "
        "the best test epoch is what the paper reports, and chooses nothing"
    )
    notes = (setting(outcome, first_seed=True), note, *of_presets(outcome.rows))
    return [Table(outcome.title, columns, lines, notes)]


# What was chosen


def _chosen_options(outcome: SuiteResult) -> list[Table]:
    """What was searched, as it was chosen; of a method that was not tuned, all of its options."""
    printed = {row.variant: PAPER_OPTIONS.get((outcome.data, row.variant)) for row in outcome.rows}
    columns = ["method", "by", "validation HR@100", "test HR@100", "options"]
    columns += ["the paper's options"] if any(printed.values()) else []
    lines = []
    for row in outcome.rows:
        searched = row.search.space if row.search else row.options
        options = {name: value for name, value in row.options.items() if name in searched and value not in (None, {})}
        line = [
            row.label,
            row.chosen_by + ELSE * bool(row.tuned_for),
            number(row.mean("HR@100", "valid")),
            number(row.mean("HR@100")),
        ]
        line.append(", ".join(option_text(name, value) for name, value in options.items()))
        lines.append([*line, printed[row.variant] or NONE][: len(columns)])
    notes = [setting(outcome), *of_presets(outcome.rows), *([outcome.kept] if outcome.kept else [])]
    notes += (
        ["the paper's options: its Table II; all with 4 negatives, embedding size 64, Adagrad"]
        if any(printed.values())
        else []
    )
    return [Table(outcome.title, columns, lines, tuple(notes))]


# Statistics


def _statistics(outcome: SuiteResult) -> list[Table]:
    figures = statistic_rows(outcome)
    in_paper = any(row["paper"] is not None for row in figures)
    lines = [[row["statistic"], count(row["value"]), *([count(row["paper"])] if in_paper else [])] for row in figures]
    notes = [
        f"{outcome.data} (fingerprint {outcome.fingerprint}) · pairs of a user and an item, the held-out ones included",
        "held-out in …: share of the held-out pairs that stand in that behavior, where standard leaves them",
    ]
    notes += ["the paper's: its Table I; its Tmall is another sample"] if in_paper else []
    columns = ["statistic", "here", *(["the paper's"] if in_paper else [])]
    return [Table(outcome.title, columns, lines, tuple(notes))]
