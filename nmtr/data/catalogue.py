"""The data sets that can be added by name, and the one way to add any data set to a library."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from nmtr.data.assemble import assemble
from nmtr.data.dataset import Dataset
from nmtr.data.demo import generate
from nmtr.data.download import Progress, download
from nmtr.data.importing import read
from nmtr.data.library import Library, check_name
from nmtr.data.lines import read_lines
from nmtr.data.unpack import File, unpacked
from nmtr.errors import DataError

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


_ENTRIES = (
    Entry(
        name="demo",
        title="Demo shop",
        description="An invented shop of baby and household products, with a planted funnel from view to buy.",
        behaviors=("view", "cart", "buy"),
        users=2_000,
        items=800,
    ),
    Entry(
        name="beibei",
        title="Beibei",
        description="The NMTR paper's data of a Chinese shop for maternity and baby products. Views are fetched; "
        "a local folder without pv.txt gives carts and purchases.",
        behaviors=("view", "cart", "buy"),
        users=21_716,
        items=7_977,
        repository="chenchongthu/GHCF@5ca2d693410c90721a980bab609bfab140fa30b1/Data/Beibei",
        files=(
            Published("pv.txt", "view", ("856fa9c2c97edd68f2ab7e630274c6582f5d1e03",), needed=False),
            Published("cart.txt", "cart", ("9bf731c9857847ff0e3f6b5f2aeaf81c6f970bcf",)),
            Published("train.txt", "buy", ("b676c41a780106e6041a8aebe20712b4289bafe6",)),
            Published("test.txt", "buy", ("1a6a854f05b2ee44d25bcbe16e3814d6995634a5",)),
        ),
    ),
    Entry(
        name="tmall",
        title="Tmall",
        description="Views, carts and purchases of a large Chinese marketplace, as used by MB-CGCN.",
        behaviors=("view", "cart", "buy"),
        users=15_449,
        items=11_953,
        repository="SS-00-SS/MBCGCN@931f9c103817cdfa280353c506f4e3cb08306a1c/Data",
        files=(
            Published(
                "view/train.txt",
                "view",
                # The second holds the same pairs with each user's items sorted.
                ("dede34ac488b9302c596cc0695c51dcabdd001ba", "9502178f0aa9a3d3c4b5eab15134cb346e3b8279"),
            ),
            Published("cart/train.txt", "cart", ("0054c01d8c35094d2c7a13fe242fe20f5290fcba",)),
            Published("buy/train.txt", "buy", ("c482a5088259610bf9f4dd80a23a360c21d98e91",)),
            Published("buy/test.txt", "buy", ("1fdd50716d11b9ffd78d41465696e4765c7d037b",)),
        ),
        remark="Without the views and carts that the publisher held out: ",
    ),
    Entry(
        name="beibei_1k",
        title="Beibei, 1,000 users",
        description="The first 1,000 users of Beibei, with views, over the whole catalogue of items. "
        "Only from a local folder.",
        behaviors=("view", "cart", "buy"),
        users=1_000,
        items=7_977,
        files=(
            Published("pv_mini.txt", "view", ("fd8163a502eccb28ea868f851242bf90ea211a1a",)),
            Published("cart_mini.txt", "cart", ("4581f5d8bc5e1de6651d32e265e062d36b1371e5",)),
            Published("train_mini.txt", "buy", ("28a0139f776588ee2617b91fd2111d37ef0c1f4e",)),
            Published("test_mini.txt", "buy", ("32053c85e7067a3d3e0abfe83e10a6f8d5628344",)),
        ),
    ),
)
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def add(
    library: Library,
    name: str,
    source: str | Path | None = None,
    behaviors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    *,
    label: str | None = None,
    seed: int = 0,
) -> Dataset:
    """Add a data set to the library, whole or not at all.

    Without a source, it is the catalogue's of that name: generated, or fetched and checked against git's blob ids.
    With one (a file, folder or http address), it is read from there (see `importing.read`); a name of the catalogue
    needs the catalogue's own files there. `label` is what to call the source: an upload's name, say. DataError
    where the name is taken, or the source is missing, malformed or not what it should be.
    """
    check_name(name)
    library.check_free(name)
    entry = CATALOGUE.get(name)
    tell = progress or (lambda what, share: None)
    with tempfile.TemporaryDirectory(prefix="nmtr-") as scratch:
        path = None if source is None else _local(source, Path(scratch), tell)
        shown = label or _shown(source)
        if entry is None:
            if path is None:
                raise DataError(
                    f"a data set without a source must be one of the catalogue's ({', '.join(CATALOGUE)}); got "
                    f"{name}: say where it comes from with --from, or upload it."
                )
            tell(f"reading {shown}", 1.0)
            dataset = read(path, name=name, behaviors=behaviors, columns=columns, seed=seed, label=shown)
        elif columns:
            raise DataError(f"--columns is for events, but {name} has a layout of its own; leave it out.")
        elif path is not None:
            with unpacked(path, shown) as files:
                dataset = _published(entry, _own_files(entry, files, shown), behaviors)
        elif entry.files:
            dataset = _published(entry, _fetched(entry, behaviors, Path(scratch), tell), behaviors)
        else:
            tell("generating", 1.0)
            dataset = generate()
            dataset = dataset.select(behaviors) if behaviors else dataset
        tell("saving", 1.0)
        library.save(dataset)
    return dataset


def blob_id(path: Path) -> str:
    """Git's blob id of a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _published(entry: Entry, files: Sequence[File], behaviors: Sequence[str] | None) -> Dataset:
    """The data set of an entry's own files; DataError where the behaviors do not end with the entry's target."""
    if behaviors and behaviors[-1] != entry.behaviors[-1]:
        raise DataError(
            f"behaviors of {entry.name} must end with {entry.behaviors[-1]}, whose purchases its test file holds; "
            f"got {', '.join(behaviors)}."
        )
    rows = read_lines(files, behaviors, entry.name, entry.items)
    return assemble(rows, name=entry.name, source=entry.source, licence=entry.licence, remark=entry.remark)


