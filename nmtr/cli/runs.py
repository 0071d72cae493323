"""nmtr runs | show | cancel | resume | pin | label | delete | undelete | evaluate"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from nmtr.cli.console import Json, note, say, show, table
from nmtr.cli.options import names
from nmtr.cli.training import described, show_result, summary
from nmtr.config.written import command
from nmtr.errors import ConfigError, RunError
from nmtr.runs.job import LOG
from nmtr.runs.labels import found
from nmtr.runs.record import Run, Unreadable
from nmtr.runs.withheld import report_without_test
from nmtr.workspace import Workspace

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `nmtr runs` shows it.")]


def list_runs(
    search: Annotated[
        str, typer.Option(metavar="WORDS", help="Those with each word in name, tags, note, id, method or data set.")
    ] = "",
    tag: Annotated[str | None, typer.Option(metavar="T,T,…", help="Those with all of these tags.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs, too.")] = False,
    as_json: Json = False,
) -> None:
    """All runs, newest first, with their HR@100 on test.

    Of a study's runs only those of the choice that was finalized have it. Archived runs are left out.
    """
    workspace = Workspace()
    look_after(workspace)
    tags = () if tag is None else tuple(names(tag, "--tag"))
    every, lost = workspace.runs.all()
    runs = found(every, search, tags, archived)
    named = any(run.name or run.tags for run in runs)
    columns = ["run", *["name"] * named, "state", "data", "protocol", "method", "epoch", "HR@100", "created"]
    hidden = workspace.runs.withheld(runs)
    rows = [_listed(run, run.id in hidden, named) for run in runs] + [
        [run.id, *["–"] * named, "unreadable", *["–"] * 5, "–" if run.created is None else _date(run.created)]
        for run in lost
    ]
    told = [described(run, run.id in hidden) for run in runs] + [
        {"run": run.id, "state": "unreadable", "created": run.created, "error": run.sentence} for run in lost
    ]
    show(told, as_json, lambda: table(columns, rows))
    if any(run.result for run in runs if run.id in hidden):
        note("no HR@100: a point of a study, which chooses by validation; that of its finalized choice is shown.")
    if not archived and (hidden_runs := sum(run.archived for run in every)):
        note(f"{hidden_runs:,} archived run{'s' * (hidden_runs > 1)} not shown; see --archived.")
    note_unreadable(lost)


def show_run(run_id: RunId, as_json: Json = False) -> None:
    """One run: its config, state, epochs and figures."""
    workspace = Workspace()
    look_after(workspace)
    runs = workspace.runs
    run, reports = runs.get(run_id), runs.reports(run_id)
    withheld = bool(runs.withheld([run]))
    if withheld:
        reports = tuple(map(report_without_test, reports))
    value = {**described(run, withheld), "reports": [report.model_dump(mode="json") for report in reports]}

    def for_people() -> None:
        progress = f", epoch {run.epoch} of {run.epochs}" if run.epochs and run.state != "done" else ""
        called = "".join([f", {run.name}" if run.name else "", *(f" #{tag}" for tag in run.tags)])
        say(f"run {run.id}{called} is {run.state}{progress}{', and archived' if run.archived else ''}")
        if run.note:
            say(run.note)
        table(["", ""], [[key.replace("_", " "), _written(content)] for key, content in run.config.to_json().items()])
        say(f"again: {command(run.config)}")
        if run.error:
            say(run.error)
            say(f"log: {runs.folder(run.id) / LOG}")
        if run.reason:
            say(run.reason)
        if run.result:
            show_result(run, withheld)

    show(value, as_json, for_people)


def cancel(run_id: RunId, as_json: Json = False) -> None:
    """Stop a run; it keeps its last checkpoint and can be resumed."""
    run = Workspace().cancel(run_id)
    done = "cancelled" if run.state == "cancelled" else "asked to stop"
    show(described(run), as_json, lambda: say(f"run {run.id} is {done}"))


def resume(run_id: RunId, as_json: Json = False) -> None:
    """Go on with a failed or cancelled run, in the background.

    It is queued again, and goes on from its last checkpoint.
    """
    run = Workspace().resume(run_id)
    show(described(run), as_json, lambda: say(f"run {run.id} is queued, to go on after epoch {run.epoch}"))


def pin(
    run_id: RunId,
    off: Annotated[bool, typer.Option("--off", help="Let it be pinned no more.")] = False,
    as_json: Json = False,
) -> None:
    """Make a finished run its data set's model.

    Pages open on it, and the home page shows it. It takes the place of the run that was pinned before. Where none is
    pinned, the best on validation is shown, clean before standard, without the points of studies.
    """
    run = Workspace().runs.pin(run_id, not off)
    said = "is no longer pinned" if off else f"is now the model of {run.config.data}"
    show(described(run), as_json, lambda: say(f"run {run.id} {said}"))


def label(
    run_id: RunId,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What to call it; none by an empty text.")] = None,
    tags: Annotated[str | None, typer.Option(metavar="T,T,…", help="Its tags, in place of those it has.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What is to be known of it.")] = None,
    archive: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Put it aside: lists leave it out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a run a name, tags and a note, or archive it.

    What is not named stays. Runs are found by all of it (`nmtr runs --search`), and an export takes it along.
    """
    given: dict[str, object] = {"name": name, "note": note}
    given["tags"] = None if tags is None else [tag for tag in map(str.strip, tags.split(",")) if tag]
    given = {key: value for key, value in given.items() if value is not None}
    if not given and archive is None:
        raise ConfigError("a label needs --name, --tags, --note or --archive; got none of them.")
    run = Workspace().runs.label(run_id, archived=archive, **given)
    show(described(run), as_json, lambda: say(f"run {run.id} is labeled"))


