"""Data sets from files: events or one line a user, which of the two is seen from what is in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from nmtr.data.assemble import assemble
from nmtr.data.bad import SKIPPED
from nmtr.data.dataset import Dataset
from nmtr.data.events import read_events
from nmtr.data.library import check_name
from nmtr.data.lines import is_lines, read_lines
from nmtr.data.published import recognized
from nmtr.data.recipe import Recipe
from nmtr.data.rows import Rows
from nmtr.data.staging import refused
from nmtr.data.unpack import File, unpacked
from nmtr.errors import DataError, option


def read(
    path: Path,
    *,
    name: str,
    behaviors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    recipe: Recipe | None = None,
    label: str | None = None,
    scratch: Path | None = None,
    skip_to: Path | None = None,
    known: Mapping[str, str] | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> Dataset:
    """Make a data set of a file, a folder or an archive (zip, gz).

    Either events `user, item, behavior[, timestamp][, split]` (CSV, TSV, JSON lines, Parquet, a spreadsheet; see
    `read_events`) or lines of numbers (see `read_lines`); see `assemble` for what becomes of them. `recipe` says all
    that is to be chosen; `behaviors` and `columns`, where given, are in place of its own. `label` is what to call the
    source, where that is not the path's own name. What is unpacked, or does not fit into memory, goes to the folder
    `scratch`, else to a temporary one; rows that the recipe leaves out since they cannot be read, to the file
    `skip_to`. `known` are published files by their blob ids: a file that is one of them is said to be. `tell` is called
    with the share that is done. DataError where a file is missing or malformed, with one sentence that says what to do,
    or where that folder's disk is full. `catalogue.add` does this in a process of its own, with a limit of memory.
    """
    check_name(name)
    recipe = chosen(recipe, behaviors, columns)
    source = label or path.absolute().name
    with tempfile.TemporaryDirectory(prefix="nmtr-", dir=scratch) as folder:
        try:
            files = unpacked(path, source, Path(folder))
            rows = rows_of(files, recipe, source, Path(folder), skip_to, known or {}, tell)
        except OSError as error:
            raise refused(Path(folder).parent, error) from error
    return assemble(rows, name=name, source=source, recipe=recipe)


def chosen(recipe: Recipe | None, behaviors: Sequence[str] | None, columns: Mapping[str, str] | None) -> Recipe:
    """The recipe with these behaviors and columns in place of its own, where they are given."""
    given: dict[str, object] = {} if behaviors is None else {"behaviors": tuple(behaviors)}
    given |= {"columns": dict(columns)} if columns else {}
    return (recipe or Recipe()).model_copy(update=given)


def layout_of(files: Sequence[File], recipe: Recipe) -> Literal["events", "lines"]:
    """Which of the two layouts files have; those whose columns or delimiter are named are events."""
    full = [file for file in files if file.path.stat().st_size]
    named = recipe.columns or recipe.delimiter
    return "lines" if not named and any(is_lines(file) for file in full) else "events"


def rows_of(
    files: Sequence[File],
    recipe: Recipe,
    source: str,
    scratch: Path,
    skip_to: Path | None,
    known: Mapping[str, str],
    tell: Callable[[float], None],
) -> Rows:
    """The rows of a source's files, whichever layout they have; what is not as it was said, and what is, as notes."""
    empty = [file for file in files if not file.path.stat().st_size]
    full = [file for file in files if file not in empty]
    if not full:
        raise DataError(f"{empty[0].name} must hold events or interactions; it is empty.")
    if layout_of(full, recipe) == "lines":
        if recipe.dates or recipe.skip_bad:
            raise DataError(
                f"{option('dates')} and {option('skip-bad')} are for events, but {source} has a line a user; leave "
                "them out."
            )
        rows = read_lines(full, recipe.behaviors, source)
    else:
        rows = read_events(full, recipe, source, scratch, tell=tell)
        if skip_to and (scratch / SKIPPED).exists():
            (scratch / SKIPPED).rename(skip_to)
    notes = [f"{len(empty)} empty file{'s' * (len(empty) > 1)} left out"] if empty else []
    return replace(rows, notes=(*rows.notes, *notes, *recognized(files, known)))
