"""An outcome's figures as they are, unrounded, for CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nmtr.compare import Leaderboard, Score, Standing
from nmtr.suites.outcome import Row, SuiteResult
from nmtr.suites.published import PAPER_STATISTICS


def standing(board: Leaderboard, row: Row) -> Standing | None:
    """The row's place on a board, if it is on it."""
    runs = {run.run for run in row.runs}
    return next((place for place in board.entries if runs & set(place.runs)), None)


def rows(outcome: SuiteResult) -> list[dict[str, Any]]:
    """A row for each figure, for CSV: unrounded, each with what it holds of."""
    setting = {"suite": outcome.suite, "data": outcome.data}
    if outcome.suite == "table1":
        return [setting | row for row in statistic_rows(outcome)]
    if outcome.suite == "fig2":
        return [setting | row for row in _curve_rows(outcome)]
    if outcome.suite == "fig5":
        return [setting | row for found in outcome.sparsity for row in found.rows()]
    return [setting | row for row in _score_rows(outcome)]


def _curve_rows(outcome: SuiteResult) -> Iterator[dict[str, Any]]:
    for row in outcome.rows:
        for run in row.runs:
            who = {**_named(row), "seed": run.seed}
            for point in run.curve:
                losses = {f"loss {behavior}": loss for behavior, loss in point.loss.items()}
                valid = {f"validation {metric}": value for metric, value in (point.valid or {}).items()}
                test = {f"test {metric}": value for metric, value in (point.test or {}).items()}
                yield who | {"epoch": point.epoch} | losses | valid | test


def _score_rows(outcome: SuiteResult) -> Iterator[dict[str, Any]]:
    for row in outcome.rows:
        for board in outcome.boards:
            if place := standing(board, row):
                who = {**_named(row), "seeds": len(row.runs)}
                for part in ("test", "visited", "not_visited"):
                    scores: dict[str, Score] = getattr(place, part)
                    for metric, score in scores.items():
                        of = {"users": part, "metric": metric, "reference": board.reference}
                        yield who | of | score.row() | (_beside(row, place, metric) if part == "test" else {})


def _named(row: Row) -> dict[str, Any]:
    """Whose figures they are, and where the options come from."""
    who = {"protocol": row.protocol, "group": row.group, "method": row.label}
    return who | {"options": row.chosen_by, "tuned for": row.tuned_for}


def _beside(row: Row, place: Standing, metric: str) -> dict[str, Any]:
    """What stands beside a test figure of all users."""
    return {
        "validation": row.mean(metric, "valid"),
        "best test epoch": row.best_test(metric),
        "paper": printed(place, metric),
    }


def printed(place: Standing, metric: str) -> float | None:
    """The paper's figure for the same."""
    return place.paper.figures.get(metric) if place.paper else None


def statistic_rows(outcome: SuiteResult) -> list[dict[str, Any]]:
    summary = outcome.summary or {}
    values = {"users": summary["users"], "items": summary["items"], **summary["interactions"]}
    values["test users"] = summary["test_users"]
    values |= {f"held-out in {behavior}": share for behavior, share in summary["leak"].items()}
    paper = PAPER_STATISTICS.get(outcome.data, {})
    return [{"statistic": name, "value": value, "paper": paper.get(name)} for name, value in values.items()]
