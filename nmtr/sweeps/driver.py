"""Who trains a study: one driver a study, in this process or in one of its own, held by a file lock.

When a driver is killed, the runs that it queued go on, and the next driver finds them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nmtr.errors import NmtrError, RunError
from nmtr.runs import alone, process
from nmtr.sweeps import storage
from nmtr.sweeps.record import Study, check_data
from nmtr.sweeps.study import DRIVER, LEFT, STOPPED, read_unjudged, studies, waits
from nmtr.sweeps.trainer import StudyDriver, ask_to_stop
from nmtr.workspace import Workspace


def drive(workspace: Workspace, study_id: str, on_progress: Callable[[Study], None] = lambda study: None) -> Study:
    """Train the study to its end in this process, or until it is stopped; the study as it ended.

    Goes on with points that were stopped or failed. Raises RunError where another process drives it, where its data set
    is another now, or where the store vanishes or cannot be written. KeyboardInterrupt stops the study, and is raised
    again.
    """
    _, attributes = storage.find(workspace, study_id)
    if attributes.get(STOPPED):
        storage.load(workspace, study_id).set_user_attr(STOPPED, False)
    if not drive_alone(workspace, study_id, on_progress):
        raise RunError(f"a study is driven by one process; another drives study {study_id}: wait for it, or stop it.")
    return read_unjudged(workspace, study_id)


def start(workspace: Workspace, study_id: str) -> None:
    """Train the study in a process of its own that outlives this one, unless there is one.

    Raises RunError where its data set is another now, or where a process cannot be started.
    """
    check_data(workspace, read_unjudged(workspace, study_id))
    study = storage.load(workspace, study_id)
    if study.user_attrs.get(STOPPED):
        study.set_user_attr(STOPPED, False)
    if study.user_attrs.get(LEFT) is not None:
        study.set_user_attr(LEFT, None)
    command = [sys.executable, "-m", "nmtr.sweeps", str(workspace.home), study_id]
    try:
        driver = alone.start(_lock(workspace, study_id), command, storage.folder(workspace.home) / f"{study_id}.log")
    except OSError as error:
        raise RunError(
            f"a study is driven by a process of its own; that of study {study_id} cannot be started in "
            f"{workspace.home} ({error.strerror}): mend that, and resume the study."
        ) from error
    if driver is None:
        return
    study.set_user_attr(DRIVER, {"pid": driver.pid, "started": process.started(driver.pid) or 0.0})
    threading.Thread(target=driver.wait, daemon=True).start()  # or it stays a zombie once it ends


def stop(workspace: Workspace, study_id: str) -> None:
    """Train no more of it; the runs that it queued are cancelled, and go on from their checkpoints when it does."""
    storage.find(workspace, study_id)
    ask_to_stop(workspace, study_id)


def revive(workspace: Workspace) -> tuple[str, ...]:
    """Start the studies whose driver ended without a word, as when the machine was switched off; their ids.

    One that ended with an error would do so again: the user has to see it.
    """
    found: list[str] = []
    if not storage.is_used(workspace.home):
        return ()
    for study in studies(workspace):
        attributes = storage.find(workspace, study.id)[1]
        if study.state == "stopped" and not attributes.get(STOPPED) and attributes.get(LEFT) is None:
            with suppress(NmtrError):  # its data set is gone, or another now: nothing to go on with
                start(workspace, study.id)
                found.append(study.id)
    return tuple(found)


def drive_alone(workspace: Workspace, study_id: str, on_progress: Callable[[Study], None]) -> bool:
    """Drive until there is nothing left, unless it was stopped before; False if another process has the study."""
    check_data(workspace, read_unjudged(workspace, study_id))
    while True:
        with alone.held(_lock(workspace, study_id), timeout=1) as mine:  # `start` may hold it for a moment
            if not mine:
                return False
            StudyDriver(workspace, study_id, on_progress).work()
        # Who extended the study after the last look saw the lock held, and relies on this driver.
        if storage.find(workspace, study_id)[1].get(STOPPED) or not waits(workspace, study_id):
            return True


def _lock(workspace: Workspace, study_id: str) -> Path:
    return storage.folder(workspace.home) / f"{study_id}.lock"
