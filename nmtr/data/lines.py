"""The layouts of published files: a line `user item item …` for each user, or `user item` for each pair, by numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.data.behaviors import is_step, order_behaviors
from nmtr.data.rows import TEST, TRAIN, VALID, Rows
from nmtr.data.unpack import File
from nmtr.errors import DataError

MAX_PAIRS = 50_000_000
_BLOCK = 1 << 22  # bytes that are read at a time: a line may be as long as the file
_DIGITS = 18  # of a number, at most
_LINE = re.compile(rb"\d+([ \t]+\d+)*[ \t]*\r?")
_PARTS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), TRAIN),
    **dict.fromkeys(("valid", "validation", "val", "vld", "dev"), VALID),
    **dict.fromkeys(("test", "testing", "tst", "te"), TEST),
}
_TARGET = "buy"  # what train.txt and test.txt hold, unless the source names another


def is_lines(file: File) -> bool:
    """Whether a file looks like this layout: its first line is whole numbers, as far as a look goes."""
    with file.path.open("rb") as stream:
        first = stream.readline(1 << 16).rstrip(b"\n")
    return _LINE.fullmatch(first) is not None


def read_lines(files: Sequence[File], behaviors: Sequence[str] | None, source: str, num_items: int = 0) -> Rows:
    """The rows of a source in this layout.

    A file's name says what it holds: `train`, `valid`, `test` the target's pairs; `cart` or `pv` all pairs of a
    lower behavior; `cart_train`, `trn_cart` or `cart/train` a behavior's pairs by part; a trailing `_mini` means
    nothing.

    The items are 0 … `num_items` or the largest id, if that is more. Where `num_items` is 0 and most of those are
    nobody's, the ids do not number a catalogue, and the items are those that occur. DataError where a line is
    malformed, or there are too many pairs.
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

    left_out = [file.name for (name, _), file in roles.items() if (name or target) not in order]
    read = [(name or target, part, _pairs(file)) for (name, part), file in roles.items() if (name or target) in order]
    if len(files) == 1:
        _check_layout(read[0][2], files[0], next(iter(roles)))
    counts = [int(pairs.counts.sum()) for _, _, pairs in read]
    if not sum(counts):
        raise DataError(f"a data set needs interactions; {source} holds none.")
    if sum(counts) > MAX_PAIRS:
        raise DataError(f"a data set can have up to {MAX_PAIRS:,} interactions; {source} has {sum(counts):,}.")
    users = np.unique(np.concatenate([pairs.owners for _, _, pairs in read]))
    item = np.concatenate([pairs.items for _, _, pairs in read])
    items, size = np.unique(item), max(num_items, int(item.max()) + 1)
    catalogue = num_items > 0 or size <= 2 * len(items)
    if catalogue:
        items = np.arange(size)
    else:
        item = np.searchsorted(items, item)
    return Rows(
        user=np.concatenate(
            [np.repeat(np.searchsorted(users, p.owners), p.counts).astype(np.int32) for _, _, p in read]
        ),
        item=item.astype(np.int32),
        behavior=np.repeat(np.array([order.index(name) for name, _, _ in read], np.int8), counts),
        users=users.astype(np.str_),
        items=items.astype(np.str_),
        behaviors=order,
        part=np.repeat(np.array([its_part for _, its_part, _ in read], np.int8), counts),
        catalogue=catalogue,
        notes=_notes(sum(counts), all(pairs.one_each for _, _, pairs in read), left_out, catalogue),
    )


def _notes(pairs: int, one_each: bool, left_out: Sequence[str], catalogue: bool) -> tuple[str, ...]:
    notes = [f"{pairs:,} pairs read, a line a {'pair' if one_each else 'user'}"]
    if left_out:
        notes.append(f"{len(left_out)} file{'s' * (len(left_out) > 1)} left out ({', '.join(left_out)[:300]})")
    return tuple(notes) if catalogue else (*notes, "items are those that occur, since the ids number no catalogue")


