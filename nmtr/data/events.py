"""Events `user, item, behavior[, time][, split]`, one a row, from CSV, TSV or Parquet files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from nmtr.data.assemble import TEST, TRAIN, VALID, Rows
from nmtr.data.behaviors import order_behaviors
from nmtr.data.tables import open_table, reported, shortage_reported
from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_ROWS = 50_000_000
MAX_LABEL = 200  # characters
_MEMORY = "400MiB"  # what DuckDB keeps of it; the rest goes to the disk
_REQUIRED = ("user", "item", "behavior")
_ATTRIBUTES = ("title", "category", "price", "image")
#: What each column may be called, where no --columns says otherwise; compared in lower case.
#: The names that a column may have in a file, in the order in which they are looked for.
NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userid"),
    "item": ("item", "item_id", "itemid"),
    "behavior": ("behavior", "behaviour", "behavior_type", "event"),
    "time": ("timestamp", "time"),
    "split": ("split",),
    **{name: (name,) for name in _ATTRIBUTES},
}
_SPLITS = {"train": TRAIN, "training": TRAIN, "valid": VALID, "validation": VALID, "test": TEST}


def read_events(
    files: Sequence[File],
    behaviors: Sequence[str] | None,
    columns: Mapping[str, str] | None,
    source: str,
    scratch: Path,
) -> Rows:
    """The rows of event files, taken together.

    `columns` maps user, item, behavior, time, split, title, category, price or image to a column's name. Labels
    are text: a whole number is its digits. An item's attributes are those of its first row that has them. What does
    not fit into memory goes to the folder `scratch`. DataError where a file is malformed; MemoryError, OSError where
    memory or that folder's disk is too small.
    """
    columns = dict(columns or {})
    for key in columns:
        if key not in NAMES:
            raise DataError(f"--columns can name {', '.join(NAMES)}; got {key}.")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "temp_directory": str(scratch / "spilled"),
        "memory_limit": _MEMORY,
        "threads": min(4, os.cpu_count() or 1),  # each has buffers of its own
    }
    with shortage_reported(), duckdb.connect(":memory:", config=settings) as database:
        database.execute(f"CREATE TABLE events ({', '.join(f'{name} VARCHAR' for name in NAMES)})")
        given: set[str] = set()
        for file in files:
            given |= _insert(database, file, columns)
        _check(database, source)
        order = order_behaviors(
            [name for (name,) in database.execute("SELECT DISTINCT behavior FROM events").fetchall()],
            behaviors,
            source,
        )
        return _rows(database, order, given, source)


def _insert(database: duckdb.DuckDBPyConnection, file: File, columns: Mapping[str, str]) -> set[str]:
    """Append a file's rows to the table of events; returns which columns it has."""
    table = open_table(database, file)
    found = _find(table.names, columns, file)
    values = ", ".join(_text(f"c{number}", table.types[number]) for number in found.values())
    with reported(file):
        database.execute(f"INSERT INTO events ({', '.join(found)}) SELECT {values} FROM ({table.query})")
    return set(found)


def _find(names: Sequence[str], columns: Mapping[str, str], file: File) -> dict[str, int]:
    """The place in the file of each column that it has."""
    found = {}
    for column, accepted in NAMES.items():
        wanted = [columns[column]] if column in columns else accepted
        places = [places for name in wanted if (places := _places(names, name, column in columns))]
        if places:
            found[column] = _only(places[0], names, column, file)
        elif column in _REQUIRED or column in columns:
            raise DataError(
                f"{file.name} must have a column {wanted[0]}; it has {', '.join(names)[:300]}: "
                f"say which one it is with --columns {column}=NAME."
            )
    return found


def _places(names: Sequence[str], name: str, given: bool) -> list[int]:
    """Where columns of this name stand; one that was given tells upper from lower case where that matters."""
    exact = [place for place, there in enumerate(names) if there == name]
    return exact if given and exact else [place for place, there in enumerate(names) if there.lower() == name.lower()]


def _only(places: Sequence[int], names: Sequence[str], column: str, file: File) -> int:
    """The one place that there is; DataError where there are more."""
    there = [names[place] for place in places]
    if len(set(there)) < len(there):
        raise DataError(
            f"the columns of {file.name} must have names of their own; {len(there)} of them are called {there[0]}: "
            "rename all but one."
        )
    if len(there) > 1:
        raise DataError(
            f"one column of {file.name} must be {_a(column)}; {' and '.join(there)} may both be: say which one it is "
            f"with --columns {column}=NAME."
        )
    return places[0]


def _text(name: str, kind: str) -> str:
    """SQL for a column as text without surrounding blanks, NULL where nothing is written."""
    if kind in ("FLOAT", "DOUBLE"):
        # A table with gaps stores whole ids as 1.0: their text is 1.
        whole = f"CASE WHEN {name} = trunc({name}) AND abs({name}) < 1e18 THEN try_cast({name} AS BIGINT)::VARCHAR END"
        name = f"coalesce({whole}, {name}::VARCHAR)"
    text = f"trim({name}::VARCHAR)"
    return f"CASE WHEN lower({text}) NOT IN ('', 'nan', 'none', 'null', '<na>') THEN {text} END"


