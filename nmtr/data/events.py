"""Events `user, item, behavior[, time][, split]`, one a row, from CSV, TSV or Parquet files."""

from __future__ import annotations

import codecs
import csv
import glob
import re
import tempfile
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nmtr.data.assemble import TEST, TRAIN, VALID, Rows
from nmtr.data.behaviors import order_behaviors
from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_ROWS = 50_000_000
MAX_LABEL = 200  # characters
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
    files: Sequence[File], behaviors: Sequence[str] | None, columns: Mapping[str, str] | None, source: str
) -> Rows:
    """The rows of event files, taken together.

    `columns` maps user, item, behavior, time, split, title, category, price or image to a column's name. Labels
    are text: a whole number is its digits. An item's attributes are those of its first row that has them.
    DataError where a file is malformed.
    """
    columns = dict(columns or {})
    for key in columns:
        if key not in NAMES:
            raise DataError(f"--columns can name {', '.join(NAMES)}; got {key}.")
    # What does not fit into memory goes to the system's scratch folder, not to the current one.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "temp_directory": tempfile.gettempdir(),
    }
    with duckdb.connect(":memory:", config=settings) as database:
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
    # DuckDB takes a path for a pattern.
    path = glob.escape(str(file.path))
    try:
        if file.is_parquet:
            table = database.read_parquet(path)
        else:
            delimiter, header = _header(file)
            table = database.read_csv(
                path,
                columns=dict.fromkeys(header, "VARCHAR"),
                auto_detect=False,
                header=True,
                sep=delimiter,
                quotechar='"',
                escapechar='"',
            )
        found = _find(table.columns, columns, file)
        types = dict(zip(table.columns, map(str, table.types), strict=True))
        values = ", ".join(_text(found[name], types[found[name]]) for name in found)
        table.create_view("file", replace=True)
        database.execute(f"INSERT INTO events ({', '.join(found)}) SELECT {values} FROM file")
    except duckdb.Error as error:
        raise _malformed(file, error) from None
    return set(found)


def _find(names: Sequence[str], columns: Mapping[str, str], file: File) -> dict[str, str]:
    """The file's name of each column that it has."""
    by_lower = {name.strip().lower(): name for name in reversed(names)}
    found = {}
    for column, accepted in NAMES.items():
        wanted = [columns[column]] if column in columns else accepted
        there = [by_lower[name.lower()] for name in wanted if name.lower() in by_lower]
        if there:
            found[column] = there[0]
        elif column in _REQUIRED or column in columns:
            raise DataError(
                f"{file.name} must have a column {wanted[0]}; it has {', '.join(names)[:300]}: "
                f"say which one it is with --columns {column}=NAME."
            )
    return found


def _text(column: str, kind: str) -> str:
    """SQL for a column as text without surrounding blanks, NULL where nothing is written."""
    name = '"' + column.replace('"', '""') + '"'
    if kind in ("FLOAT", "DOUBLE"):
        # A table with gaps stores whole ids as 1.0: their text is 1.
        whole = f"CASE WHEN {name} = trunc({name}) AND abs({name}) < 1e18 THEN {name}::BIGINT::VARCHAR END"
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
    pairs = database.execute(
        f"SELECT users.code AS user, items.code AS item, orders.code AS behavior, {_time(database, source)} AS time, "
        "lower(split) AS split FROM events JOIN users ON users.label = events.user "
        "JOIN items ON items.label = events.item JOIN orders ON orders.label = events.behavior "
        "ORDER BY events.rowid"
    ).df()
    labels = {
        kind: np.array(database.execute(f"SELECT label FROM {kind}s ORDER BY code").df()["label"], dtype=np.str_)
        for kind in ("user", "item")
    }
    return Rows(
        user=pairs["user"].to_numpy(np.int32),
        item=pairs["item"].to_numpy(np.int32),
        behavior=pairs["behavior"].to_numpy(np.int8),
        users=labels["user"],
        items=labels["item"],
        behaviors=order,
        time=None if pairs["time"].isna().all() else pairs["time"].to_numpy(np.float64),
        part=_parts(pairs["split"], source) if "split" in given else None,
        attributes=_attributes(database, given),
    )


def _time(database: duckdb.DuckDBPyConnection, source: str) -> str:
    """SQL for an event's time as a number: as it is, or of a date; NULL throughout where there are no times."""
    written = _one(database, "SELECT count(time) FROM events")
    if not written:
        return "NULL::DOUBLE"
    total = _one(database, "SELECT count(*) FROM events")
    number, date = "try_cast(events.time AS DOUBLE)", "epoch(try_cast(events.time AS TIMESTAMP))"
    for expression in (number, date):
        if _one(database, f"SELECT count(*) FROM events WHERE isfinite({expression})") == total:
            return expression
    bad = database.execute(
        f"SELECT rowid + 1, time FROM events WHERE {number} IS NULL AND {date} IS NULL ORDER BY rowid LIMIT 1"
    ).fetchone()
    row, value = bad or (1, "numbers and dates, mixed")
    raise DataError(
        f"every event needs a time that is a number or a date, all of one kind; event {row:,} of {source} has "
        f"{'none' if value is None else str(value)[:40]}."
    )


def _parts(split: pd.Series[str], source: str) -> NDArray[np.int8]:
    """(n,) the part of each row."""
    parts = split.map(_SPLITS)
    if parts.isna().any():
        bad = split[parts.isna()].iloc[0]
        shown = "nothing" if pd.isna(bad) else str(bad)[:40]
        raise DataError(f"the split column must say train, valid or test in every row; {source} has {shown}.")
    return parts.to_numpy().astype(np.int8)


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


def _header(file: File) -> tuple[str, list[str]]:
    """The delimiter and the column names of a text file; DataError where it is no UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with file.path.open("rb") as stream:
        try:
            while chunk := stream.read(1 << 20):
                if b"\0" in chunk:
                    raise DataError(
                        f"{file.name} must be text (CSV or TSV in UTF-8) or Parquet; it holds other binary data."
                    )
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise DataError(f"{file.name} must be text in UTF-8 or Parquet; it is neither: save it as UTF-8.") from None
    with file.path.open(encoding="utf-8-sig", newline="") as text:
        line = text.readline(1 << 16)
    delimiter = max(",\t;|", key=line.count)
    header = next(csv.reader([line], delimiter=delimiter), [])
    if not header:
        raise DataError(f"{file.name} must begin with a header line such as user,item,behavior; it is empty.")
    if len(set(header)) < len(header):
        raise DataError(f"the columns of {file.name} must have names of their own; got {', '.join(header)[:300]}.")
    return delimiter, header


def _malformed(file: File, error: duckdb.Error) -> DataError:
    """What DuckDB says about a file, in one sentence."""
    line = re.search(r"on Line: (\d+)", str(error))
    if line:
        return DataError(
            f"every line of {file.name} must have the header's columns and closed quotes; line {line[1]} has not."
        )
    return DataError(f"{file.name} must be a whole CSV, TSV or Parquet file; it cannot be read as one.")


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query returns."""
    row = database.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _a(noun: str) -> str:
    """The noun with its article."""
    return ("an " if noun[0] in "aeio" else "a ") + noun
