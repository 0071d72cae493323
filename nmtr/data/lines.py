"""The layout of published files: a line `user item item …` for each user, with ids that count from 0."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence

import numpy as np

from nmtr.data.assemble import TEST, TRAIN, VALID, Rows
from nmtr.data.behaviors import order_behaviors
from nmtr.data.dataset import IntArray
from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_ID = 5_000_000  # every id up to the largest becomes a user or an item, so one wild number would fill the memory
_LINE = re.compile(rb"\d+([ \t]+\d+)*[ \t]*\r?")
_PARTS = {"train": TRAIN, "valid": VALID, "val": VALID, "test": TEST}
_TARGET = "buy"  # what train.txt and test.txt hold, unless the source names another


def is_lines(file: File) -> bool:
    """Whether a file looks like this layout: its first line is whole numbers."""
    with file.path.open("rb") as stream:
        first = stream.readline(1 << 20).rstrip(b"\n")
    return _LINE.fullmatch(first) is not None


def read_lines(files: Sequence[File], behaviors: Sequence[str] | None, source: str, num_items: int = 0) -> Rows:
    """The rows of a source in this layout.

    A file's name says what it holds: `train`, `valid`, `test` the target's pairs; `cart` or `pv` all pairs of a
    lower behavior; `cart_train` or `cart/train` a behavior's pairs by part; a trailing `_mini` means nothing. The
    items are 0 … the largest id, or `num_items` if that is more. DataError where a line is malformed.
    """
    roles = _roles(files, source)
    named = {behavior for behavior, _ in roles if behavior}
    target = behaviors[-1] if behaviors else _TARGET
    found = named if named == {behavior for behavior, _ in roles} else named | {target}
    if target in named and None in {behavior for behavior, _ in roles}:
        raise DataError(
            f"behaviors must end with what train and test files without a behavior's name hold; {source} has such "
            f"files, and {target} in a file of its own: put the behavior that is bought by last."
        )
    order = order_behaviors(found, behaviors, source)

    user, item, behavior, part = [], [], [], []
    for (name, its_part), file in roles.items():
        if (name or target) in order:
            users, items = _pairs(file)
            user.append(users)
            item.append(items)
            behavior.append(np.full(len(users), order.index(name or target), np.int8))
            part.append(np.full(len(users), its_part, np.int8))
    users, items = np.concatenate(user), np.concatenate(item)
    if not len(users):
        raise DataError(f"a data set needs interactions; {source} holds none.")
    num_items = max(num_items, int(items.max()) + 1)
    return Rows(
        user=users,
        item=items,
        behavior=np.concatenate(behavior),
        users=np.arange(users.max() + 1).astype(np.str_),
        items=np.arange(num_items).astype(np.str_),
        behaviors=order,
        part=np.concatenate(part),
        catalogue=True,
    )


def _roles(files: Sequence[File], source: str) -> dict[tuple[str | None, int], File]:
    """What each file holds: (behavior, part); the behavior is None where the name leaves it to the target."""
    roles: dict[tuple[str | None, int], File] = {}
    common = _common_folder([file.name for file in files])
    for file in files:
        if not is_lines(file):
            raise DataError(
                f"every file of {source} must have a line `user item item …` of whole numbers for each user, "
                f"as others there have; {file.name} has not."
            )
        stem = file.name[len(common) :].rsplit(".", 1)[0].removesuffix("_mini")
        *words, last = re.split(r"[/_-]", stem)
        part = _PARTS.get(last.lower())
        name = "_".join(words) if part is not None else "_".join([*words, last])
        role = ({"pv": "view"}.get(name, name) or None, TRAIN if part is None else part)
        if role in roles:
            raise DataError(f"{roles[role].name} and {file.name} of {source} must hold different things; keep one.")
        roles[role] = file
    return roles


def _common_folder(names: Sequence[str]) -> str:
    """The folder that all names begin with, its slash included, or nothing."""
    folders = [name.split("/")[:-1] for name in names]
    common = 0
    while all(len(folder) > common and folder[common] == folders[0][common] for folder in folders):
        common += 1
    return "".join(f"{folder}/" for folder in folders[0][:common])


def _pairs(file: File) -> tuple[IntArray, IntArray]:
    """The users and items of one file's pairs."""
    users, counts, ids = array("q"), array("q"), array("q")
    with file.path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            words = line.split()
            if not words:
                continue
            if not _LINE.fullmatch(line.rstrip(b"\n")) or len(max(words, key=len)) > 18:
                raise DataError(f"line {number} of {file.name} must be whole numbers `user item item …`; it is not.")
            row = array("q", map(int, words))
            if max(row) > MAX_ID:
                raise DataError(
                    f"ids must count from 0 and stay under {MAX_ID:,}; line {number} of {file.name} has {max(row)}."
                )
            users.append(row[0])
            counts.append(len(row) - 1)
            ids.extend(row[1:])
    owners = np.array(users, dtype=np.int32)
    if len(np.unique(owners)) < len(owners):
        repeated = np.flatnonzero(np.bincount(owners) > 1)[0]
        raise DataError(
            f"each user must have one line in {file.name}; {repeated} has more: "
            "if these are events, they need a header line such as user,item,behavior."
        )
    return np.repeat(owners, np.array(counts)), np.array(ids, dtype=np.int32)
