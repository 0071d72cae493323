"""nmtr runs | show | cancel | resume | delete | evaluate | recommend | explain"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from nmtr.cli.console import Json, err, mistakes, out, say, table
from nmtr.cli.training import show_result, summary
from nmtr.explain import Explanation, Recommendations, Stage, explain, recommend
from nmtr.runs.store import Run
from nmtr.workspace import Workspace

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `nmtr runs` shows it.")]


def list_runs(as_json: Json = False) -> None:
    """All runs, newest first."""
    with mistakes():
        workspace = Workspace()
        workspace.start_worker()
        runs = workspace.runs.list()
    rows = [
        [
            run.id,
            run.state,
            run.config.data,
            run.config.protocol,
            run.config.label,
            f"{run.epoch}/{run.epochs}" if run.epochs else "–",
            f"{run.result.test['HR@100']:.4f}" if run.result and run.result.test else "–",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created)),
        ]
        for run in runs
    ]
    columns = ["run", "state", "data", "protocol", "method", "epoch", "test HR@100", "created"]
    say([described(run) for run in runs], as_json, lambda: table("Runs", columns, rows))


def show(run_id: RunId, as_json: Json = False) -> None:
    """One run: its config, state, epochs and figures."""
    with mistakes():
        runs = Workspace().runs
        run, reports = runs.get(run_id), runs.reports(run_id)
    value = {**described(run), "reports": [report.model_dump(mode="json") for report in reports]}

    def for_people() -> None:
        options = ", ".join(f"{key} {content}" for key, content in run.config.to_json().items())
        out.print(f"run {run.id} is {run.state}: {options}", markup=False)
        if run.error:
            out.print(run.error, markup=False)
        if run.result:
            show_result(run)

    say(value, as_json, for_people)


def cancel(run_id: RunId, as_json: Json = False) -> None:
    """Stop a run; it keeps its last checkpoint and can be resumed."""
    with mistakes():
        run = Workspace().cancel(run_id)
    done = "cancelled" if run.state == "cancelled" else "asked to stop"
    say(described(run), as_json, lambda: out.print(f"run {run.id} is {done}", markup=False))


def resume(run_id: RunId, as_json: Json = False) -> None:
    """Queue a failed or cancelled run again; it goes on in the background from its last checkpoint."""
    with mistakes():
        run = Workspace().resume(run_id)
    say(described(run), as_json, lambda: out.print(f"run {run.id} is queued from epoch {run.epoch}", markup=False))


def delete(run_id: RunId, as_json: Json = False) -> None:
    """Delete a run that is not running, with its weights, ranks and log."""
    with mistakes():
        Workspace().delete(run_id)
    say({"deleted": run_id}, as_json, lambda: out.print(f"run {run_id} is deleted", markup=False))


def evaluate(run_id: RunId, as_json: Json = False) -> None:
    """Rank all items again with a finished run's weights, and check the figures that it recorded."""
    with mistakes():
        workspace = Workspace()
        result = workspace.evaluate(run_id)
        run = workspace.runs.get(run_id)
    say(
        {**summary(run), "test": result.test},
        as_json,
        lambda: show_result(run),
    )


def recommend_items(
    run_id: RunId,
    user: Annotated[str, typer.Option(help="The user's label.")],
    top: Annotated[int, typer.Option(help="How many items.")] = 10,
    as_json: Json = False,
) -> None:
    """A user's top items, with the stages of the cascade."""
    with mistakes():
        found = recommend(Workspace().fitted(run_id), user, top)
    say(found.to_json(), as_json, lambda: _show_recommendations(found))


def explain_item(
    run_id: RunId,
    user: Annotated[str, typer.Option(help="The user's label.")],
    item: Annotated[str, typer.Option(help="The item's label.")],
    as_json: Json = False,
) -> None:
    """One score taken apart along the cascade, with the item's rank at every stage."""
    with mistakes():
        found = explain(Workspace().fitted(run_id), user, item)
    say(found.to_json(), as_json, lambda: _show_explanation(found))


def described(run: Run) -> dict[str, Any]:
    """A run in any state, as JSON."""
    if run.state == "done":
        return {"state": run.state, "config": run.config.to_json(), "created": run.created, **summary(run)}
    return {
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
    }


def _show_recommendations(found: Recommendations) -> None:
    behaviors = [stage.behavior for stage in found.items[0].stages] if found.items else []
    rows = [
        [
            str(item.rank + 1),
            item.item,
            (item.title or "") + (" (held out)" if item.held_out else ""),
            *(f"{stage.probability:.3f}" for stage in item.stages),
            f"{item.logit:.3f}",
        ]
        for item in found.items
    ]
    table(f"User {found.user}: top of {found.candidates:,}", ["place", "item", "title", *behaviors, "score"], rows)
    if found.held_out:
        err.print(f"held-out item {found.held_out.item} stands at place {found.held_out.rank + 1:,}", markup=False)


def _show_explanation(found: Explanation) -> None:
    title = f" ({found.title})" if found.title else ""
    out.print(
        f"item {found.item}{title} for user {found.user}: place {found.rank + 1:,} of {found.candidates:,}, "
        f"score {found.logit:.3f}",
        markup=False,
    )
    table("", ["stage", "inherits", "own", "item bias", "logit", "chance", "place"], [_row(s) for s in found.stages])


def _row(stage: Stage) -> list[str]:
    parts = (stage.inherited, stage.own, stage.bias, stage.logit)
    place = "–" if stage.rank is None else f"{stage.rank + 1:,}"
    return [stage.behavior, *(f"{part:.3f}" for part in parts), f"{stage.probability:.3f}", place]
