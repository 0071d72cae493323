"""Events `user, item, behavior[, time][, split]`, one a row, from CSV, TSV or Parquet files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from nmtr.data.bad import SKIPPED, BadRows
from nmtr.data.behaviors import UnknownOrder, order_behaviors
from nmtr.data.columns import ATTRIBUTES, NAMES
from nmtr.data.gather import gather
from nmtr.data.labels import clean_labels
from nmtr.data.recipe import Recipe
from nmtr.data.rows import TEST, TRAIN, VALID, Rows
from nmtr.data.tables import shortage_reported
from nmtr.data.times import Times, read_times
from nmtr.data.unpack import File
from nmtr.errors import DataError, option

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NAMES", "read_events"]

MAX_ROWS = 50_000_000
MAX_LABEL = 200  # characters
_READING = 0.6  # of the time that it takes to make rows of files
_AT_ONCE = 8_000_000  # rows that fit into memory before duplicates are merged
_MEMORY = "400MiB"  # what DuckDB keeps of it; the rest goes to the disk
_SPLITS = {"train": TRAIN, "training": TRAIN, "valid": VALID, "validation": VALID, "test": TEST}


def read_events(
    files: Sequence[File],
    recipe: Recipe,
    source: str,
    scratch: Path,
    *,
    tell: Callable[[float], None] = lambda share: None,
) -> Rows:
    """The rows of event files, taken together, of those behaviors.

    The recipe's `columns` map user, item, behavior, time, split, title, category, price or image to a column's name, to
    its place from 1, or to nothing where it is not to be taken; `{"behavior": "=buy"}` says that all rows are of one
    behavior. A split that is named so decides before times do. Labels are text: a whole number is its digits. An item's
    attributes are those of its first row that has them. With `skip_bad`,
    rows without what an event needs are left out and written to the folder `scratch`, to which also goes what does not
    fit into memory. `tell` is called with the share that is done. DataError where a file is malformed; MemoryError,
    OSError where memory or that folder's disk is too small.
    """
    columns = dict(recipe.columns)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "temp_directory": str(scratch / "spilled"),
        "memory_limit": _MEMORY,
        "threads": min(4, os.cpu_count() or 1),  # each has buffers of its own
    }
    with shortage_reported(), duckdb.connect(":memory:", config=settings) as database:
        database.execute(f"CREATE TABLE events ({', '.join(f'{name} VARCHAR' for name in NAMES)})")
        database.execute("SET enable_progress_bar = true")
        database.execute("SET enable_progress_bar_print = false")
        given, said = gather(database, files, columns, recipe.delimiter, scratch, lambda share: tell(_READING * share))
        tell(_READING)
        read = _check_size(database, source)
        bad = BadRows(database, source, recipe.skip_bad)
        merged = _merge(bad, recipe.merged)
        order, notes, counts = _choose(bad, recipe.behaviors)
        notes = [f"{read:,} row{'s' * (read != 1)} read", *said, *merged, *notes]
        _check_whole(bad, ("user", "item"))
        notes += clean_labels(database, source)
        _check_length(database, source)
        times = read_times(bad, recipe.dates)
        notes += [times.note] if times else []
        notes += bad.notes()
        bad.write(scratch / SKIPPED)
        _check_size(database, source)
        rows = _rows(database, order, given, times, "split" in columns, notes, source)
        return replace(rows, counts=counts)


def _check_size(database: duckdb.DuckDBPyConnection, source: str) -> int:
    """How many rows there are; DataError where they are none or too many."""
    total = _one(database, "SELECT count(*) FROM events")
    if not total:
        raise DataError(f"a data set needs events; {source} has none below its header.")
    if total > MAX_ROWS:
        raise DataError(f"a data set can have up to {MAX_ROWS:,} events; {source} has {total:,}.")
    return total


def _check_whole(bad: BadRows, columns: Sequence[str]) -> None:
    """DataError where an event lacks what it needs, unless such events are left out."""
    database, source = bad.database, bad.source
    for column in columns:
        bad.left_out(f"{column} IS NULL", f"has no {column}")
    total = _one(database, "SELECT count(*) FROM events")
    for column in columns:
        missing = _one(database, f"SELECT count(*) FROM events WHERE {column} IS NULL")
        if missing:
            first = _one(database, f"SELECT min(rowid) + 1 FROM events WHERE {column} IS NULL")
            raise DataError(
                f"every event needs {_a(column)}; {missing:,} of the {total:,} in {source} have none, the first is "
                f"event {first:,}: fill them in, or leave them out ({option('skip-bad')})."
            )


def _check_length(database: duckdb.DuckDBPyConnection, source: str) -> None:
    """DataError where a label is too long."""
    listed = {"user": "users", "item": "items", "behavior": "(SELECT DISTINCT behavior AS label FROM events)"}
    for column, labels in listed.items():
        longest = _one(database, f"SELECT max(length(label)) FROM {labels}")
        if longest > MAX_LABEL:
            raise DataError(f"{_a(column)} can have up to {MAX_LABEL} characters; {source} has one of {longest:,}.")


def _merge(bad: BadRows, merged: Mapping[str, str]) -> list[str]:
    """Take behaviors for others, as a source's `BUY` for buy; DataError where it has no such behavior."""
    notes = []
    for value, behavior in merged.items():
        there = "trim(behavior) = ?"
        found = bad.database.execute(f"SELECT count(*) FROM events WHERE {there}", [value]).fetchone()
        if not found or not found[0]:
            raise DataError(
                f"a behavior that is taken for another must be one of {bad.source}; there is no {value[:40]}: leave it "
                f"out with {option('behaviors')}."
            )
        bad.database.execute(f"UPDATE events SET behavior = ? WHERE {there}", [behavior, value])
        notes.append(f"{_rows_of(found[0])} of {value[:40]} taken as {behavior}")
    return notes


