"""Files with a row an event, as tables of a DuckDB database: text with any delimiter, or Parquet."""

from __future__ import annotations

import codecs
import csv
import errno
import glob
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_LINE = 2_000_000  # bytes
_DELIMITERS = ",\t;|"
_SAMPLE = 20  # rows
_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Table:
    """A file as it is: `query` selects all its rows, with columns c0, c1, … whatever they are called."""

    names: tuple[str, ...]  # as the file has them, or their places from 1; some may be empty, or the same
    types: tuple[str, ...]  # as DuckDB calls them
    query: str
    header: bool = True  # whether the file names its columns
    sample: tuple[tuple[str, ...], ...] = ()  # the first rows, as text; empty where nothing is written


@dataclass(frozen=True)
class _Text:
    """How a text file is written."""

    delimiter: str
    first: tuple[str, ...]  # the values of its first line
    second: tuple[str, ...]
    skip: int  # lines before the first


def open_table(
    database: duckdb.DuckDBPyConnection,
    file: File,
    scratch: Path,
    has_header: Callable[[Sequence[str], Sequence[str]], bool],
    delimiter: str | None = None,
) -> Table:
    """A file as a table; DataError where it is neither text in UTF-8 (CSV, TSV, JSON lines) nor Parquet.

    `delimiter` is what stands between its values, where that was said. `has_header` tells by the first two lines of a
    text whether the first names its columns. A text with line ends of several kinds is written anew to the folder
    `scratch`.
    """
    header = True
    if file.is_parquet:
        try:
            names = tuple(pq.read_schema(file.path).names)
        except (pa.ArrowException, OSError) as error:
            raise _no_table(file) from error
        query = f"SELECT * FROM read_parquet({_path(file.path)})"
    elif _is_json(file):
        names, query = _json(database, file)
    else:
        path = file.path if _check_text(file) else _one_line_end(file, scratch)
        text = _look(file, delimiter)
        header = has_header(text.first, text.second)
        names = text.first if header else tuple(str(place) for place in range(1, len(text.first) + 1))
        columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(names)))
        query = (
            f"SELECT * FROM read_csv({_path(path)}, columns = {{{columns}}}, auto_detect = false, header = {header}, "
            f"skip = {text.skip}, sep = {_quoted(text.delimiter)}, quote = '\"', escape = '\"', "
            f"max_line_size = {MAX_LINE})"
        )
    query = f"SELECT * FROM ({query}) AS file({', '.join(f'c{number}' for number in range(len(names)))})"
    with reported(file):
        types = tuple(str(kind) for kind in database.sql(query).types)
        rows = database.execute(f"SELECT COLUMNS(*)::VARCHAR FROM ({query}) LIMIT {_SAMPLE}").fetchall()
    return Table(names, types, query, header, tuple(tuple(value or "" for value in row) for row in rows))


@contextmanager
def watched(database: duckdb.DuckDBPyConnection, tell: Callable[[float], None]) -> Iterator[None]:
    """Tells the share of a query that is done, from 0 to 1, several times a second while it runs."""
    over = Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            if (done := database.query_progress()) > 0:  # -1 where DuckDB does not know
                tell(min(done / 100, 1.0))

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
    if refused := re.search(r"(every \w+ of .* must .*\.)", said):  # by `error(…)` in a query of ours
        return DataError(refused[1])
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
    return DataError(f"{file.name} must be a whole CSV, TSV, JSON or Parquet file; it cannot be read as one.")


