"""nmtr calibration"""

from __future__ import annotations

from typing import Any

from nmtr.chances import Chances, Reliability, StageChances, means, standing
from nmtr.cli.console import Json, note, say, show, table
from nmtr.cli.runs import RunId
from nmtr.errors import RunError
from nmtr.runs.withheld import said
from nmtr.workspace import Workspace


def calibration(run_id: RunId, as_json: Json = False) -> None:
    """How far the chances of a finished run agree with test pairs.

    For each stage: what the chance is of and rests on, and, where pairs were held out, what was said beside what was
    found, with its interval, before and after the map that was fitted on validation pairs. Refused of a study's points,
    whose test figures are not shown.
    """
    workspace = Workspace()
    run = workspace.runs.get(run_id)
    if workspace.runs.withheld([run]):
        raise RunError(f"run {run_id}: {said(run)}")
    found = workspace.chances(run_id)
    show(_described(found), as_json, lambda: _show(found))


def _described(found: Chances) -> dict[str, Any]:
    """The JSON contract of `nmtr calibration`."""
    stages = [
        {
            **stage.model_dump(mode="json", include={"behavior", "basis", "why", "fitted_on", "got_so_far"}),
            "means": _means(found, stage),
            "checked": stage.checked,
            "before": _reliability(stage.before),
            "after": _reliability(stage.after),
        }
        for stage in found.stages
    ]
    return {"run": found.run, "users": found.users, "of_users": found.of_users, "stages": stages}


def _reliability(found: Reliability | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**found.model_dump(mode="json"), "rate": found.rate, "misplaced": found.misplaced}


def _means(found: Chances, stage: StageChances) -> str:
    return means(stage, target=stage is found.stages[-1], who="user")


def _show(found: Chances) -> None:
    for stage in found.stages:
        say(f"{stage.behavior}: {_means(found, stage)} {standing(stage)}")
        for name, judged in (("without a map", stage.before), ("as shown", stage.after)):
            if judged and not (name == "without a map" and stage.before == stage.after):
                _show_curve(f"{stage.behavior}, {name}", judged)
    if found.users < found.of_users:
        note(f"of {found.users:,} users, drawn at random from {found.of_users:,} with held-out pairs")


def _show_curve(name: str, judged: Reliability) -> None:
    rows = [
        [f"{100 * part.chance:.3f} %", f"{100 * part.rate:.3f} %", f"{100 * part.low:.3f}–{100 * part.high:.3f} %"]
        + [f"{part.found:,}", f"{part.pairs:,}"]
        for part in judged.bins
    ]
    error = f"expected calibration error {100 * judged.error:.4f} %, by chance alone {100 * judged.by_chance:.4f} %"
    say(f"{name}: {error}; {100 * judged.misplaced:.0f} % as many pairs too many or too few as there are")
    table(["said", "found", "95 % interval", "pairs found", "of"], rows)
