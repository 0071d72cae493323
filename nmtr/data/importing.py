"""Data sets from files: events or one line a user, told apart by what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nmtr.data.assemble import Rows, assemble
from nmtr.data.dataset import Dataset
from nmtr.data.events import read_events
from nmtr.data.library import check_name
from nmtr.data.lines import is_lines, read_lines
from nmtr.data.unpack import unpacked
from nmtr.errors import DataError


def read(
    path: Path,
    *,
    name: str,
    behaviors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
    label: str | None = None,
) -> Dataset:
    """Make a data set of a file, a folder or an archive (zip, gz).

    Either events `user, item, behavior[, timestamp][, split]` (CSV, TSV, Parquet; see `read_events`) or a line
    `user item item …` for each user (see `read_lines`); see `assemble` for what becomes of them. `behaviors` are
    those to use, lowest first and the target last; left out, they are all that there are, if their names tell
    the order. `seed` draws the held-out pairs where the source does not tell them. `label` is what to call the
    source, where that is not the path's own name. DataError where a file is missing or malformed, with one
    sentence to mend it by.
    """
    check_name(name)
    source = label or path.resolve().name
    return assemble(_rows(path, behaviors, columns, source), name=name, source=source, seed=seed)


def _rows(path: Path, behaviors: Sequence[str] | None, columns: Mapping[str, str] | None, source: str) -> Rows:
    """The rows of a source, whichever layout it has."""
    with unpacked(path, source) as files:
        for file in files:
            if file.path.stat().st_size == 0:
                raise DataError(f"{file.name} must hold events or interactions; it is empty.")
        if any(is_lines(file) for file in files):
            return read_lines(files, behaviors, source)
        return read_events(files, behaviors, columns, source)
