"""What is done with a study's choice: train it over seeds, and keep it."""

from __future__ import annotations

from nmtr.config import RunConfig
from nmtr.config.variants import VARIANTS
from nmtr.errors import ConfigError, RunError
from nmtr.runs import supervisor
from nmtr.runs.store import Run
from nmtr.runs.withheld import FINALIZED
from nmtr.sweeps import storage
from nmtr.sweeps.record import Study, check_data
from nmtr.sweeps.study import read_unjudged, with_options
from nmtr.workspace import Workspace, batch, presets

#: Seeds that a choice is trained with before its test figures are shown.
SEEDS = 3


def final_configs(study: Study, number: int | None = None) -> list[RunConfig]:
    """The unresolved configs of the best point, or a chosen one, with three seeds."""
    point = study.point(number)
    return [with_options(study.plan, point.options, seed) for seed in range(SEEDS)]


def finalize(workspace: Workspace, study_id: str, number: int | None = None) -> tuple[str, ...]:
    """Queue the best point, or a chosen one, with three seeds; the ids of its runs, those that exist taken as they are.

    Their test figures are what the study's choice is worth; pages and commands show no others of a study's runs
    (`nmtr.runs.withheld`).
    """
    study = read_unjudged(workspace, study_id)
    check_data(workspace, study)
    prepared = [workspace.prepare(config) for config in final_configs(study, number)]
    there = batch.by_key(workspace.runs.list())
    found = [there.get(batch.key_of(config, info.fingerprint)) for config, info in prepared]
    runs = [
        batch.started(workspace, run, config, info.fingerprint)
        for run, (config, info) in zip(found, prepared, strict=True)
    ]
    ids = tuple(run.id for run in runs)
    chosen = {"point": study.point(number).number, "runs": ids}
    storage.load(workspace, study_id).set_user_attr(FINALIZED, chosen)
    if any(run.live for run in runs):
        supervisor.ensure_running(workspace.home, study.plan.jobs)
    return ids


def final_runs(workspace: Workspace, study: Study) -> tuple[Run, ...]:
    """The runs of the choice that was finalized, one a seed; none once one of them was deleted."""
    try:
        return tuple(workspace.runs.get(run) for run in study.finalized)
    except RunError:
        return ()


def keep(workspace: Workspace, study_id: str, number: int | None = None) -> str:
    """Make the best point, or a chosen one, the preset of its method and data set; the preset's name.

    ConfigError for a cascade of several units, which has no preset, and for runs of fewer than the usual epochs.
    """
    study = read_unjudged(workspace, study_id)
    check_data(workspace, study)
    config, info = workspace.prepare(with_options(study.plan, study.point(number).options))
    if config.epochs < presets.USUAL_EPOCHS:
        raise ConfigError(
            f"a preset must be of runs of the usual {presets.USUAL_EPOCHS} epochs or more, or it cuts short whatever "
            f"takes it; study {study_id} has --epochs {config.epochs}: sweep again with more, or give its choice to "
            f"nmtr train by options."
        )
    variant = VARIANTS.get(f"nmtr-{config.unit}" if config.method == "nmtr" else config.method)
    if variant is None:
        raise ConfigError(f"a preset is of one unit for all behaviors; got {config.label}: keep its config in a file.")
    return presets.write(workspace.home, config, variant, info.behaviors)
