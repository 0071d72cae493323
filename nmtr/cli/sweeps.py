"""nmtr sweep | studies | study"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any

import typer

from nmtr import sweeps
from nmtr.cli.console import Json, note, show, suite_progress
from nmtr.cli.options import count, names, number, parsed, takes_config, whole_number
from nmtr.cli.studies import show_groups, show_importances, show_list, show_points, show_trade_off, text
from nmtr.compare import Score, leaderboard
from nmtr.config import RunConfig
from nmtr.errors import ConfigError
from nmtr.runs import process
from nmtr.runs.store import Run
from nmtr.sweeps import Point, Study
from nmtr.sweeps.choosing import final_configs
from nmtr.workspace import Workspace
from nmtr.workspace.batch import Progress, train_all

_PARTS = ("sparsity", "behavior", "option")


@takes_config
def sweep(
    step: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help="Step of the grid of λ; as in the paper, 0.1 for two behaviors and 1/6 for three, if left out.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        count(
            *("--trials", 1, 1000),
            "Draw N points by TPE instead of taking a grid; with --resume, N more.",
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="O,O,…", help=f"What to draw: {', '.join(sweeps.SEARCHABLE)}; lambdas if left out."),
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(metavar="W,W;W,W;…", help="With --resume: add points of λ, such as '0.25,0.75;1/3,2/3'."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="HR@K|NDCG@K", help="Validation metric to judge by. [default: HR@100]")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Stop points whose validation stays behind that of others.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(parser=whole_number("--seeds", 1, 100), metavar="N", help="Runs of each point. [default: 1]"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            parser=whole_number("--jobs", 1, 256),
            metavar="N",
            help="Runs at once, which share the cores; a worker that is there keeps its own number. [default: 2]",
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Go on with a study; what was trained is not trained again.")
    ] = None,
    background: Annotated[bool, typer.Option("--background", help="Train in the background.")] = False,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Find loss weights λ on validation, and the equally good ones.

    Every option of `nmtr train` may be given, and stays the same in all runs. Ctrl-C stops the study, and --resume goes
    on from there. `nmtr study` shows it again, and what it is worth on test.
    """
    given = {name: value for name, value in options.items() if value is not None}
    plan: dict[str, Any] = {
        "step": step and number(step, "--step"),
        "trials": trials,
        "metric": metric,
        "seeds": seeds,
        "jobs": jobs,
    }
    plan |= {"search": search and names(search, "--search"), "prune": prune or None}
    plan = {name: value for name, value in plan.items() if value is not None}
    workspace = Workspace()
    if resume is None:
        if points:
            raise ConfigError("--points adds to a study; name it by --resume, or leave --points out.")
        drawn = {"sampler": "tpe"} if trials or search else {}
        config = RunConfig.parse(parsed(given))
        study = sweeps.create(workspace, sweeps.Plan.parse({"config": config, **plan, **drawn}))
        note(f"study {study.id}: nmtr sweep --resume {study.id} goes on with it.")
    else:
        if fixed := [name for name in (*given, *plan) if name != "trials"]:
            raise ConfigError(
                f"a study keeps its plan; --{fixed[0].replace('_', '-')} cannot change what {resume} tries: "
                f"leave it out, or begin another study."
            )
        study = sweeps.read(workspace, resume)
        weights = (
            [[number(part, "--points") for part in point.split(",")] for point in points.split(";")] if points else []
        )
        if trials or weights:
            sweeps.extend(workspace, study.id, trials=trials or 0, points=weights)
    if background:
        sweeps.start(workspace, study.id)
    else:
        _drive(workspace, study.id)
    study = sweeps.read(workspace, study.id)
    _present(workspace, study, as_json)
    failed = [point for point in study.points if point.state == "failed"]
    for point in failed:
        note(f"point {point.number}: run {point.runs[-1]}: {workspace.runs.get(point.runs[-1]).error}")
    if failed and not background:
        raise typer.Exit(2)


def list_studies(as_json: Json = False) -> None:
    """List the studies of loss weights, the newest first."""
    found = sweeps.studies(Workspace())
    show([contract(study, None) for study in found], as_json, lambda: show_list(found))


