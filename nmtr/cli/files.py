"""Files that commands write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from nmtr import files
from nmtr.csv_text import csv_text
from nmtr.errors import ConfigError


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV (see `csv_text`); whole, or ConfigError and not at all."""
    write_text(path, csv_text(rows), "--csv")


def write_blocks(path: Path, blocks: Iterable[Sequence[dict[str, Any]]]) -> int:
    """`write_csv` of rows with the same keys that come in blocks and are not held together; how many there were."""
    written = 0
    with whole(path, "--csv") as file:
        for block in filter(None, blocks):
            text = csv_text(block)
            file.write((text if not written else text.partition("\r\n")[2]).encode())
            written += len(block)
    return written


def write_text(path: Path, text: str, option: str) -> None:
    """Write a file that an option named; whole, or ConfigError and not at all."""
    with whole(path, option) as file:
        file.write(text.encode())


@contextmanager
def export_to(path: Path) -> Iterator[BinaryIO]:
    """A new file for an export, as `whole`; ConfigError where something is there."""
    if path.exists():
        raise ConfigError(f"an export needs a new file; {path} is there: name another, or remove that one first.")
    with whole(path, "an export") as file:
        yield file


@contextmanager
def whole(path: Path, what: str) -> Iterator[BinaryIO]:
    """A file to be written by `what`, which appears once it is; ConfigError where it cannot be, and nothing is left."""
    # A device or a pipe, such as /dev/stdout, can only be written as it is.
    as_it_is = path.exists() and not path.is_file()
    try:
        with path.open("wb") if as_it_is else files.whole(path) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{what} needs a file that can be written; {path} cannot ({error.strerror}).") from None
