"""Studies as they are kept and read: Optuna's tables, in the same database as the runs.

A study is one of Optuna's, a point one of its trials. What Optuna has no place for are attributes: of a study its
plan, its data set's version and who drives it, of a trial its options and its runs. That is all there is to know: a
driver can be killed at any time, and the next one goes on from what stands there and in the store of runs.

A trial waits until a driver takes it, runs until it is told done or pruned, and then never changes. Points that were
given wait from the start. One that is drawn begins with its trial and has its options a moment later; one that comes
out as a point that is there already is told that point's value, if it has one, and is not a point itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nmtr.config import RunConfig
from nmtr.data.library import DatasetInfo
from nmtr.data.split import has_validation
from nmtr.errors import ConfigError, DataError, RunError
from nmtr.runs import process
from nmtr.runs.withheld import FINALIZED
from nmtr.sweeps import storage
from nmtr.sweeps.plan import PAPER_STEPS, Plan, simplex
from nmtr.sweeps.record import Point, PointState, Study, check_data
from nmtr.sweeps.space import place_of
from nmtr.training.report import EpochReport
from nmtr.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial


def studies(workspace: Workspace) -> tuple[Study, ...]:
    """All studies, the newest first, without intervals and equally good points, which take reading ranks."""
    kept = [one for one in storage.storage(workspace).get_all_studies() if storage.PLAN in one.user_attrs]
    found = [_study(workspace, one.study_name, one._study_id, one.user_attrs) for one in kept]
    return tuple(sorted(found, key=lambda study: -study.created))


def read(workspace: Workspace, study_id: str) -> Study:
    """One study; RunError if there is none with this id."""
    from nmtr.sweeps.judging import judged

    return judged(workspace, read_unjudged(workspace, study_id))


def read_unjudged(workspace: Workspace, study_id: str) -> Study:
    """One study without intervals and equally good points; RunError if there is none with this id."""
    return _study(workspace, study_id, *storage.find(workspace, study_id))


def create(workspace: Workspace, plan: Plan) -> Study:
    """Keep a new study, which `start` or `drive` trains.

    Raises ConfigError, DataError or CapacityError where the plan does not fit the data set or the machine.
    """
    import optuna

    resolved, info = workspace.prepare(plan.config)
    if not _validates(workspace, resolved.data, info):
        raise DataError(
            f"a study judges by validation purchases; data set {resolved.data} holds out nobody's: take a data set "
            f"with users of two purchases or more beside the one for testing."
        )
    behaviors = resolved.behaviors
    if "lambdas" in plan.search and len(behaviors) < 2:
        raise ConfigError(
            f"a study of lambdas needs two behaviors or more; got {', '.join(behaviors)} of data set {resolved.data}: "
            f"search other options, or take another data set."
        )
    for unit in ("mlp", "neumf") if "unit" in plan.search else ():
        workspace.prepare(with_options(plan, {"unit": unit}))
    if plan.sampler == "grid":
        step = plan.step or PAPER_STEPS.get(len(behaviors))
        if step is None:
            raise ConfigError(f"a grid of {len(behaviors)} behaviors needs a step, such as 0.25; or draw by tpe.")
        plan = plan.model_copy(update={"step": step})
        given = [{"lambdas": list(lambdas)} for lambdas in simplex(len(behaviors), step)]
        # All over the simplex from the start: for people who watch, and since pruning compares with what came before.
        random.Random(0).shuffle(given)
    else:
        given = [_usual(plan, resolved)]
    made = optuna.create_study(
        storage=storage.storage(workspace), study_name=storage.new_id(), direction=optuna.study.StudyDirection.MAXIMIZE
    )
    for options in given:
        _enqueue(made, options, behaviors)
    attributes: dict[str, Any] = {
        "created": time.time(),
        "data": {"fingerprint": info.fingerprint, "behaviors": behaviors},
        WANTED: plan.trials - len(given) if plan.trials else 0,
        storage.PLAN: plan.to_json(),
    }
    for name, value in attributes.items():
        made.set_user_attr(name, value)
    return read_unjudged(workspace, made.study_name)


def extend(
    workspace: Workspace, study_id: str, *, trials: int = 0, points: Sequence[Sequence[float]] = ()
) -> tuple[int, ...]:
    """Add so many points to be drawn, and points of given λ; the numbers of the latter, old ones where they are there.

    Trained once the study is started. Points that are drawn go by all that the study found, a grid's points too.
    """
    study = read_unjudged(workspace, study_id)
    check_data(workspace, study)
    if points and "lambdas" not in study.plan.search:
        raise ConfigError(f"study {study_id} searches {', '.join(study.plan.search)}; it takes no points of lambdas.")
    usual = _usual(study.plan, workspace.prepare(study.plan.config)[0])
    given = [usual | {"lambdas": list(_weights(study, point))} for point in points]
    made = storage.load(workspace, study_id)
    if trials:
        made.set_user_attr(WANTED, int(made.user_attrs[WANTED]) + trials)
    there = [point.options for point in study.points]
    for number, options in enumerate(given):
        if options not in [*there, *given[:number]]:
            _enqueue(made, options, study.behaviors)
    found = read_unjudged(workspace, study_id).points
    return tuple(next(point.number for point in found if point.options == options) for options in given)


def curve(workspace: Workspace, study_id: str, number: int) -> tuple[tuple[EpochReport, ...], ...]:
    """The reports of each of a point's runs that choose the epoch, one tuple a seed, in the order of training."""
    point = read_unjudged(workspace, study_id).point(number)
    reports = [workspace.runs.reports(run) for run in point.runs]
    return tuple(tuple(report for report in own if report.phase == "select") for own in reports)