def _choose(
    bad: BadRows, behaviors: Sequence[str] | None
) -> tuple[tuple[str, ...], list[str], tuple[tuple[str, int], ...]]:
    """The behaviors to use, lowest first, what is left out, and how many rows each has; rows of others are removed."""
    database, source = bad.database, bad.source
    _check_whole(bad, ("behavior",))
    notes = []
    counted = "SELECT behavior, count(*) FROM events GROUP BY behavior ORDER BY count(*) DESC, behavior"
    counts: dict[str, int] = dict(database.execute(counted).fetchall())
    if spaced := sum(count for behavior, count in counts.items() if re.search(r"\s", behavior)):
        database.execute("UPDATE events SET behavior = regexp_replace(behavior, '\\s+', '_', 'g')")
        counts = dict(database.execute(counted).fetchall())
        notes.append(f"blanks in the behavior of {_rows_of(spaced)} became _")
    wanted = None if behaviors is None else [re.sub(r"\s+", "_", behavior.strip()) for behavior in behaviors]
    try:
        order = order_behaviors(list(counts), wanted, source)
    except DataError as error:
        raise UnknownOrder(error.message, counts) from None
    others = {behavior: count for behavior, count in counts.items() if behavior not in order}
    if others:
        listed = ", ".join(f"{behavior[:40]} {count:,}" for behavior, count in list(others.items())[:10])
        more = ", …" if len(others) > 10 else ""
        notes.append(f"{_rows_of(sum(others.values()))} of other behaviors left out ({listed}{more})")
        marks = ", ".join("?" for _ in order)
        database.execute(f"DELETE FROM events WHERE behavior NOT IN ({marks})", list(order))
    return order, notes, tuple(counts.items())


