"""From a path to plain files: folders listed, zip and gzip unpacked within limits, kinds told by content."""

from __future__ import annotations

import uuid
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from nmtr.data.kinds import DAMAGE, OLE, PARQUET, UTF16, ZIP, check_kind, check_members, head_of, packing
from nmtr.data.sheets import is_spreadsheet, write_csv
from nmtr.data.staging import FULL
from nmtr.errors import DataError

MAX_BYTES = 4 << 30  # of all files together, unpacked
MAX_FILES = 100


@dataclass(frozen=True)
class File:
    """One plain file of a source."""

    name: str  # what the source calls it, folders included; to be shown, never made into a path
    path: Path  # where its bytes are

    @property
    def is_parquet(self) -> bool:
        return head_of(self.path).startswith(PARQUET)


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
        if head_of(path).startswith(ZIP) and not _is_sheet(path):
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
                check_members(archive.namelist(), self._source)
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
        """The file itself, or what it holds if it is packed, written anew where it is a spreadsheet or in UTF-16."""
        head = head_of(path)
        if head.startswith(OLE) or (head.startswith(ZIP) and _is_sheet(path)):
            return self._sheet(name, path)
        if head.startswith(ZIP):
            with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
                check_members(archive.namelist(), name)
            raise DataError(f"{name} must be unpacked first: an archive inside {self._source} is not read.")
        if head.startswith(UTF16):
            return self._transcoded(name, path)
        check_kind(head, name)
        packed = packing(head)
        if packed is None:
            return File(name, path)
        kind, suffix, opened = packed
        try:
            with opened(path) as stream:
                return File(name.removesuffix(suffix), self._written(stream))
        except OSError as error:
            if error.errno is not None:  # not of the packing, but of the disk
                raise
            raise _damaged(name, kind, error) from None
        except DAMAGE as error:
            raise _damaged(name, kind, error) from None

    def _transcoded(self, name: str, path: Path) -> File:
        """A text in UTF-16, as spreadsheets save "Unicode text", in UTF-8."""
        target = self._scratch / uuid.uuid4().hex
        try:
            with (
                path.open(encoding="utf-16", newline="") as text,
                target.open("w", encoding="utf-8", newline="") as copy,
            ):
                while chunk := text.read(1 << 20):
                    self._count(size=len(chunk))
                    copy.write(chunk)
        except UnicodeDecodeError:
            raise DataError(f"{name} must be text in UTF-8; it is damaged UTF-16: save it as UTF-8.") from None
        return File(name, target)

    def _sheet(self, name: str, path: Path) -> File:
        target = self._scratch / uuid.uuid4().hex
        sheet = write_csv(path, name, target)
        self._count(size=target.stat().st_size)
        return File(f"{name} ({sheet})", target)

    def _written(self, stream: IO[bytes] | BufferedIOBase) -> Path:
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


def _is_sheet(path: Path) -> bool:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return is_spreadsheet(archive)
    return False


def _wanted(name: str) -> bool:
    """Whether a file may hold data, by its name inside the source: Spark's own begin with _."""
    *folders, file = name.split("/")
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in (*folders, file))
    hidden = hidden or file.startswith("_")
    accompanying = file.lower().startswith(("readme", "license", "licence")) or file.lower().endswith(".md")
    return not hidden and not accompanying


def _damaged(name: str, kind: str, error: Exception) -> DataError:
    return DataError(f"{name} must be a whole {kind} file, but is cut off, damaged or locked ({error}); get it again.")
