"""What a file is, by its first bytes: how to open what is packed, and what to do with what is no table."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

from nmtr.errors import DataError

HEAD = 512  # bytes that tell
ZIP, PARQUET, OLE = b"PK", b"PAR1", b"\xd0\xcf\x11\xe0"
UTF16 = (b"\xff\xfe", b"\xfe\xff")

_PACKED: dict[bytes, tuple[str, str, Callable[[Path], BufferedIOBase]]] = {
    b"\x1f\x8b": ("gzip", ".gz", gzip.GzipFile),
    b"BZh": ("bzip2", ".bz2", bz2.BZ2File),
    b"\xfd7zXZ": ("xz", ".xz", lzma.LZMAFile),
}
#: What they raise where the file is damaged.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, ValueError)

_UNPACK = "unpack it first"
_SAVE = "save its pairs as CSV or Parquet with the columns user,item,behavior"
_LAST = "save the table as CSV and add that"
_OTHERS = (
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", _UNPACK),
    (b"\x04\x22\x4d\x18", "packed by lz4", _UNPACK),
    (b"SQLite format 3", "a whole database", _LAST),
    (b"%PDF", "a PDF document", _LAST),
    (b"\x89PNG", "an image", _LAST),
    (b"\xff\xd8\xff", "an image", _LAST),
    (b"\x93NUMPY", "a NumPy array, which does not say what it is", _SAVE),
    (b"\x89HDF", "an HDF5 file", _SAVE),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"Obj\x01", "an Avro file", "save it as Parquet"),
    (b"ORC", "an ORC file", "save it as Parquet"),
    (b"version https://git-lfs", "a Git LFS pointer, which is there in place of the file", "get it by git lfs pull"),
    (b"<!doctype", "a web page", "the address may ask for a login; get the file itself"),
    (b"<html", "a web page", "the address may ask for a login; get the file itself"),
)


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def packing(head: bytes) -> tuple[str, str, Callable[[Path], BufferedIOBase]] | None:
    """How a single file is packed, its suffix, and what opens it; None where it is not."""
    return next((way for mark, way in _PACKED.items() if head.startswith(mark)), None)


def check_kind(head: bytes, name: str) -> None:
    """DataError where a file is no table, with what it is and what to do."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, what, way_out in _OTHERS:
        if head.startswith(mark) or start.startswith(mark):
            raise DataError(f"{name} must be a table; it is {what}: {way_out}.")
    if head.startswith(b"\x80") and name.lower().endswith((".pkl", ".pickle")):
        raise DataError(
            f"{name} must be a table; it is a Python pickle, which is never read, since it could run anything: {_SAVE}."
        )


def check_members(members: list[str], name: str) -> None:
    """DataError where a zip is no archive of files but a document of another program, by what it holds."""
    if {"[Content_Types].xml", "META-INF/manifest.xml", "content.xml"} & {*members}:
        raise DataError(f"{name} is an office document; {_LAST}.")
    if members and all(member.endswith(".npy") for member in members):
        raise DataError(f"{name} must be a table; it holds NumPy arrays, which do not say what they are: {_SAVE}.")
