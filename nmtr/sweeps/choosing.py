"""What is done with a study's choice: train it over seeds, and keep it."""

from __future__ import annotations

from nmtr.workspace import Workspace

#: Seeds that a choice is trained with before its test figures are shown.
SEEDS = 3


def finalize(workspace: Workspace, study_id: str, number: int | None = None) -> tuple[str, ...]:
    """Queue the best point, or a chosen one, with three seeds; the ids of its runs, those that exist taken as they are.

    Their test figures are what the study's choice is worth; nothing else of it shows any.
    """
    raise NotImplementedError


def keep(workspace: Workspace, study_id: str, number: int | None = None) -> str:
    """Make the best point, or a chosen one, the preset of its method and data set; the preset's name."""
    raise NotImplementedError
