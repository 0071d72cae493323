"""Event files to one table: which hold events, and what tells their behaviors where no column does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import duckdb

from nmtr.data.columns import CONSTANT, OtherTable, find_columns, flags_of, has_header, knows_behavior
from nmtr.data.labels import text_of, trim_texts
from nmtr.data.tables import Table, open_table, reported, watched
from nmtr.data.unpack import File


def gather(
    database: duckdb.DuckDBPyConnection,
    files: Sequence[File],
    columns: Mapping[str, str],
    delimiter: str | None,
    scratch: Path,
    tell: Callable[[float], None],
) -> tuple[set[str], list[str]]:
    """Append all files' rows to the table of events; which columns they have, and what is to be said of it.

    `tell` is called with the share of the files' bytes that is read.

    Where there is no column for the behavior, columns of flags tell it, or the files' names. Tables of something else
    beside the events are left out.
    """
    tables = [(file, open_table(database, file, scratch, partial(has_header, columns), delimiter)) for file in files]
    told: dict[str, str] = {}
    flags: dict[str, int] = {}
    if "behavior" not in columns and not any(knows_behavior(table) for _, table in tables):
        flags = flags_of(tables[0][1])
        told = {} if flags else _behaviors_told(files)
    given: set[str] = set()
    others, headers = [], 0
    sizes = [file.path.stat().st_size for file in files]
    for number, (file, table) in enumerate(tables):
        share_told = partial(_tell_share, tell, sum(sizes[:number]) / sum(sizes), sizes[number] / sum(sizes))
        parts: dict[str | None, int | None] = {told.get(file.name): None}
        if flags:
            parts = dict(flags.items())
        try:
            for behavior, flag in parts.items():
                its_columns = columns if behavior is None else {**columns, "behavior": CONSTANT + behavior}
                with watched(database, share_told):
                    given |= _insert(database, file, table, its_columns, flag)
                headers += _without_headers(database, file, table, its_columns)
        except OtherTable as other:
            others.append((file, other))
    if len(others) == len(tables):
        raise others[0][1]
    trim_texts(database, sorted(given))
    notes = ["behaviors told by the files' names"] if told else []
    notes += [f"behaviors told by the columns {', '.join(flags)}"] if flags else []
    if headers:
        notes.append(f"{headers:,} further header line{'s' * (headers > 1)} left out")
    if others:
        listed = ", ".join(file.name for file, _ in others)[:300]
        notes.append(f"{len(others)} table{'s' * (len(others) > 1)} of something else left out ({listed})")
    return given, notes


def _without_headers(database: duckdb.DuckDBPyConnection, file: File, table: Table, columns: Mapping[str, str]) -> int:
    """Leave out rows that are the header again, as of files that were put one after the other; how many."""
    if not table.header or any(kind != "VARCHAR" for kind in table.types):
        return 0
    named = {role: table.names[place] for role, place in find_columns(table, columns, file.name).items()}
    same = " AND ".join(f"trim({role}) = ?" for role in named)
    gone = database.execute(f"DELETE FROM events WHERE {same}", [*named.values()]).fetchone()
    return int(gone[0]) if gone else 0


def _tell_share(tell: Callable[[float], None], before: float, size: float, share: float) -> None:
    """Tell a share of one file as what it is of all files."""
    tell(before + size * share)


def _behaviors_told(files: Sequence[File]) -> dict[str, str]:
    """The behavior of each file by its name: `behavior=view/…`, or what stands in no other's; none of a single file."""
    folders = {file.name: re.search(r"(?:^|/)(?:behaviou?r|event|action)[^/]*=([^/]+)/", file.name) for file in files}
    if all(folders.values()):
        return {name: folder[1] for name, folder in folders.items() if folder}
    if len(files) < 2:
        return {}
    stems = {file.name: file.name.rsplit("/", 1)[-1].split(".", 1)[0] for file in files}
    shared = re.match(r"(.*[-_])?", os.path.commonprefix(list(stems.values())))
    return {name: stem[len(shared[0]) if shared else 0 :] for name, stem in stems.items()}


def _insert(
    database: duckdb.DuckDBPyConnection, file: File, table: Table, columns: Mapping[str, str], flag: int | None
) -> set[str]:
    """Append a file's rows to the table of events, those alone whose flag is set; returns which columns it has."""
    found = find_columns(table, columns, file.name)
    values = {role: text_of(f"c{place}", table.types[place], role, file.name) for role, place in found.items()}
    for role, value in columns.items():
        if value.startswith(CONSTANT):
            values[role] = "'" + value.removeprefix(CONSTANT).replace("'", "''") + "'"
    chosen = "true" if flag is None else f"lower(trim(c{flag}::VARCHAR)) IN ('1', 'true')"
    with reported(file):
        database.execute(
            f"INSERT INTO events ({', '.join(values)}) SELECT {', '.join(values.values())} FROM ({table.query}) "
            f"WHERE {chosen}"
        )
    return set(values)
