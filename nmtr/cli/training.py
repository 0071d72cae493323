"""nmtr train"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, note, say, show, table, training_progress
from nmtr.cli.options import parsed, takes_config, whole_number
from nmtr.config import RunConfig
from nmtr.config.written import command
from nmtr.errors import ConfigError
from nmtr.estimate import Estimate
from nmtr.evaluation.metrics import SELECTION
from nmtr.runs import process
from nmtr.runs.store import Run
from nmtr.runs.withheld import said, without_test
from nmtr.workspace import Workspace, default_home, presets

_MOST_PRIORITY = 1000  # either way
Priority = Annotated[
    int | None,
    typer.Option(
        parser=whole_number("--priority", -_MOST_PRIORITY, _MOST_PRIORITY),
        metavar="N",
        help="Queued runs with more go first; 0 is usual.",
    ),
]


@takes_config
def train(
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.json|PRESET",
            help="Take options from a JSON file or a preset of the data set; those given here come before it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: time some batches, and say what the run would take.")
    ] = False,
    queued: Annotated[
        bool, typer.Option("--queue", help="Queue the run, to be trained in the background, and do not wait for it.")
    ] = False,
    priority: Priority = None,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who queues the run; $NMTR_OWNER, else nobody, if not given.")
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Train a run in the foreground and print its figures.

    The epoch is chosen on validation and tested once. The run is seen live on the Runs page. Ctrl-C or `nmtr cancel`
    stops it, and `nmtr resume` goes on from its last epoch. With --queue it trains in the background, in its turn;
    with --dry-run it does not train: what it would take is timed and said.
    """
    given = parsed(options)
    data = given.get("data") or RunConfig.model_fields["data"].default
    chosen = RunConfig.parse({**(presets.read(default_home(), data, config) if config else {}), **given})
    if config and "protocol" not in chosen.model_fields_set:
        note(f"{config} names no protocol, so the run is {chosen.protocol}; earlier versions took standard.")
    if dry_run and queued:
        raise ConfigError("--dry-run trains nothing, so there is nothing to queue; give one of --dry-run and --queue.")
    if not queued and (priority is not None or owner is not None):
        raise ConfigError("--priority and --owner are for runs that wait their turn; give --queue too.")
    workspace = Workspace()
    if queued:
        waiting = workspace.submit(chosen, priority=priority or 0, owner=owner)
        show(described(waiting), as_json, lambda: say(f"run {waiting.id} is queued; see nmtr queue"))
        return
    if dry_run:
        estimate = workspace.probe(chosen)
        show(_estimated(chosen, estimate), as_json, lambda: _show_estimate(chosen, estimate))
        return
    run = workspace.start(chosen)
    process.exit_on_sigterm()
    status = 2
    try:
        with training_progress(chosen.label) as on_report:
            run = workspace.continue_training(run, on_report)
    except KeyboardInterrupt:
        status = 130
    except SystemExit:
        status = process.TERMINATED
    run = workspace.runs.get(run.id)
    if run.state != "done":
        note(f"run {run.id} was stopped after epoch {run.epoch}; nmtr resume {run.id} goes on from there.")
        raise typer.Exit(status)
    show(summary(run), as_json, lambda: show_result(run))


def _estimated(config: RunConfig, estimate: Estimate) -> dict[str, Any]:
    """The JSON contract of `nmtr train --dry-run`."""
    assert estimate.pace is not None, "it was timed"
    return {
        "data": config.data,
        "method": config.method,
        "epochs": config.epochs if config.uses("epochs") else 0,
        "seconds": estimate.seconds,
        "bytes": estimate.bytes,
        "rankings": config.rankings if config.uses("epochs") else 1,
        "seconds_per_epoch": estimate.pace.epoch,
        "ranking_seconds": estimate.pace.ranking,
        "preparing_seconds": estimate.pace.preparing,
        "saving_seconds": estimate.pace.saving,
    }