def show_study(
    study_id: Annotated[str, typer.Argument(metavar="STUDY", help="The study's id.")],
    stop: Annotated[bool, typer.Option("--stop", help="Stop it, and cancel its runs.")] = False,
    finalize: Annotated[
        bool, typer.Option("--finalize", help="Train the best point with three seeds, and show its test figures.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Make the best point a preset of the data set, for `nmtr train --config`.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(_PARTS),
            help="sparsity: which point is best for users by their training purchases. behavior: how each point ranks "
            "each behavior as its own target, of a study with --hold-out-lower. option: which option matters how much.",
            show_default=False,
        ),
    ] = None,
    point: Annotated[
        int | None,
        typer.Option(
            parser=whole_number("--point", 0, 10**9),
            metavar="N",
            help="With --finalize or --keep: this point instead of the best.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a study of loss weights; stop, finalize or keep it.

    Points are judged on validation. Test figures are those of the choice that was finalized, and of nothing else.
    """
    if by not in (None, *_PARTS):
        raise ConfigError(f"--by must be {', '.join(_PARTS[:-1])} or {_PARTS[-1]}; got {by}.")
    workspace = Workspace()
    unfinished: list[Run] = []
    if stop:
        sweeps.stop(workspace, study_id)
    if finalize:
        sweeps.finalize(workspace, study_id, point)
        unfinished = _train_choice(workspace, sweeps.read(workspace, study_id))
    study = sweeps.read(workspace, study_id)
    if keep:
        name = sweeps.keep(workspace, study_id, point)
        note(f"kept as preset {name} of {study.data}: nmtr train --data {study.data} --config {name} takes it.")
    if by is None:
        _present(workspace, study, as_json)
    elif by == "sparsity":
        groups = sweeps.sensitivity(workspace, study)
        show([group.model_dump(mode="json") for group in groups], as_json, lambda: show_groups(study, groups))
    elif by == "option":
        found = sweeps.importances(workspace, study)
        show([one.model_dump(mode="json") for one in found], as_json, lambda: show_importances(study, found))
    else:
        rows = sweeps.trade_off(workspace, study)
        show([row.model_dump(mode="json") for row in rows], as_json, lambda: show_trade_off(study, rows))
    for run in unfinished:
        note(f"final run {run.id} (seed {run.config.seed}) is {run.state}: {run.error or run.reason or 'resume it.'}")
    if unfinished:
        raise typer.Exit(2)


def contract(study: Study, test: dict[str, Score] | None) -> dict[str, Any]:
    """The JSON contract of `nmtr sweep` and `nmtr study`; values are of validation, but for the finalized choice."""
    return {
        "study": study.id,
        "state": study.state,
        "error": study.error,
        "undrawn": study.undrawn,
        "data": study.data,
        "behaviors": list(study.behaviors),
        "fingerprint": study.fingerprint,
        "protocol": study.protocol,
        "metric": study.metric,
        "plan": study.plan.to_json(),
        "points": [
            {
                **_named(point),
                "runs": list(point.runs),
                "state": point.state,
                "epoch": point.epoch,
                "epochs": point.epochs,
                "value": point.value,
                "interval": None if point.low is None else [point.low, point.high],
            }
            for point in study.points
        ],
        "best": study.best and _named(study.best),
        "equally_good": [_named(point) for point in study.points if point.number in study.equally_good],
        "finalized": test
        and {
            **_named(study.point(study.finalized_point)),
            "runs": list(study.finalized),
            "test": {name: score.model_dump(mode="json", exclude={"difference"}) for name, score in test.items()},
        },
    }


def _named(point: Point) -> dict[str, Any]:
    return {
        "number": point.number,
        "lambdas": point.lambdas and list(point.lambdas),
        "options": point.options,
        "run": point.runs[0] if point.runs else None,
    }


def _drive(workspace: Workspace, study_id: str) -> None:
    """Train the study in the foreground."""
    process.exit_on_sigterm()
    try:
        with suite_progress() as on_progress:
            sweeps.drive(workspace, study_id, lambda study: on_progress("points", _progress(study)))
    except KeyboardInterrupt:
        note(f"stopped: nmtr sweep --resume {study_id} goes on from there.")
        raise typer.Exit(130) from None


def _train_choice(workspace: Workspace, study: Study) -> list[Run]:
    """Wait for the runs of the choice that was finalized; those that ended otherwise than done."""
    process.exit_on_sigterm()
    with suite_progress() as on_progress:
        runs = train_all(
            workspace,
            final_configs(study, study.finalized_point),
            study.plan.jobs,
            lambda progress: on_progress("final runs", progress),
        )
    return [run for run in runs if run.state != "done"]


def _progress(study: Study) -> Progress:
    running = [point for point in study.points if point.state == "running"]
    return Progress(
        total=study.planned,
        there=0,
        ended=sum(point.state in ("done", "pruned", "failed", "stopped") for point in study.points),
        running=tuple(f"{text(point)}, epoch {point.epoch}/{point.epochs}" for point in running),
    )


def _present(workspace: Workspace, study: Study, as_json: bool) -> None:
    test = _tested(workspace, study)
    told = sweeps.cautions(study, sweeps.leaks(workspace, study) if study.best else {})
    value = contract(study, test) | {"cautions": list(told)}
    show(value, as_json, lambda: show_points(study, test))
    for sentence in told:
        note(f"warning: {sentence}")
    if find_spec("optuna_dashboard"):
        database = workspace.home.absolute() / "nmtr.db"
        note(f"optuna-dashboard is installed, and shows this study, too: optuna-dashboard sqlite:///{database}")


def _tested(workspace: Workspace, study: Study) -> dict[str, Score] | None:
    """The test figures of the choice that was finalized; None until all of its runs are done."""
    runs = sweeps.final_runs(workspace, study)
    if not runs or any(run.state != "done" for run in runs):
        return None
    return leaderboard(workspace, study.finalized).entries[0].test
