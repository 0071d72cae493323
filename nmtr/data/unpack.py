"""From a path to plain files: folders listed, zip and gzip unpacked within limits, kinds told by content."""

from __future__ import annotations

import gzip
import uuid
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nmtr.data.sheets import is_spreadsheet, write_csv
from nmtr.data.staging import FULL
from nmtr.errors import DataError

MAX_BYTES = 4 << 30  # of all files together, unpacked
MAX_FILES = 100
_ZIP, _GZIP, _PARQUET, _PICKLE, _OLE = b"PK", b"\x1f\x8b", b"PAR1", b"\x80", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class File:
    """One plain file of a source."""

    name: str  # what the source calls it, folders included; to be shown, never made into a path
    path: Path  # where its bytes are

    @property
    def is_parquet(self) -> bool:
        return _head(self.path).startswith(_PARQUET)


def unpacked(path: Path, source: str, scratch: Path) -> list[File]:
    """The files of a file, folder or archive, sorted by name.

    `source` is what to call it; what is unpacked is written to the folder `scratch`, and is the caller's to remove.

    DataError where there are none, where they are too many or too large, or an archive is damaged; OSError where
    the disk of `scratch` is full. Hidden files and accompanying texts (README, LICENSE, *.md) are passed over.
    """
    try:
        files = _Unpacker(scratch, source).files(path)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise DataError(f"{source} must be readable, but is not: {error.strerror or error}.") from None
    if not files:
        raise DataError(f"{source} must hold events or interactions, but there is no such file in it.")
    return sorted(files, key=lambda file: file.name)


class _Unpacker:
    """Writes what it unpacks to a scratch folder, under names of its own, and keeps count."""

    def __init__(self, scratch: Path, source: str) -> None:
        self._scratch, self._source = scratch, source
        self._files = self._bytes = 0

    def files(self, path: Path) -> list[File]:
        if path.is_dir():
            return self._listed(path)
        if not path.is_file():
            raise DataError(f"a data set's source must be a file or folder; {path} is neither.")
        if _head(path).startswith(_ZIP) and not _is_sheet(path):
            return self._unzipped(path)
        return [self._plain(self._source, path)]

    def _listed(self, folder: Path) -> list[File]:
        files = []
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and _wanted(name):
                self._count(files=1, size=path.stat().st_size)
                files.append(self._plain(name, path))
        return files

    def _unzipped(self, path: Path) -> list[File]:
        files = []
        try:
            with zipfile.ZipFile(path) as archive:
                _check_kind(archive.namelist(), self._source)
                for member in archive.infolist():
                    if not member.is_dir() and _wanted(member.filename):
                        self._count(files=1)
                        with archive.open(member) as stream:
                            files.append(self._plain(member.filename, self._written(stream)))
        # RuntimeError is how zipfile says that a password is needed.
        except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
            raise _damaged(self._source, "zip", error) from None
        return files

    def _plain(self, name: str, path: Path) -> File:
        """The file itself, or what it holds if it is gzipped."""
        head = _head(path)
        if head.startswith(_OLE) or (head.startswith(_ZIP) and _is_sheet(path)):
            return self._sheet(name, path)
        if head.startswith(_ZIP):
            with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
                _check_kind(archive.namelist(), name)
            raise DataError(f"{name} must be unpacked first: an archive inside {self._source} is not read.")
        if head.startswith(_PICKLE) and name.lower().endswith((".pkl", ".pickle")):
            raise DataError(
                f"{name} must be a table; it is a Python pickle, which is never read, since it could run anything: "
                "save its pairs as CSV or Parquet with the columns user,item,behavior."
            )
        if not head.startswith(_GZIP):
            return File(name, path)
        try:
            with gzip.open(path) as stream:
                return File(name.removesuffix(".gz"), self._written(stream))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged(name, "gzip", error) from None

    def _sheet(self, name: str, path: Path) -> File:
        target = self._scratch / uuid.uuid4().hex
        sheet = write_csv(path, name, target)
        self._count(size=target.stat().st_size)
        return File(f"{name} ({sheet})", target)

    def _written(self, stream: IO[bytes] | gzip.GzipFile) -> Path:
        path = self._scratch / uuid.uuid4().hex
        with path.open("wb") as file:
            while chunk := stream.read(1 << 20):
                # Counted as it comes: what an archive says of its size may be a lie.
                self._count(size=len(chunk))
                file.write(chunk)
        return path

    def _count(self, files: int = 0, size: int = 0) -> None:
        self._files += files
        self._bytes += size
        if self._files > MAX_FILES:
            raise DataError(f"a data set's source can have up to {MAX_FILES} files; {self._source} has more.")
        if self._bytes > MAX_BYTES:
            raise DataError(
                f"a data set's source can have up to {MAX_BYTES / 2**30:g} GiB unpacked; {self._source} has more."
            )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _is_sheet(path: Path) -> bool:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return is_spreadsheet(archive)
    return False


def _check_kind(members: list[str], name: str) -> None:
    """DataError where a zip is no archive of files but a document of another program, by what it holds."""
    if {"[Content_Types].xml", "META-INF/manifest.xml", "content.xml"} & {*members}:
        raise DataError(f"{name} is an office document; save the table as CSV and add that.")
    if members and all(member.endswith(".npy") for member in members):
        raise DataError(
            f"{name} must be a table; it holds NumPy arrays, which do not say what they are: save its pairs as CSV or "
            "Parquet with the columns user,item,behavior."
        )


def _wanted(name: str) -> bool:
    """Whether a file may hold data, by its name inside the source: Spark's own begin with _."""
    *folders, file = name.split("/")
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in (*folders, file))
    hidden = hidden or file.startswith("_")
    accompanying = file.lower().startswith(("readme", "license", "licence")) or file.lower().endswith(".md")
    return not hidden and not accompanying


def _damaged(name: str, kind: str, error: Exception) -> DataError:
    return DataError(f"{name} must be a whole {kind} file, but is cut off, damaged or locked ({error}); get it again.")