def _show_estimate(config: RunConfig, estimate: Estimate) -> None:
    assert estimate.pace is not None, "it was timed"
    pace, epochs = estimate.pace, f"{config.epochs} epochs" if config.uses("epochs") else "nothing to train"
    epochs += f" and {config.rankings} rankings" if config.uses("rank_every") and config.rank_every > 1 else ""
    say(
        f"{config.label} on {config.data}: up to {estimate.seconds:,.0f} s for {epochs}, "
        f"{estimate.bytes / 2**20:,.0f} MiB"
    )
    note(
        f"timed here, on this data: an epoch {pace.epoch:.2f} s and its ranking {pace.ranking:.2f} s, "
        f"{pace.preparing:.1f} s to get ready."
    )


def summary(run: Run) -> dict[str, Any]:
    """The JSON contract of `nmtr train`, and of `nmtr show` for runs that are done."""
    assert run.result is not None, "the run is done"
    options, result = run.config.to_json(), run.result.model_dump(mode="json")
    # `behaviors` names those that were used.
    lower = {"lower": result.pop("behaviors"), "lower_intervals": result.pop("behavior_intervals")}
    return {
        "run": run.id,
        "data": run.config.data,
        "behaviors": list(run.config.behaviors),
        "fingerprint": run.fingerprint,
        "protocol": run.config.protocol,
        "method": run.config.method,
        "unit": options.get("unit"),
        "loss": options.get("loss"),
        "lambdas": options.get("lambdas"),
        "seed": run.config.seed,
        **result,
        **lower,
    }


def described(run: Run, withheld: bool = False) -> dict[str, Any]:
    """A run in any state, as JSON; without its test figures where they are withheld (`nmtr.runs.withheld`)."""
    labels: dict[str, Any] = {"name": run.name, "tags": [*run.tags], "note": run.note, "archived": run.archived}
    labels["command"] = command(run.config)
    if run.state == "done":
        base = labels | {"state": run.state, "config": run.config.to_json(), "created": run.created}
        told = summary(without_test(run) if withheld else run)
        return base | {"pinned": run.pinned, "withheld": withheld} | told
    return labels | {
        "run": run.id,
        "state": run.state,
        "config": run.config.to_json(),
        "created": run.created,
        "data": run.config.data,
        "fingerprint": run.fingerprint,
        "protocol": run.config.protocol,
        "method": run.config.method,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "error": run.error,
        "reason": run.reason,
        "priority": run.priority,
        "owner": run.owner,
        "pinned": run.pinned,
    }


def show_result(run: Run, withheld: bool = False) -> None:
    """The figures with their protocol, for people; those of validation where the test's are withheld."""
    assert run.result is not None, "the run is done"
    result, config = run.result, run.config
    how = f"{config.data} ({', '.join(config.behaviors)}), {config.protocol}, seed {config.seed}"
    epoch = f", epoch {result.best_epoch} chosen on validation" if result.best_epoch and result.valid else ""
    refit = ", refitted on training + validation" if result.refit else ""
    say(f"run {run.id}: {config.label} on {how}{epoch}{refit}, {result.seconds:.1f} s")
    if withheld:
        table(["validation", "value"], [[name, f"{value:.4f}"] for name, value in result.valid.items()])
        say(said(run))
        return
    if not result.test:
        say("no purchase could be held out for testing: no user has two or more.")
        return
    rows = [
        [name, f"{value:.4f}", f"± {result.intervals[name]:.4f}" if name in result.intervals else "–"]  # of one user
        for name, value in result.test.items()
    ]
    if result.best_test:
        best = result.best_test.metrics
        note(
            f"best test epoch, which chose nothing: {result.best_test.epoch}, HR@100 {best['HR@100']:.4f}, "
            f"NDCG@100 {best['NDCG@100']:.4f}"
        )
    table(["test", "value", "95 % interval"], rows)
    for behavior, figures in result.behaviors.items():
        own = result.behavior_intervals.get(behavior, {})
        told = [f"{name} {figures[name]:.4f} ± {own[name]:.4f}" for name in SELECTION if name in own]
        say(f"{behavior} as a target of its own: {', '.join(told) or 'nobody has a pair to hold out'}")
