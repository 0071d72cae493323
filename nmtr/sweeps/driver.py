"""Who trains a study: one driver a study, in this process or in one of its own."""

from __future__ import annotations

from collections.abc import Callable

from nmtr.sweeps.study import Study
from nmtr.workspace import Workspace


def drive(workspace: Workspace, study_id: str, on_progress: Callable[[Study], None] = lambda study: None) -> Study:
    """Train the study to its end in this process, or until it is stopped; the study as it ended."""
    raise NotImplementedError


def start(workspace: Workspace, study_id: str) -> None:
    """Train the study in a process of its own that outlives this one, unless there is one."""
    raise NotImplementedError


def stop(workspace: Workspace, study_id: str) -> None:
    """Train no more of it; the runs that it queued are cancelled, and go on from their checkpoints when it does."""
    raise NotImplementedError
