"""What holds of all figures of a table, in the words that stand under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmtr.compare import Leaderboard
from nmtr.config import RunConfig
from nmtr.suites.figures import standing
from nmtr.suites.numbers import NONE
from nmtr.suites.outcome import Row, SuiteResult

ELSE = " †"  # at options that were tuned for something else
INTERVAL = "±: 95 % bootstrap interval over users"


def setting(outcome: SuiteResult, protocol: str | None = None, first_seed: bool = False) -> str:
    """The data, the protocol, the seeds and how the epoch was chosen."""
    protocols = protocol or " and ".join(outcome.protocols)
    seeds = "seed 0" if first_seed or outcome.seeds == 1 else f"mean of {outcome.seeds} seeds"
    tuned = f", tuned by {outcome.budget} trials each" if outcome.budget else ""
    return (
        f"{outcome.data} ({', '.join(outcome.behaviors)}) · {protocols} · {seeds}{tuned} · "
        f"epoch chosen on validation{validated_by(outcome)}{_refitted(outcome)}"
    )


def validated_by(outcome: SuiteResult) -> str:
    """Which purchases chose options and epochs, where they are not the usual: `` (newest purchases)``; else empty."""
    drawn = _every(outcome, "validation")
    return f" ({' or '.join(sorted(drawn))} purchases)" if drawn - {"random"} else ""


def _refitted(outcome: SuiteResult) -> str:
    refit = _every(outcome, "refit")
    if not any(refit):
        return ""
    return ", tested after a refit on training + validation" if all(refit) else ", some of them refitted"


def _every(outcome: SuiteResult, option: str) -> set[Any]:
    """The values of an option in the rows that train."""
    usual = RunConfig.model_fields[option].default
    return {row.options.get(option, usual) for row in outcome.rows if "epochs" in row.options}


def options_from(*rows: Row) -> str:
    """Where a method's options come from."""
    short = {"tuning": "tuned", "nothing to choose": NONE}
    named = (
        "preset" if row.chosen_by.startswith("preset ") else short.get(row.chosen_by, row.chosen_by) for row in rows
    )
    return "; ".join(dict.fromkeys(named)) + ELSE * any(row.tuned_for for row in rows)


def of_presets(rows: Sequence[Row]) -> list[str]:
    """What the mark of some presets stands for."""
    told = "; ".join(dict.fromkeys(row.tuned_for for row in rows if row.tuned_for))
    return [f"{ELSE.strip()}: by a preset that was tuned for something else: {told}"] if told else []


def against(outcome: SuiteResult, board: Leaderboard) -> str:
    """How to read a board's differences."""
    reference = next(entry for entry in board.entries if entry.name == board.reference)
    row = next(row for row in outcome.rows if standing(board, row) is reference)
    alike = [other for other in outcome.rows if (other.label, other.protocol) == (row.label, row.protocol)]
    name = f"{row.label}, {row.group}" if len(alike) > 1 else row.label
    return f"{INTERVAL} · difference and p (paired t-test, Holm-corrected): to {name}"
