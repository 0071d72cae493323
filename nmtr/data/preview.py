"""What a source would become, before anything is added: its columns, its behaviors, its first rows, what is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import duckdb

from nmtr.data.assemble import assemble
from nmtr.data.behaviors import UnknownOrder
from nmtr.data.columns import has_header, proposed
from nmtr.data.importing import layout_of, rows_of
from nmtr.data.library import count_interactions
from nmtr.data.recipe import Recipe
from nmtr.data.rows import Rows
from nmtr.data.staging import refused
from nmtr.data.tables import Table, open_table
from nmtr.data.unpack import File, unpacked
from nmtr.errors import DataError
from nmtr.frozen import Frozen

SHOWN = 20  # rows
_VALUES = 3  # of each column
_LONGEST = 80  # characters of a value


class Column(Frozen):
    """A column of a source."""

    name: str  # or its place, from 1, where the source has no header
    values: tuple[str, ...]  # of its first rows
    role: str | None  # what it is taken for, or would be


class Row(Frozen):
    """A row as it is read."""

    user: str
    item: str
    behavior: str
    time: str | None  # ISO 8601 in UTC where the unit is known, else a number


class Size(Frozen):
    """What would be in the data set."""

    users: int
    items: int
    interactions: dict[str, int]  # behavior -> pairs; the target's with the held-out ones
    test_users: int


class Preview(Frozen):
    """What a recipe makes of a source; what is not known before something is settled is empty."""

    layout: Literal["events", "lines"]
    columns: tuple[Column, ...] = ()  # of events
    behaviors: dict[str, int] = {}  # as the source has them, with their rows, most first
    order: tuple[str, ...] = ()  # those that would be used, lowest first
    rows: tuple[Row, ...] = ()
    size: Size | None = None
    steps: tuple[str, ...] = ()  # what would be done, each with its count
    refusal: str | None = None  # why it cannot be added so: the message of a DataError


def preview(
    path: Path,
    recipe: Recipe,
    *,
    source: str,
    scratch: Path | None = None,
    known: Mapping[str, str] | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> Preview:
    """Read a source as `importing.read` does, keep nothing of it, and say what came out.

    A mistake is part of the answer: `refusal`, beside all that is known without its being settled. known: published
    files by their blob ids, as there.
    """
    with tempfile.TemporaryDirectory(prefix="nmtr-", dir=scratch) as folder:
        try:
            return _preview(path, recipe, source, Path(folder), known or {}, tell)
        except OSError as error:
            raise refused(Path(folder).parent, error) from error


def _preview(
    path: Path,
    recipe: Recipe,
    source: str,
    scratch: Path,
    published: Mapping[str, str],
    tell: Callable[[float], None],
) -> Preview:
    files = unpacked(path, source, scratch)
    layout = layout_of(files, recipe)
    columns = _columns(files, recipe, scratch) if layout == "events" else ()
    known = Preview(layout=layout, columns=columns)
    try:
        rows = rows_of(files, recipe, source, scratch, None, published, tell)
        known = known.model_copy(update=_read(rows))
        dataset = assemble(rows, name="preview", source=source, recipe=recipe)
    except UnknownOrder as error:
        return known.model_copy(update={"behaviors": error.counts, "refusal": error.message})
    except DataError as error:
        return known.model_copy(update={"refusal": error.message})
    size = Size(
        users=dataset.num_users,
        items=dataset.num_items,
        interactions=count_interactions(dataset),
        test_users=int((dataset.test_item >= 0).sum()),
    )
    return known.model_copy(update={"size": size, "steps": dataset.origin.steps})


def _columns(files: Sequence[File], recipe: Recipe, scratch: Path) -> tuple[Column, ...]:
    """The columns of the first file that has the most that events need."""
    tables: list[tuple[dict[str, int], Table]] = []
    with duckdb.connect(":memory:") as database:
        for file in files:
            with suppress(DataError):
                table = open_table(database, file, scratch, partial(has_header, recipe.columns), recipe.delimiter)
                tables.append((proposed(table, recipe.columns), table))
    if not tables:
        return ()
    roles, table = max(tables, key=lambda found: len({"user", "item", "behavior"} & set(found[0])))
    by_place = {place: role for role, place in roles.items()}
    return tuple(
        Column(
            name=name if table.header else str(place + 1),
            values=tuple(dict.fromkeys(row[place][:_LONGEST] for row in table.sample if row[place]))[:_VALUES],
            role=by_place.get(place),
        )
        for place, name in enumerate(table.names)
    )


def _read(rows: Rows) -> dict[str, object]:
    first = [
        Row(
            user=str(rows.users[rows.user[n]]),
            item=str(rows.items[rows.item[n]]),
            behavior=rows.behaviors[rows.behavior[n]],
            time=None if rows.time is None else _time(float(rows.time[n])),
        )
        for n in range(min(SHOWN, len(rows.user)))
    ]
    return {"behaviors": dict(rows.counts), "order": rows.behaviors, "rows": tuple(first)}


def _time(value: float) -> str:
    """A time as people read it, where it is one since 1970 in some unit, as all are but plain numbers."""
    for unit in (1, 1e3, 1e6, 1e9):
        if 631_152_000 <= value / unit < 4_102_444_800:  # 1990 to 2100
            return datetime.fromtimestamp(value / unit, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:g}"