def _check_layout(pairs: _Pairs, file: File, role: tuple[str | None, int]) -> None:
    """DataError where a file may as well have a row an event, `user item rating`: nothing but its name would tell."""
    alike = len(pairs.counts) > 1 and pairs.counts[0] in (2, 3, 4) and (pairs.counts == pairs.counts[0]).all()
    if alike and role[1] == TRAIN and role[0] is not None and not is_step(role[0]):
        numbers = pairs.counts[0] + 1
        raise DataError(
            f"{file.name} may have a line a user or a row an event, as all lines have {numbers} numbers: add "
            "a header line such as user,item,rating if they are events, or call it train.txt if they are lines."
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
        words = re.split(r"[/_-]", stem)
        part = next((_PARTS[words.pop(end).lower()] for end in (-1, 0) if words[end].lower() in _PARTS), TRAIN)
        name = "_".join(words)
        role = ({"pv": "view"}.get(name, name) or None, part)
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


@dataclass(frozen=True, eq=False)
class _Pairs:
    """One file's lines."""

    owners: NDArray[np.int64]  # (L,) the user of each line
    counts: NDArray[np.int64]  # (L,) how many items stand in it
    items: NDArray[np.signedinteger[Any]]  # (n,) of all lines, in their order; int32 where that is enough

    @property
    def one_each(self) -> bool:
        """Whether each line is a pair."""
        return bool((self.counts == 1).all())


def _pairs(file: File) -> _Pairs:
    """A file's lines; DataError where one is malformed, or a user has two and they are more than a pair each."""
    owners, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    items: list[NDArray[np.signedinteger[Any]]] = [np.empty(0, np.int32)]
    begun = False  # whether the line that goes on has its user already
    for block, line in _blocks(file):
        numbers, lines = _numbers(block, line, file)
        if not len(numbers):
            begun = begun and b"\n" not in block
            continue
        is_owner = np.diff(lines, prepend=lines[0] if begun and lines[0] == 0 else -1) > 0
        starts = np.flatnonzero(is_owner)
        counts[-1][-1:] += starts[0] if len(starts) else len(numbers)  # of the line that went on
        if len(starts):
            owners.append(numbers[starts])
            counts.append(np.diff(starts, append=len(numbers)) - 1)
        its_items = numbers[~is_owner]
        items.append(its_items.astype(np.int32) if its_items.max(initial=0) < 2**31 else its_items)
        begun = block.count(b"\n") == lines[-1]
    pairs = _Pairs(np.concatenate(owners), np.concatenate(counts), np.concatenate(items))
    users, lines_of = np.unique(pairs.owners, return_counts=True)
    if (lines_of > 1).any() and not pairs.one_each:
        raise DataError(
            f"each user must have one line in {file.name}; {users[lines_of > 1][0]} has more: "
            "if these are events, they need a header line such as user,item,behavior."
        )
    return pairs


def _blocks(file: File) -> Iterator[tuple[bytes, int]]:
    """The file in pieces that cut no number apart, each with the number of the line in which it begins."""
    line, rest = 1, b""
    with file.path.open("rb") as stream:
        while read := stream.read(_BLOCK):
            block = rest + read
            end = max(block.rfind(blank) for blank in (b" ", b"\t", b"\n")) + 1
            if not end and len(block) > _DIGITS:
                raise _not_numbers(file, line)
            yield block[:end], line
            line, rest = line + block.count(b"\n", 0, end), block[end:]
    yield rest, line


def _numbers(block: bytes, line: int, file: File) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of a piece, and in which of its lines each stands, from 0."""
    text = np.frombuffer(block, np.uint8)
    breaks = np.flatnonzero(text == ord("\n"))
    digit = (text >= ord("0")) & (text <= ord("9"))
    blank = (text == ord(" ")) | (text == ord("\t")) | (text == ord("\n"))
    blank |= (text == ord("\r")) & np.append(text[1:] == ord("\n"), True)
    edges = np.flatnonzero(np.diff(digit, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    wrong = np.concatenate([np.flatnonzero(~digit & ~blank)[:1], starts[ends - starts > _DIGITS][:1]])
    if len(wrong):
        raise _not_numbers(file, line + int(np.searchsorted(breaks, wrong.min())))
    numbers = np.fromstring(block.decode("ascii"), np.int64, sep=" ") if len(starts) else np.empty(0, np.int64)
    return numbers, np.searchsorted(breaks, starts)


def _not_numbers(file: File, line: int) -> DataError:
    return DataError(f"line {line} of {file.name} must be whole numbers `user item item …`; it is not.")