def _is_json(file: File) -> bool:
    with file.path.open("rb") as stream:
        return stream.read(1 << 10).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _json(database: duckdb.DuckDBPyConnection, file: File) -> tuple[tuple[str, ...], str]:
    """The columns of JSON lines, or of a list of records, and a query of them as text.

    Where a record has one list of records, as a session has of its events, each of those is a row. DataError where the
    records hold other lists.
    """
    _check_text(file)
    read = f"read_json({_path(file.path)}, format = 'auto', records = true"
    with reported(file):
        found = database.sql(f"SELECT * FROM {read})")
        types = dict(zip(found.columns, found.types, strict=True))
    columns: dict[str, str] = {}
    inner: list[tuple[str, list[str]]] = []
    for name, kind in types.items():
        if kind.id == "list" and kind.child.id == "struct":
            fields = [str(field[0]) for field in kind.child.children]
            inner.append((name, fields))
            columns[name] = f"STRUCT({', '.join(f'{_name(field)} VARCHAR' for field in fields)})[]"
        elif kind.id in ("list", "map", "struct", "json"):
            raise DataError(
                f"every record of {file.name} must be an event, or a list of events; {name[:40]} holds other lists or "
                "records: write a row an event, with the columns user,item,behavior."
            )
        else:
            columns[name] = "VARCHAR"
    if len(inner) > 1:
        raise DataError(f"every record of {file.name} can have one list of events; it has {len(inner)}.")
    given = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in columns.items())
    names = [name for name in columns if not any(name == listed for listed, _ in inner)]
    selected = [_name(name) for name in names]
    for listed, fields in inner:
        names += fields
        selected.append(f"unnest({_name(listed)}, recursive := true)")
    return tuple(names), f"SELECT {', '.join(selected)} FROM {read}, columns = {{{given}}})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _look(file: File, named: str | None) -> _Text:
    """How a text file is written, by its first lines; `named` is its delimiter, if that was said."""
    with file.path.open(encoding="utf-8-sig", newline="") as text:
        lines = [text.readline(1 << 16).rstrip("\r\n") for _ in range(3)]
    skip, delimiter = 0, (named or "").replace("\\t", "\t")
    if excel := re.fullmatch(r"sep=(.)", lines[0], re.IGNORECASE):
        skip, delimiter = 1, delimiter or excel[1]
    first, second = lines[skip : skip + 2]
    if not delimiter:
        delimiter = "::" if first.count("::") > 1 else max(_DELIMITERS, key=first.count)
    if delimiter not in first and " " in first and not named:
        delimiter = " "
    if not first:
        raise DataError(f"{file.name} must begin with a header line such as user,item,behavior; it is empty.")
    return _Text(delimiter, _values(first, delimiter), _values(second, delimiter), skip)


def _values(line: str, delimiter: str) -> tuple[str, ...]:
    values = line.split(delimiter) if len(delimiter) > 1 else next(csv.reader([line], delimiter=delimiter), [])
    return tuple(value.strip() for value in values)


def _check_text(file: File) -> bool:
    """Whether a file's lines end in one way; DataError where it is no text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    both = newlines = 0
    last = b""
    with file.path.open("rb") as stream:
        try:
            while chunk := stream.read(1 << 20):
                if b"\0" in chunk:
                    raise DataError(
                        f"{file.name} must be text (CSV or TSV in UTF-8) or Parquet; it holds other binary data."
                    )
                decoder.decode(chunk)
                newlines += chunk.count(b"\n")
                both += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
                last = chunk[-1:]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise DataError(f"{file.name} must be text in UTF-8 or Parquet; it is neither: save it as UTF-8.") from None
    return both in (0, newlines)


def _one_line_end(file: File, scratch: Path) -> Path:
    """A copy of a text whose lines all end in a newline; what is quoted stays as it is."""
    path = scratch / uuid.uuid4().hex
    quoted = False
    with file.path.open("rb") as text, path.open("wb") as copy:
        while chunk := text.read(1 << 20):
            if chunk.endswith(b"\r"):
                chunk += text.read(1)
            pieces = chunk.split(b'"')
            for number, piece in enumerate(pieces):
                pieces[number] = piece if quoted == (number % 2 == 0) else piece.replace(b"\r\n", b"\n")
            quoted ^= len(pieces) % 2 == 0
            copy.write(b'"'.join(pieces))
    return path


def _path(path: Path) -> str:
    return _quoted(glob.escape(str(path)))  # DuckDB takes a path for a pattern


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