# What the attributes are called, and what they mean

WANTED = "wanted"  # of a study: how many points to draw in all
UNDRAWN = "undrawn"  # of a study: how many of those were given up, as what is drawn is nearly always there already
STOPPED = "stopped"  # of a study: whether it was asked to stop
LEFT = "left"  # of a study: None, or that its last driver left points for the user to see: its error, "" without one
DRIVER = "driver"  # of a study: pid and start time of the process that drives it
OPTIONS, RUNS = "options", "runs"  # of a trial
TWIN = "twin"  # of a trial: that it came out as a point that was there already


def is_driven(attributes: dict[str, Any]) -> bool:
    """Whether a process drives the study with these attributes."""
    driver = attributes.get(DRIVER)
    return driver is not None and process.is_alive(driver["pid"], driver["started"])


def was_drawn(trial: FrozenTrial) -> bool:
    """Whether a sampler drew the trial, rather than that it was given."""
    return "fixed_params" not in trial.system_attrs


def left_to_draw(trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]) -> int:
    """How many points are still to be drawn for the study with these attributes."""
    wanted: int = attributes[WANTED] - attributes.get(UNDRAWN, 0)
    return wanted - sum(was_drawn(trial) and TWIN not in trial.user_attrs for trial in trials)


def waits(workspace: Workspace, study_id: str) -> bool:
    """Whether there is a point that no driver has taken yet."""
    number, attributes = storage.find(workspace, study_id)
    trials = storage.storage(workspace).get_all_trials(number, deepcopy=False)
    return left_to_draw(trials, attributes) > 0 or any(trial.state.name == "WAITING" for trial in trials)


def with_options(plan: Plan, options: dict[str, Any], seed: int = 0) -> RunConfig:
    """The unresolved config of a point; seed: which of its runs, from 0."""
    fixed = plan.config.model_dump(exclude_unset=True)
    return RunConfig.parse({**fixed, **options, "seed": plan.config.seed + seed, "threads": plan.threads})


def _validates(workspace: Workspace, data: str, info: DatasetInfo) -> bool:
    """Whether a validation purchase is held out of anybody."""
    if info.interactions[info.behaviors[-1]] - info.test_users > info.users:
        return True  # somebody has two; no need to read them all
    return has_validation(workspace.data.load(data))


def _usual(plan: Plan, resolved: RunConfig) -> dict[str, Any]:
    """What is searched, as it is by default: the first point of a study that draws."""
    values = {name: getattr(resolved, name) for name in plan.search if resolved.uses(name)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _enqueue(study: OptunaStudy, options: dict[str, Any], behaviors: Sequence[str]) -> None:
    """Let a point wait to be trained."""
    study.enqueue_trial(place_of(options, behaviors), user_attrs={OPTIONS: options})


def _weights(study: Study, point: Sequence[float]) -> tuple[float, ...]:
    """λ that a user gave; ConfigError where they are off the simplex, or as many as there are no behaviors."""
    resolved = with_options(study.plan, {"lambdas": tuple(point)}).resolve(study.behaviors)
    assert resolved.lambdas is not None, "a config that searches λ reads them"
    return resolved.lambdas


def _study(workspace: Workspace, study_id: str, number: int, attributes: dict[str, Any]) -> Study:
    plan = _plan(attributes[storage.PLAN])
    trials = storage.storage(workspace).get_all_trials(number, deepcopy=False)
    points = [_point(workspace, plan, trial) for trial in trials if OPTIONS in trial.user_attrs]
    to_draw = left_to_draw(trials, attributes)
    pending = to_draw > 0 or any(not trial.state.is_finished() for trial in trials)
    running = is_driven(attributes) and not attributes.get(STOPPED)
    finalized = attributes.get(FINALIZED, {})
    return Study(
        id=study_id,
        plan=plan,
        created=attributes["created"],
        state="done" if not pending else "running" if running else "stopped",
        data=plan.config.data,
        behaviors=tuple(attributes["data"]["behaviors"]),
        protocol=plan.config.protocol,
        fingerprint=attributes["data"]["fingerprint"],
        points=tuple(points),
        planned=len(points) + max(0, to_draw),
        undrawn=attributes.get(UNDRAWN, 0),
        error=attributes.get(LEFT) or None,
        finalized=tuple(finalized.get("runs", ())),
        finalized_point=finalized.get("point"),
    )


def _plan(kept: dict[str, Any]) -> Plan:
    """The plan that a study was begun with, of which studies once left out the protocol where it was standard."""
    return Plan.parse({**kept, "config": {"protocol": "standard", **kept["config"]}})


def _point(workspace: Workspace, plan: Plan, trial: FrozenTrial) -> Point:
    runs = tuple(trial.user_attrs.get(RUNS, ()))
    curve = trial.intermediate_values
    return Point(
        number=trial.number,
        options=trial.user_attrs[OPTIONS],
        runs=runs,
        state=_state(workspace, trial, runs),
        epoch=trial.last_step or 0,
        epochs=plan.config.epochs,
        value=trial.value if trial.state.name == "COMPLETE" else max(curve.values(), default=None),
    )


_OF_TRIAL: dict[str, PointState] = {"COMPLETE": "done", "PRUNED": "pruned"}
_OF_RUN: dict[str, PointState] = {"queued": "queued", "failed": "failed", "cancelled": "stopped"}


def _state(workspace: Workspace, trial: FrozenTrial, runs: Sequence[str]) -> PointState:
    if trial.state.is_finished():
        return _OF_TRIAL[trial.state.name]
    if not runs:
        return "queued"
    try:
        return _OF_RUN.get(workspace.runs.get(runs[-1]).state, "running")
    except RunError:  # it was deleted
        return "stopped"
