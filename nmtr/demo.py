"""The demo: synthetic data and ready-made runs, brought along so that the first page has something to show."""

from __future__ import annotations

from nmtr.workspace import Workspace


def install(workspace: Workspace) -> None: ...