def _own_files(entry: Entry, files: Sequence[File], source: str) -> list[File]:
    """Those of the given files that are the entry's, each checked; DataError where one is missing or another."""
    if not entry.files:
        raise DataError(f"{entry.name} is generated, not read; choose another name for {source}.")
    paths = {PurePosixPath(file.name): file for file in files}
    by_name = {path.name: file for path, file in paths.items()}
    by_name |= {"_".join(path.parts[-2:]): file for path, file in paths.items()}
    own = []
    for published in entry.files:
        file = by_name.get(published.name)
        if file is not None:
            _check_content(entry, published, file.path, file.name)
            own.append(File(published.name, file.path))
        elif published.needed:
            needed = ", ".join(p.path for p in entry.files if p.needed)
            raise DataError(
                f"{entry.name} needs its own files {needed}; {source} has no {published.path}: "
                "give their folder, or choose another name for other data."
            )
    return own


def _fetched(entry: Entry, behaviors: Sequence[str] | None, scratch: Path, tell: Progress) -> list[File]:
    """The entry's files of these behaviors, fetched and checked."""
    if entry.repository is None:
        names = ", ".join(file.path for file in entry.files)
        raise DataError(f"{entry.name} can only be added from a local folder with {names}; name it with --from.")
    wanted = [f for f in entry.files if behaviors is None or f.behavior in (*behaviors, entry.behaviors[-1])]
    files = []
    for number, published in enumerate(wanted):

        def tell_file(what: str, share: float, number: int = number) -> None:
            tell(what, (number + share) / len(wanted))

        path = scratch / published.name
        download(entry.address(published), path, tell_file)
        _check_content(entry, published, path, published.path)
        files.append(File(published.name, path))
    return files


def _check_content(entry: Entry, published: Published, path: Path, shown: str) -> None:
    found = blob_id(path)
    if found not in published.blobs:
        raise DataError(
            f"{shown} must be {entry.name}'s {published.path} as published (git blob {published.blobs[0][:12]}); "
            f"its content is another ({found[:12]}): get it again, or choose another name for other data."
        )


def _is_address(source: str | Path | None) -> bool:
    return isinstance(source, str) and source.startswith(("http://", "https://"))


def _shown(source: str | Path | None) -> str:
    """What to call a source: a file's name, or an address without what may be secret in it."""
    if _is_address(source):
        address = urlsplit(str(source))
        return f"{address.scheme}://{address.hostname}{address.path}"
    return Path(source or "").expanduser().resolve().name


def _local(source: str | Path, scratch: Path, tell: Progress) -> Path:
    """The source as a path: itself, or fetched."""
    if not _is_address(source):
        return Path(source).expanduser()
    path = scratch / "source"
    download(str(source), path, tell)
    return path
