"""nmtr queue | queue pause | queue resume | queue move"""

from __future__ import annotations

import time
from typing import Any

import typer

from nmtr.cli.console import Json, say, show, table
from nmtr.cli.runs import RunId, look_after, note_unreadable
from nmtr.cli.training import Priority, described
from nmtr.runs.waiting import Place
from nmtr.workspace import Workspace

commands = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@commands.callback()
def list_queue(context: typer.Context, as_json: Json = False) -> None:
    """What trains and waits in the background, and until when.

    The times are expected ones, from each run's sizes and from how fast runs were here; most runs stop before that.
    """
    if context.invoked_subcommand is not None:
        return
    workspace = Workspace()
    look_after(workspace)
    places = sorted(workspace.places().items(), key=lambda entry: entry[1].number)
    runs = [(workspace.runs.get(run_id), place) for run_id, place in places]
    now = time.time()

    def for_people() -> None:
        say(_state(workspace))
        columns = ["place", "run", "data", "method", "owner", "priority", "starts", "ends"]
        rows = [
            [
                str(place.number or "–"),
                *(run.id, run.config.data, run.config.label, run.owner or "–", str(run.priority)),
                _clock(now, place.starts) if place.number else "trains",
                _clock(now, place.ends),
            ]
            for run, place in runs
        ]
        if rows:
            table(columns, rows)

    value = [{**described(run), **_expected(place)} for run, place in runs]
    show({**vars(workspace.runs.queue.state()), "runs": value}, as_json, for_people)
    note_unreadable(workspace.runs.unreadable("queued", "running"))


@commands.command("pause")
def pause(as_json: Json = False) -> None:
    """Start no further run; what trains goes on."""
    workspace = Workspace()
    workspace.runs.queue.pause()
    _show_state(workspace, as_json)


@commands.command("resume")
def resume(as_json: Json = False) -> None:
    """Start what waits again, after a pause."""
    workspace = Workspace()
    workspace.resume_queue()
    _show_state(workspace, as_json)


@commands.command("move")
def move(
    run_id: RunId,
    priority: Priority = None,
    as_json: Json = False,
) -> None:
    """Give a run that waits another priority.

    Without one, it goes before all others.
    """
    workspace = Workspace()
    run = workspace.runs.move(run_id, priority)
    place = workspace.places().get(run_id)
    if place and place.number:
        said = f"run {run_id} is at place {place.number}, with priority {run.priority}"
    else:  # it was begun in between
        run = workspace.runs.get(run_id)
        said = f"run {run_id} waits no longer: it is {run.state}"
    show({**described(run), **_expected(place)}, as_json, lambda: say(said))


def _show_state(workspace: Workspace, as_json: bool) -> None:
    show(vars(workspace.runs.queue.state()), as_json, lambda: say(_state(workspace)))


def _state(workspace: Workspace) -> str:
    state = workspace.runs.queue.state()
    if state.paused:
        return "the queue is paused: what trains goes on, and nmtr queue resume starts what waits"
    of_owner = f", {state.per_owner} of one owner" if state.per_owner else ""
    return f"the queue is open: {state.slots} at once{of_owner}"


def _expected(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"place": None, "starts_in": None, "ends_in": None}
    return {"place": place.number, "starts_in": place.starts, "ends_in": place.ends}


def _clock(now: float, seconds: float | None) -> str:
    return "–" if seconds is None else time.strftime("%d %b %H:%M", time.localtime(now + seconds))
