"""A log in a database: the rows of one query, streamed to a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import URL, Connection, CursorResult, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, ResourceClosedError
from sqlalchemy.pool import NullPool

from nmtr.data.cells import as_text
from nmtr.data.download import Progress
from nmtr.data.unpack import MAX_BYTES
from nmtr.errors import DataError

_AT_ONCE = 10_000  # rows
_COMMENT = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = re.compile(r"\(*\s*(select|with|values|table)\b", re.IGNORECASE)


def is_database(source: object) -> bool:
    """Whether a source is the address of a database: `postgresql://user@host/name`, `sqlite:///file`."""
    return isinstance(source, str) and bool(re.match(r"(?!https?:)[a-z][a-z0-9+.]+://", source))


def shown(address: str) -> str:
    """What to call a database: its kind, host and name, without what may be secret."""
    url = _url(address)
    name = Path(url.database or "").name if url.get_backend_name() == "sqlite" else url.database
    return f"{url.get_backend_name()}://{url.host or ''}/{name or ''}"


def fetch_rows(address: str, query: str, path: Path, tell: Progress) -> None:
    """Write the rows of a query to a CSV file with its columns as header; nothing in the database is changed.

    Rows come in parts, so memory does not grow with them. `tell` is called after each and may raise to stop it.
    DataError where the database cannot be reached, or refuses the query, or gives more than `MAX_BYTES`.
    """
    _check_reads(query)
    name = shown(address)
    with _connected(address, name) as connection, _refused(name), path.open("w", encoding="utf-8", newline="") as file:
        options = {"stream_results": True, "max_row_buffer": _AT_ONCE, "no_parameters": True}
        with connection.exec_driver_sql(query, execution_options=options) as answer:
            _write(answer, file, name, tell)


def _write(answer: CursorResult[Any], file: TextIO, name: str, tell: Progress) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(answer.keys())
    done = 0
    for rows in answer.partitions(_AT_ONCE):
        writer.writerows(map(_texts, rows))
        done += len(rows)
        tell(f"reading {name}: {done:,} rows", 0.0)
        if file.tell() > MAX_BYTES:
            raise DataError(f"a query can give up to {MAX_BYTES / 2**30:g} GiB; that of {name} gives more.")


def _texts(row: Any) -> list[str]:
    for cell in row:
        if isinstance(cell, bytes | memoryview | list | dict):
            kind = "lists or records" if isinstance(cell, list | dict) else "bytes"
            raise DataError(f"every value of a query must be text, a number or a time; one is {kind}: cast it to text.")
    return [as_text(cell) for cell in row]


def _check_reads(query: str) -> None:
    """DataError where a query would do something else than read."""
    start = query
    while comment := _COMMENT.match(start):
        start = start[comment.end() :]
    if not _READS.match(start):
        got = " ".join(query.split())[:60] or "none"
        raise DataError(f"a query must read: SELECT user, item, behavior, time FROM …; got {got}.")


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise DataError(
            "a database's address must be KIND://USER:PASSWORD@HOST/NAME, as postgresql://me@localhost/shop; what was "
            "given is not: signs such as @ and / in a password are written %40 and %2F."
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


@contextmanager
def _connected(address: str, name: str) -> Iterator[Connection]:
    """A connection that changes nothing."""
    url = _url(address)
    if url.get_backend_name() == "sqlite":  # which would make a file that is not there
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    try:
        engine = create_engine(url, poolclass=NullPool)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else url.drivername
        raise DataError(f"{name} needs a driver that is not installed ({missing}): install it with pip.") from None
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise DataError(
            f"{name} must be reachable to be read, but is not ({_reason(error)}): check its address, user and password."
        ) from None
    with connection:  # and is rolled back
        if url.get_backend_name() == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        yield connection


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """What a database says of a query, as a sentence."""
    try:
        yield
    except (DBAPIError, ResourceClosedError) as error:
        raise DataError(f"{name} must be able to answer the query; it says: {_reason(error)}.") from None


def _reason(error: DBAPIError | ResourceClosedError) -> str:
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return " ".join(said.split())[:300].rstrip(".")