def _check(database: duckdb.DuckDBPyConnection, source: str) -> None:
    """DataError where a row lacks what it needs, or the rows are none or too many."""
    total = _one(database, "SELECT count(*) FROM events")
    if not total:
        raise DataError(f"a data set needs events; {source} has none below its header.")
    if total > MAX_ROWS:
        raise DataError(f"a data set can have up to {MAX_ROWS:,} events; {source} has {total:,}.")
    for column in _REQUIRED:
        missing = _one(database, f"SELECT count(*) FROM events WHERE {column} IS NULL")
        if missing:
            first = _one(database, f"SELECT min(rowid) + 1 FROM events WHERE {column} IS NULL")
            raise DataError(
                f"every event needs {_a(column)}; {missing:,} of the {total:,} in {source} have none, the first is "
                f"event {first:,}: fill them in or leave them out."
            )
        longest = _one(database, f"SELECT max(length({column})) FROM events")
        if longest > MAX_LABEL:
            raise DataError(f"{_a(column)} can have up to {MAX_LABEL} characters; {source} has one of {longest:,}.")


def _rows(database: duckdb.DuckDBPyConnection, order: tuple[str, ...], given: set[str], source: str) -> Rows:
    """The rows with these behaviors, numbered; labels in numeric order, then in that of text."""
    database.execute("CREATE TABLE orders (label VARCHAR, code TINYINT)")
    database.executemany("INSERT INTO orders VALUES (?, ?)", [[name, code] for code, name in enumerate(order)])
    for kind in ("user", "item"):
        database.execute(
            f"CREATE TABLE {kind}s AS SELECT label, (row_number() OVER (ORDER BY try_cast(label AS BIGINT) "
            f"NULLS LAST, label) - 1)::INTEGER AS code FROM (SELECT DISTINCT {kind} AS label FROM events)"
        )
    values = {"user": "users.code", "item": "items.code", "behavior": "orders.code"}
    if (time := _time(database, source)) is not None:
        values["time"] = time
    if "split" in given:
        values["part"] = _part(database, source)
    # Rows come in no order: what becomes of them does not depend on it.
    pairs: dict[str, Any] = database.execute(
        f"SELECT {', '.join(f'{value} AS {name}' for name, value in values.items())} FROM events "
        "JOIN users ON users.label = events.user JOIN items ON items.label = events.item "
        "JOIN orders ON orders.label = events.behavior"
    ).fetchnumpy()
    labels = {
        kind: np.array(database.execute(f"SELECT label FROM {kind}s ORDER BY code").df()["label"], dtype=np.str_)
        for kind in ("user", "item")
    }
    return Rows(
        user=pairs["user"],
        item=pairs["item"],
        behavior=pairs["behavior"],
        users=labels["user"],
        items=labels["item"],
        behaviors=order,
        time=pairs.get("time"),
        part=pairs.get("part"),
        attributes=_attributes(database, given),
    )


def _time(database: duckdb.DuckDBPyConnection, source: str) -> str | None:
    """SQL for an event's time as a number: as it is, or of a date; None where there are no times."""
    written = _one(database, "SELECT count(time) FROM events")
    if not written:
        return None
    total = _one(database, "SELECT count(*) FROM events")
    number, date = "try_cast(events.time AS DOUBLE)", "epoch(try_cast(events.time AS TIMESTAMP))"
    for expression in (number, date):
        if _one(database, f"SELECT count(*) FROM events WHERE isfinite({expression})") == total:
            return expression
    bad = database.execute(
        f"SELECT rowid + 1, time FROM events WHERE NOT coalesce(isfinite({number}) OR isfinite({date}), false) "
        "ORDER BY rowid LIMIT 1"
    ).fetchone()
    row, value = bad or (1, "numbers and dates, mixed")
    raise DataError(
        f"every event needs a time that is a number or a date, all of one kind; event {row:,} of {source} has "
        f"{'none' if value is None else str(value)[:40]}."
    )


def _part(database: duckdb.DuckDBPyConnection, source: str) -> str:
    """SQL for the part of an event, as a code."""
    known = ", ".join(f"'{name}'" for name in _SPLITS)
    bad = database.execute(
        f"SELECT split FROM events WHERE lower(split) NOT IN ({known}) OR split IS NULL LIMIT 1"
    ).fetchone()
    if bad:
        shown = "nothing" if bad[0] is None else str(bad[0])[:40]
        raise DataError(f"the split column must say train, valid or test in every row; {source} has {shown}.")
    codes = " ".join(f"WHEN '{name}' THEN {part}" for name, part in _SPLITS.items())
    return f"(CASE lower(split) {codes} END)::TINYINT"


def _attributes(database: duckdb.DuckDBPyConnection, given: set[str]) -> pd.DataFrame | None:
    """A row for each item with the attributes that any item has; None where there are none."""
    there = [name for name in _ATTRIBUTES if name in given]
    if not there:
        return None
    value = {name: f"left({name}, 300)" for name in there} | {"price": "try_cast(price AS DOUBLE)"}
    # An address is shown as an image, so it has to be one of the web.
    value["image"] = "CASE WHEN regexp_matches(image, '^https?://') AND length(image) <= 2000 THEN image END"
    firsts = ", ".join(f"arg_min({value[n]}, rowid) FILTER ({value[n]} IS NOT NULL) AS {n}" for n in there)
    table = database.execute(
        f"SELECT {', '.join(there)} FROM items JOIN (SELECT item, {firsts} FROM events GROUP BY item) "
        "ON item = label ORDER BY code"
    ).df()
    table = table.dropna(axis="columns", how="all")
    return table if len(table.columns) else None


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query returns."""
    row = database.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _a(noun: str) -> str:
    """The noun with its article."""
    return ("an " if noun[0] in "aeio" else "a ") + noun
