"""The data sets of one home: a folder for each, written whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from scipy.sparse import csr_array

from nmtr.data.activity import Activity
from nmtr.data.dataset import Dataset, Origin, matrix_of, pairs_of
from nmtr.data.recipe import Recipe
from nmtr.data.staging import doomed, staging, sweep
from nmtr.errors import DataError
from nmtr.frozen import Frozen

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class DatasetInfo(Frozen):
    """What `dataset.json` says of a data set."""

    format: Literal[1] = 1
    name: str
    behaviors: tuple[str, ...]  # lowest first, the target last
    users: int
    items: int
    interactions: dict[str, int]  # behavior -> pairs; the target's with the held-out ones
    test_users: int  # users with a held-out pair
    fingerprint: str
    source: str
    licence: str
    made: str
    synthetic: bool
    created: datetime
    steps: tuple[str, ...] = ()  # those of `Origin`; older versions kept neither
    recipe: Recipe | None = None
    activity: Activity | None = None  # of a source with times of day; older versions kept none

    @classmethod
    def of(cls, dataset: Dataset, created: datetime | None = None) -> DatasetInfo:
        """What would be written for this data set."""
        return cls(
            name=dataset.name,
            behaviors=dataset.behaviors,
            users=dataset.num_users,
            items=dataset.num_items,
            interactions=count_interactions(dataset),
            test_users=int((dataset.test_item >= 0).sum()),
            fingerprint=dataset.fingerprint,
            source=dataset.origin.source,
            licence=dataset.origin.licence,
            made=dataset.origin.made,
            synthetic=dataset.origin.synthetic,
            created=created or datetime.now(UTC),
            steps=dataset.origin.steps,
            recipe=dataset.origin.recipe,
            activity=dataset.activity,
        )


def count_interactions(dataset: Dataset) -> dict[str, int]:
    """Pairs of each behavior; the target's with the held-out ones."""
    counts = {b: int(matrix.nnz) for b, matrix in zip(dataset.behaviors, dataset.matrices, strict=True)}
    counts[dataset.target] += int((dataset.test_item >= 0).sum())
    return counts


def check_name(name: str) -> str:
    """The name itself, if a data set can have it; DataError if not."""
    if not NAME.fullmatch(name):
        raise DataError(
            "a data set's name must be 1 to 64 lower-case letters, digits, - or _, beginning with a letter "
            f"or digit; got {name[:80]!r}."
        )
    return name