def delete(run_id: RunId, as_json: Json = False) -> None:
    """Delete a run with its weights, ranks and log.

    One that is running has to be cancelled first. For a day it can be brought back with `nmtr undelete`.
    """
    kept = Workspace().delete(run_id)
    how = (
        f"; for a day nmtr undelete {run_id} brings it back" if kept else " for good, since there is no room to keep it"
    )
    show({"deleted": run_id, "kept": kept}, as_json, lambda: say(f"run {run_id} is deleted{how}"))


def undelete(run_id: RunId, as_json: Json = False) -> None:
    """Bring back a run that was deleted within a day.

    It is as it was; one that waited in the queue is cancelled now, and can be resumed.
    """
    run = Workspace().runs.undelete(run_id)
    show(described(run), as_json, lambda: say(f"run {run.id} is back, and {run.state}"))


def evaluate(run_id: RunId, as_json: Json = False) -> None:
    """Rank all items again with a finished run's weights.

    The figures have to be those that the run recorded.
    """
    workspace = Workspace()
    result = workspace.evaluate(run_id)
    run = workspace.runs.get(run_id)
    show({**summary(run), "test": result.test}, as_json, lambda: show_result(run))


def _listed(run: Run, withheld: bool, named: bool) -> list[str]:
    return [
        run.id,
        *[" ".join([run.name, *(f"#{tag}" for tag in run.tags)]).strip()] * named,
        run.state,
        run.config.data,
        run.config.protocol,
        run.config.label,
        f"{run.epoch}/{run.epochs}" if run.epochs else "–",
        f"{run.result.test['HR@100']:.4f}" if run.result and run.result.test and not withheld else "–",
        _date(run.created),
    ]


def _date(seconds: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(seconds))


def note_unreadable(lost: Sequence[Unreadable]) -> None:
    """Say of each run that it cannot be read, and why."""
    for run in lost:
        note(run.sentence)


def _written(option: object) -> str:
    """An option's value as its flag takes it."""
    if isinstance(option, dict):
        return ",".join(f"{key}={value}" for key, value in option.items())
    if isinstance(option, list):
        return ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in option)
    return str(option)


def look_after(workspace: Workspace) -> None:
    """Start a worker if one is needed; where that cannot be, what there is can be shown all the same."""
    try:
        workspace.start_worker()
    except RunError as error:
        note(str(error))
