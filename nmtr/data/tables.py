"""Files with a row an event, as tables of a DuckDB database: text with any delimiter, or Parquet."""

from __future__ import annotations

import codecs
import csv
import errno
import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_LINE = 2_000_000  # bytes


@dataclass(frozen=True)
class Table:
    """A file as it is: `query` selects all its rows, with columns c0, c1, … whatever they are called."""

    names: tuple[str, ...]  # as the file has them; some may be empty, or the same
    types: tuple[str, ...]  # as DuckDB calls them
    query: str


def open_table(database: duckdb.DuckDBPyConnection, file: File) -> Table:
    """A file as a table; DataError where it is neither text in UTF-8 nor Parquet."""
    path = _quoted(glob.escape(str(file.path)))  # DuckDB takes a path for a pattern
    if file.is_parquet:
        try:
            names = tuple(pq.read_schema(file.path).names)
        except (pa.ArrowException, OSError) as error:
            raise _no_table(file) from error
        query = f"SELECT * FROM read_parquet({path})"
    else:
        delimiter, names = _header(file)
        columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(names)))
        query = (
            f"SELECT * FROM read_csv({path}, columns = {{{columns}}}, auto_detect = false, header = true, "
            f"sep = {_quoted(delimiter)}, quote = '\"', escape = '\"', max_line_size = {MAX_LINE})"
        )
    query = f"SELECT * FROM ({query}) AS file({', '.join(f'c{number}' for number in range(len(names)))})"
    with reported(file):
        types = tuple(str(kind) for kind in database.sql(query).types)
    return Table(names, types, query)


@contextmanager
def reported(file: File) -> Iterator[None]:
    """Turns what DuckDB says of a file into one sentence; MemoryError and OSError where the machine is too small."""
    try:
        yield
    except duckdb.Error as error:
        raise _shortage(error) or _malformed(file, error) from error


@contextmanager
def shortage_reported() -> Iterator[None]:
    """Turns what DuckDB says where memory or its folder's disk is too small into MemoryError and OSError."""
    try:
        yield
    except duckdb.Error as error:
        raise _shortage(error) or error from error


def _shortage(error: duckdb.Error) -> Exception | None:
    said = str(error)
    if "max_temp_directory_size" in said or "No space left" in said or "File too large" in said:
        return OSError(errno.ENOSPC, "No space left on device")
    if isinstance(error, duckdb.OutOfMemoryException) or "bad_alloc" in said or "allocate" in said:
        return MemoryError(said)
    return None


def _malformed(file: File, error: duckdb.Error) -> DataError:
    said = str(error)
    number = re.search(r"on Line: (\d+)", said)
    where = f"line {number[1]}" if number else "one"
    if "Maximum line size" in said or (number and len(said) > MAX_LINE):
        return DataError(
            f"every line of {file.name} can have up to {MAX_LINE // 1_000_000} MB; {where} has more: if a quote was "
            "opened there and not closed, close it."
        )
    if columns := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said):
        return DataError(
            f"every line of {file.name} must have the header's {columns[1]} columns; {where} has {columns[2]}."
        )
    if "quote" in said and number:
        return DataError(f"every quoted value of {file.name} must have closed quotes; {where} has one that has not.")
    if number:
        return DataError(f"every line of {file.name} must be a row of its table; {where} is not.")
    return _no_table(file)


def _no_table(file: File) -> DataError:
    return DataError(f"{file.name} must be a whole CSV, TSV or Parquet file; it cannot be read as one.")


def _header(file: File) -> tuple[str, tuple[str, ...]]:
    """The delimiter and the column names of a text file; DataError where it is no UTF-8 text."""
    _check_text(file)
    with file.path.open(encoding="utf-8-sig", newline="") as text:
        line = text.readline(1 << 16)
    delimiter = max(",\t;|", key=line.count)
    header = next(csv.reader([line], delimiter=delimiter), [])
    if not header:
        raise DataError(f"{file.name} must begin with a header line such as user,item,behavior; it is empty.")
    return delimiter, tuple(name.strip() for name in header)


def _check_text(file: File) -> None:
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


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
