"""Data sets from files: events or one line a user, told apart by what is in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nmtr.data.assemble import Rows, assemble
from nmtr.data.bad import SKIPPED
from nmtr.data.dataset import Dataset
from nmtr.data.events import read_events
from nmtr.data.library import check_name
from nmtr.data.lines import is_lines, read_lines
from nmtr.data.staging import refused
from nmtr.data.unpack import unpacked
from nmtr.errors import DataError, option


def read(
    path: Path,
    *,
    name: str,
    behaviors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
    label: str | None = None,
    scratch: Path | None = None,
    dates: str | None = None,
    skip_to: Path | None = None,
    cut_later: bool = False,
    tell: Callable[[float], None] = lambda share: None,
) -> Dataset:
    """Make a data set of a file, a folder or an archive (zip, gz).

    Either events `user, item, behavior[, timestamp][, split]` (CSV, TSV, Parquet; see `read_events`) or a line
    `user item item …` for each user (see `read_lines`); see `assemble` for what becomes of them. `behaviors` are
    those to use, lowest first and the target last; left out, they are all that there are, if their names tell
    the order. `seed` draws the held-out pairs where the source does not tell them. `label` is what to call the
    source, where that is not the path's own name. What is unpacked, or does not fit into memory, goes to the folder
    `scratch`, else to a temporary one. `dates` is the form of dates, where they do not tell it: day-first, month-first
    or year-first. Rows that cannot be taken are refused, or left out and written to the file `skip_to`. With
    `cut_later` everything of a user at or after the held-out purchase is left out. `tell` is called with the share that
    is done. DataError where a file is missing or
    malformed, with one sentence to mend it by, or where that folder's disk is full. `catalogue.add` does this in a
    process of its own, with a limit of memory.
    """
    check_name(name)
    source = label or path.absolute().name
    with tempfile.TemporaryDirectory(prefix="nmtr-", dir=scratch) as folder:
        try:
            rows = _rows(path, behaviors, columns, source, Path(folder), dates, skip_to, tell)
        except OSError as error:
            raise refused(Path(folder).parent, error) from error
    return assemble(rows, name=name, source=source, seed=seed, cut_later=cut_later)


def _rows(
    path: Path,
    behaviors: Sequence[str] | None,
    columns: Mapping[str, str] | None,
    source: str,
    scratch: Path,
    dates: str | None,
    skip_to: Path | None,
    tell: Callable[[float], None],
) -> Rows:
    """The rows of a source, whichever layout it has."""
    files = unpacked(path, source, scratch)
    files, empty = [f for f in files if f.path.stat().st_size], [f for f in files if not f.path.stat().st_size]
    if not files:
        raise DataError(f"{empty[0].name} must hold events or interactions; it is empty.")
    if not columns and any(is_lines(file) for file in files):
        if dates or skip_to:
            raise DataError(
                f"{option('dates')} and {option('skip-bad')} are for events, but {source} has a line a user; leave "
                "them out."
            )
        rows = read_lines(files, behaviors, source)
    else:
        rows = read_events(
            files, behaviors, columns, source, scratch, dates=dates, skip_bad=skip_to is not None, tell=tell
        )
        if skip_to and (scratch / SKIPPED).exists():
            (scratch / SKIPPED).rename(skip_to)
    if empty:
        rows = replace(rows, notes=(*rows.notes, f"{len(empty)} empty file{'s' * (len(empty) > 1)} left out"))
    return rows
