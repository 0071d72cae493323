"""Runs for many configs at once: those that exist are taken, the others queued, and all waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nmtr.config import RunConfig
from nmtr.errors import RunError
from nmtr.runs import supervisor
from nmtr.runs.store import Run
from nmtr.workspace import Workspace

_TICK = 0.5  # seconds between two looks at the store
_WORKER_TICK = 5.0  # seconds between two looks at whether there is a supervisor
_WORTH = {"done": 3, "running": 2, "queued": 2, "failed": 1, "cancelled": 1}  # of two runs of one config


@dataclass(frozen=True)
class Progress:
    """How far the runs of a suite are."""

    total: int
    there: int  # done before
    ended: int  # those included
    running: tuple[str, ...]  # "NMTR-GMF, seed 0, epoch 7/60"
    paused: bool = False  # whether they wait for the queue to go on


def train_all(
    workspace: Workspace,
    configs: Sequence[RunConfig],
    jobs: int = 1,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Run]:
    """The ended run of each config, `jobs` trained at once in processes of their own; equal configs share a run.

    A finished run of the same config and data, on however many threads, is taken as it is; a live one is waited for;
    a failed or cancelled one goes on from its checkpoint; else a run is queued. A run may end failed or cancelled: that
    is for the caller to see. Raises ConfigError and CapacityError before anything is queued. On KeyboardInterrupt and
    SystemExit, what was queued here and has not begun is cancelled; what trains, or was queued by others, goes on.
    """
    prepared = [workspace.prepare(config) for config in configs]
    keys = [key_of(config, info.fingerprint) for config, info in prepared]
    there = by_key(workspace.runs.list())
    runs: dict[str, Run] = {}
    queued: list[str] = []
    try:
        missing = any(key not in there or there[key].state != "done" for key in keys)
        if missing and not workspace.runs.queue.state().paused:  # while it is, a supervisor would only end again
            supervisor.ensure_running(workspace.home, jobs)
        for key, (config, info) in zip(keys, prepared, strict=True):
            if key not in runs:
                found = there.get(key)
                runs[key] = started(workspace, found, config, info.fingerprint)
                if runs[key].state == "queued" and (found is None or found.state != "queued"):
                    queued.append(runs[key].id)
        _wait(workspace, runs, jobs, on_progress)
    except (KeyboardInterrupt, SystemExit):
        for run_id in queued:
            with suppress(RunError):  # it has ended
                if workspace.runs.get(run_id).state == "queued":
                    workspace.runs.request_cancel(run_id)
        raise
    return [runs[key] for key in keys]


def key_of(config: RunConfig, fingerprint: str) -> str:
    """The same for runs that end in the same figures: a resolved config without its threads, and the data."""
    options = {name: value for name, value in config.to_json().items() if name != "threads"}
    return json.dumps([fingerprint, options], sort_keys=True)


def by_key(runs: Sequence[Run]) -> dict[str, Run]:
    """The run of each config that is furthest on, the newest of equals; one that watched its test serves both ways."""
    found: dict[str, Run] = {}
    for run in runs:  # the newest first
        unwatched = run.config.model_copy(update={"watch_test": False})
        for key in {key_of(config, run.fingerprint) for config in (run.config, unwatched)}:
            if key not in found or _WORTH[run.state] > _WORTH[found[key].state]:
                found[key] = run
    return found


def started(
    workspace: Workspace,
    run: Run | None,
    config: RunConfig,
    fingerprint: str,
    owner: str = "",
    study: str | None = None,
) -> Run:
    """The run that is there, queued again for this owner and study if it has stopped; else a new one.

    The caller sees to a supervisor.
    """
    if run is None:
        return workspace.runs.create(config, fingerprint, owner=owner, study=study)
    if run.abandoned:
        supervisor.settle(workspace.runs, run)
        run = workspace.runs.get(run.id)
    return workspace.runs.requeue(run.id, owner, study) if run.state in ("failed", "cancelled") else run


def _wait(workspace: Workspace, runs: dict[str, Run], jobs: int, on_progress: Callable[[Progress], None]) -> None:
    """Until every run has ended; `runs` then holds them as they ended."""
    there = sum(not run.live for run in runs.values())
    if not runs:
        return
    on_progress(Progress(len(runs), there, there, ()))
    next_look = time.monotonic() + _WORKER_TICK
    while waiting := {run.id: key for key, run in runs.items() if run.live}:
        if time.monotonic() >= next_look:  # it may have been killed
            if workspace.runs.queue.has_work():
                supervisor.ensure_running(workspace.home, jobs)
            next_look = time.monotonic() + _WORKER_TICK
        live = {run.id: run for run in workspace.runs.list("queued", "running")}
        for run_id, key in waiting.items():
            runs[key] = live.get(run_id) or workspace.runs.get(run_id)
        now = [run for run in runs.values() if run.state == "running"]
        ended = sum(not run.live for run in runs.values())
        paused = any(run.state == "queued" for run in runs.values()) and workspace.runs.queue.state().paused
        on_progress(Progress(len(runs), there, ended, tuple(map(_described, now)), paused))
        if ended < len(runs):
            time.sleep(_TICK)


def _described(run: Run) -> str:
    return f"{run.config.label}, {run.config.protocol}, seed {run.config.seed}, epoch {run.epoch}/{run.epochs}"
