"""Published data sets: which files they are made of, known by git's blob ids, and how they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nmtr.data.assemble import assemble
from nmtr.data.dataset import Dataset
from nmtr.data.lines import read_lines
from nmtr.data.unpack import File
from nmtr.errors import DataError

_LARGEST = 1 << 26  # bytes of a published file
_ADDRESS = "https://raw.githubusercontent.com"  # NMTR_MIRROR names another that serves the same paths


@dataclass(frozen=True)
class Published:
    """One file of a published data set, known by git's blob id of its content."""

    path: str  # inside the entry's folder
    behavior: str
    blobs: tuple[str, ...]  # the one that is fetched first, then others of the same pairs
    needed: bool = True  # whether the data set can be made without it

    @property
    def name(self) -> str:
        """The path with its folder in the name: a local copy may be stored either way."""
        return self.path.replace("/", "_")


@dataclass(frozen=True)
class Entry:
    """A data set that can be added by its name."""

    name: str
    title: str
    description: str
    behaviors: tuple[str, ...]  # lowest first; all that it can have
    users: int
    items: int
    licence: str = "not stated"
    files: tuple[Published, ...] = ()
    repository: str | None = None  # owner/name@commit/folder; None where it cannot be fetched
    remark: str = ""

    @property
    def source(self) -> str:
        """What to name as its origin."""
        return f"github.com/{self.repository}" if self.repository else "a local copy"

    def address(self, file: Published) -> str:
        """Where a file is fetched from."""
        if self.repository is None:
            raise ValueError(f"{self.name} cannot be fetched")
        base = os.environ.get("NMTR_MIRROR", _ADDRESS).rstrip("/")
        return f"{base}/{self.repository.replace('@', '/')}/{file.path}"


def blob_id(path: Path) -> str:
    """Git's blob id of a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def recognized(files: Sequence[File], known: Mapping[str, str]) -> tuple[str, ...]:
    """What to say where files are published ones, whatever they are called; `known` is blob id -> whose file it is."""
    found: dict[str, list[str]] = {}
    for file in files:
        if known and file.path.stat().st_size <= _LARGEST and (owner := known.get(blob_id(file.path))):
            found.setdefault(owner, []).append(file.name)
    return tuple(f"{', '.join(names)} as published with {owner}" for owner, names in found.items())


def read_published(entry: Entry, files: Sequence[File], behaviors: Sequence[str] | None) -> Dataset:
    """The data set of an entry's own files."""
    rows = read_lines(files, behaviors, entry.name, entry.items)
    return assemble(rows, name=entry.name, source=entry.source, licence=entry.licence, remark=entry.remark)


def own_files(entry: Entry, files: Sequence[File], source: str, behaviors: Sequence[str] | None = None) -> list[File]:
    """Those of the given files that are the entry's, each checked; DataError where one is missing or another.

    Those of other behaviors than are asked for may be missing.
    """
    paths = {PurePosixPath(file.name): file for file in files}
    by_name = {path.name: file for path, file in paths.items()}
    by_name |= {"_".join(path.parts[-2:]): file for path, file in paths.items()}
    own = []
    for published in entry.files:
        file = by_name.get(published.name)
        asked_for = behaviors is None or published.behavior in behaviors
        if file is not None:
            check_content(entry, published, file.path, file.name)
            own.append(File(published.name, file.path))
        elif published.needed and asked_for:
            needed = ", ".join(p.path for p in entry.files if p.needed)
            raise DataError(
                f"{entry.name} needs its own files {needed}; {source} has no {published.path}: "
                "give their folder, or choose another name for other data."
            )
    return own


def check_content(entry: Entry, published: Published, path: Path, shown: str) -> None:
    """DataError where a file is not the entry's."""
    found = blob_id(path)
    if found not in published.blobs:
        raise DataError(
            f"{shown} must be {entry.name}'s {published.path} as published (git blob {published.blobs[0][:12]}); "
            f"its content is another ({found[:12]}): get it again, or choose another name for other data."
        )