def _rows(
    database: duckdb.DuckDBPyConnection,
    order: tuple[str, ...],
    given: set[str],
    times: Times | None,
    split_first: bool,
    notes: list[str],
    source: str,
) -> Rows:
    """The rows, numbered; labels in numeric order, then in that of text."""
    database.execute("CREATE TABLE orders (label VARCHAR, code TINYINT)")
    database.executemany("INSERT INTO orders VALUES (?, ?)", [[name, code] for code, name in enumerate(order)])
    for kind in ("user", "item"):
        database.execute(
            f"CREATE OR REPLACE TABLE {kind}s AS SELECT label, (row_number() OVER (ORDER BY try_cast(label AS BIGINT) "
            f"NULLS LAST, label) - 1)::INTEGER AS code FROM (SELECT DISTINCT {kind} AS label FROM events)"
        )
    total = _one(database, "SELECT count(*) FROM events")
    values = {"user": "users.code", "item": "items.code", "behavior": "orders.code"}
    if times:
        values["time"] = times.expression
    if "split" in given:
        values["part"] = _part(database, source)
    grouped = ""
    if "part" not in values and total > _AT_ONCE:  # else duplicates are merged later, as those of a split are
        grouped = "GROUP BY users.code, items.code, orders.code"
        values["time"] = f"min({values['time']})" if times else "NULL"
    # Rows come in no order: what becomes of them does not depend on it.
    pairs: dict[str, Any] = database.execute(
        f"SELECT {', '.join(f'{value} AS {name}' for name, value in values.items())} FROM events "
        "JOIN users ON users.label = events.user JOIN items ON items.label = events.item "
        f"JOIN orders ON orders.label = events.behavior {grouped}"
    ).fetchnumpy()
    attributes, said = _attributes(database, given)
    return Rows(
        user=pairs["user"],
        item=pairs["item"],
        behavior=pairs["behavior"],
        users=_labels(database, "user"),
        items=_labels(database, "item"),
        behaviors=order,
        time=pairs["time"] if times else None,
        clock=times.clock if times else None,
        part=pairs.get("part"),
        duplicates=total - len(pairs["user"]),
        split_first=split_first,
        attributes=attributes,
        notes=(*notes, *said),
    )


def _labels(database: duckdb.DuckDBPyConnection, kind: str) -> NDArray[np.str_]:
    """The labels of users or items by their numbers."""
    # Not as a column, for which DuckDB would import pandas: that takes longer than most sources do.
    found = database.execute(f"SELECT label FROM {kind}s ORDER BY code")
    return np.concatenate(
        [np.array([label for (label,) in rows]) for rows in iter(lambda: found.fetchmany(100_000), [])]
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


def _attributes(database: duckdb.DuckDBPyConnection, given: set[str]) -> tuple[pd.DataFrame | None, list[str]]:
    """A row for each item with the attributes that any item has, None where there are none; and what was left out."""
    there = [name for name in ATTRIBUTES if name in given]
    if not there:
        return None, []
    price, notes = _price(database)
    value = {name: f"left({name}, 300)" for name in there} | {"price": price}
    # An address is shown as an image, so it has to be one of the web.
    value["image"] = "CASE WHEN regexp_matches(image, '^https?://') AND length(image) <= 2000 THEN image END"
    firsts = ", ".join(f"arg_min({value[n]}, rowid) FILTER ({value[n]} IS NOT NULL) AS {n}" for n in there)
    table = database.execute(
        f"SELECT {', '.join(there)} FROM items JOIN (SELECT item, {firsts} FROM events GROUP BY item) "
        "ON item = label ORDER BY code"
    ).df()
    table = table.dropna(axis="columns", how="all")
    return (table if len(table.columns) else None), notes


def _price(database: duckdb.DuckDBPyConnection) -> tuple[str, list[str]]:
    """SQL for a price as a number, with a decimal comma where the column has one; and how many are none."""
    digits = "regexp_replace(price, '[^0-9.,-]', '', 'g')"  # without what stands for the currency
    decimal_comma = _one(database, f"SELECT count(*) FROM events WHERE regexp_matches({digits}, '^[^,]*,\\d{{1,2}}$')")
    if decimal_comma:
        price = f"try_cast(replace(replace({digits}, '.', ''), ',', '.') AS DOUBLE)"
    else:
        price = f"try_cast(regexp_replace({digits}, ',(\\d{{3}})', '\\1', 'g') AS DOUBLE)"
    price = f"coalesce({price if decimal_comma else 'try_cast(price AS DOUBLE)'}, {price})"
    none = _one(database, f"SELECT count(*) FROM events WHERE price IS NOT NULL AND {price} IS NULL")
    notes = ["prices read with a decimal comma"] if decimal_comma else []
    return price, notes + ([f"{none:,} price{'s' * (none != 1)} without a number left out"] if none else [])


def _rows_of(number: int) -> str:
    return f"{number:,} row{'s' * (number != 1)}"


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query returns."""
    row = database.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _a(noun: str) -> str:
    """The noun with its article."""
    return ("an " if noun[0] in "aeio" else "a ") + noun
