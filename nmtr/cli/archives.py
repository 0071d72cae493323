"""nmtr export | import"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from nmtr.cli.console import Json, note, say, show
from nmtr.cli.files import export_to
from nmtr.cli.runs import RunId
from nmtr.cli.training import described
from nmtr.errors import ConfigError
from nmtr.workspace import Workspace


def export_run(
    run_id: RunId,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write it; nmtr-RUN.zip if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a finished run as one file.

    Config, figures, epochs, ranks, weights and log, to be taken to another machine with `nmtr import`.
    """
    workspace = Workspace()
    workspace.runs.get(run_id)  # before its id becomes a file's name
    path = file or Path(f"nmtr-{run_id}.zip")
    with export_to(path) as target:
        workspace.export_run(run_id, target)
    size = path.stat().st_size
    result = {"run": run_id, "file": str(path), "bytes": size}
    show(result, as_json, lambda: say(f"run {run_id} is in {path} ({size / 2**20:.1f} MiB)"))


def import_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `nmtr export` wrote.")],
    as_json: Json = False,
) -> None:
    """Add the run in a file that nmtr export wrote.

    Everything in it is checked, and added whole or not at all. To recommend by it, its data set has to be here too.
    """
    workspace = Workspace()
    try:
        with open(file, "rb", opener=_at_once) as source:
            run, new = workspace.import_run(source, file.name)
    except OSError as error:
        raise ConfigError(f"an import needs a file that can be read; {file} cannot ({error.strerror}).") from None
    show(described(run), as_json, lambda: say(f"run {run.id} is {'imported' if new else 'here already, as it is'}"))
    if not workspace.has_data_of(run):
        note(f"to recommend by it, add data set {run.config.data} as it was there (fingerprint {run.fingerprint}).")


def _at_once(path: str, flags: int) -> int:
    """Opens a file without waiting for who may write to it, where it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