class Library:
    """The data sets under one folder.

    Each is a folder of its own: `dataset.json` (`DatasetInfo`), `interactions.parquet` (user int32,
    item int32, behavior int8; sorted by behavior, user, item; the target's without the held-out pairs),
    `users.parquet` (label, test_item, valid_item; -1 = none; last_day, where the source has times of day) and
    `items.parquet` (label and the attributes there are).
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """The names of all data sets, sorted."""
        found = self.root.glob("*/dataset.json")
        return sorted(path.parent.name for path in found if NAME.fullmatch(path.parent.name))

    def info(self, name: str) -> DatasetInfo:
        """What a data set is, without reading its pairs; DataError if there is none or it is damaged."""
        folder = self._folder(name)
        with _damage_reported(name):
            return DatasetInfo.model_validate_json((folder / "dataset.json").read_bytes())

    def load(self, name: str) -> Dataset:
        """Read a data set and verify its fingerprint; DataError if there is none or it is damaged."""
        info, folder = self.info(name), self._folder(name)
        with _damage_reported(name):
            users = pq.read_table(folder / "users.parquet")
            items = pq.read_table(folder / "items.parquet")
            pairs = pq.read_table(folder / "interactions.parquet")
            attributes = items.drop_columns("label").to_pandas()
            dataset = Dataset(
                name=name,
                behaviors=info.behaviors,
                matrices=_matrices(pairs, (users.num_rows, items.num_rows), len(info.behaviors)),
                test_item=users["test_item"].to_numpy().astype(np.int32),
                given_valid_item=users["valid_item"].to_numpy().astype(np.int32),
                users=np.array(users["label"].to_pylist(), dtype=np.str_),
                items=np.array(items["label"].to_pylist(), dtype=np.str_),
                origin=Origin(info.source, info.licence, info.made, info.synthetic, info.steps, info.recipe),
                attributes=attributes if len(attributes.columns) else None,
                last_day=users["last_day"].to_numpy() if "last_day" in users.column_names else None,
                activity=info.activity,
            )
            if dataset.fingerprint != info.fingerprint:
                raise ValueError(f"its fingerprint is {dataset.fingerprint}, not {info.fingerprint}")
        return dataset

    def check_free(self, name: str) -> None:
        """DataError where no new data set can have this name."""
        if (self.root / check_name(name)).exists():
            raise DataError(
                f"a new data set needs a name of its own; {name} is taken: choose another, or remove that one first."
            )

    def staging(self) -> AbstractContextManager[Path]:
        """A folder of its own in which to make a data set; see `staging`."""
        return staging(self.root)

    def sweep(self) -> None:
        """Remove what processes left that were killed while they made or removed a data set."""
        sweep(self.root)

    def save(self, dataset: Dataset) -> None:
        """Write a data set, whole or not at all; DataError where it cannot have its name, or the disk is full."""
        self.check_free(dataset.name)
        with self.staging() as place:
            write(dataset, place / dataset.name)
            self.take_in(place / dataset.name)

    def take_in(self, made: Path) -> None:
        """Make a data set of a folder that `write` made in this library's staging place, under the folder's name."""
        try:
            made.rename(self.root / made.name)
        except OSError:
            self.check_free(made.name)  # another process may have been faster
            raise
        _sync(self.root)

    def remove(self, name: str) -> None:
        """Delete a data set, damaged or not; DataError if there is none."""
        # Renamed first, so that no reader meets half of it.
        shutil.rmtree(self._folder(name).rename(doomed(self.root)))

    def _folder(self, name: str) -> Path:
        """The folder of an existing data set; the name is checked before it becomes a path."""
        if NAME.fullmatch(name) and (self.root / name).is_dir():
            return self.root / name
        names = self.names()
        raise DataError(
            f"data set must be one of those added ({', '.join(names) or 'none yet'}); got {name[:80]!r}; "
            "add it with `nmtr data add` or on the Data page."
        )


@contextmanager
def _damage_reported(name: str) -> Iterator[None]:
    """Turns whatever reading a damaged folder raises into one sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, IndexError, pa.ArrowException) as error:
        detail = " ".join(str(error).split())
        if isinstance(error, ValidationError):
            detail = "dataset.json does not hold what it should"
        raise DataError(
            f"data set {name} must be readable, but its folder is damaged ({detail.rstrip('.')}); "
            "remove it and add it again."
        ) from error


def _matrices(pairs: pa.Table, shape: tuple[int, int], num_behaviors: int) -> tuple[csr_array, ...]:
    """The (M, N) matrix of each behavior from pairs sorted by behavior, user and item."""
    users, items, behavior = (pairs[column].to_numpy() for column in ("user", "item", "behavior"))
    ends = np.searchsorted(behavior, np.arange(num_behaviors + 1))
    return tuple(
        matrix_of(users[start:end], items[start:end], shape) for start, end in zip(ends[:-1], ends[1:], strict=True)
    )


def write(dataset: Dataset, folder: Path) -> None:
    """The four files of a data set in a new folder, safe on disk when this returns; OSError where the disk is full."""
    folder.mkdir()
    pairs_by_behavior = [pairs_of(matrix) for matrix in dataset.matrices]
    pairs = pa.table(
        {
            "user": np.concatenate([users for users, _ in pairs_by_behavior]),
            "item": np.concatenate([items for _, items in pairs_by_behavior]),
            "behavior": np.repeat(
                np.arange(dataset.num_behaviors, dtype=np.int8), [matrix.nnz for matrix in dataset.matrices]
            ),
        }
    )
    users = {
        "label": dataset.users.tolist(),
        "test_item": dataset.test_item.astype(np.int32),
        "valid_item": dataset.given_valid_item.astype(np.int32),
    }
    if dataset.last_day is not None:
        users["last_day"] = dataset.last_day
    items = {"label": pa.array(dataset.items.tolist(), pa.string())}
    if dataset.attributes is not None:
        items |= {str(c): pa.array(dataset.attributes[c], from_pandas=True) for c in dataset.attributes.columns}
    pq.write_table(pairs, folder / "interactions.parquet")
    pq.write_table(pa.table(users), folder / "users.parquet")
    pq.write_table(pa.table(items), folder / "items.parquet")
    (folder / "dataset.json").write_text(DatasetInfo.of(dataset).model_dump_json(indent=2) + "\n", encoding="utf-8")
    for path in (*folder.iterdir(), folder):
        _sync(path)


def _sync(path: Path) -> None:
    """Have a file's content, or a folder's entries, on disk before going on."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
