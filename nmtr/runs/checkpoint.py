"""The files in a run's folder: its checkpoint, and the weights and ranks of a finished run.

Each is written beside its place, brought to the disk and renamed, so that a reader sees a whole file or none, and what
cannot be written (OSError: the disk is full) leaves what was there and nothing else. Two checkpoints are kept: one that
is not what was written, by the checksum in it, is removed and the one before it taken, else the run begins again. Only
that proves damage: whatever else keeps a file from being read, such as a lack of memory or too many open files, is
raised and the file stays. Nothing is unpickled but tensors and plain values.

torch's files are zips. The checksum, a CRC-32 of all bytes before it, stands in the zip's comment; in files that were
written before there was one, the checksums of the zip's members are compared instead.
"""

from __future__ import annotations

import errno
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nmtr.errors import RunError, lacks_memory
from nmtr.files import whole

if TYPE_CHECKING:
    from torch import Tensor  # torch takes seconds to import: only inside the functions that need it

_CHECKPOINT, _PREVIOUS = "checkpoint.pt", "checkpoint.prev.pt"
WEIGHTS, RANKS = "weights.pt", "ranks.npz"

_END = b"PK\5\6"  # what a zip ends with: these four bytes, 16 others, the comment's length in two, the comment
_END_BYTES = 22
_SEAL = b"nmtr crc32 %08x"  # the comment
_SEAL_BYTES = len(_SEAL % 0)
_BLOCK = 1 << 20  # bytes read at once


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a training (tensors and plain values), keeping the one before it; OSError if it cannot be."""
    with whole(folder / _CHECKPOINT, durable=True, keep_as=folder / _PREVIOUS) as file:
        _save(state, file)


def load(folder: Path, say: Callable[[str], None] = lambda sentence: None) -> dict[str, Any] | None:
    """The last state that can be read whole: the checkpoint, else the one before it, else None.

    Each that is damaged is removed, and told of with `say`. OSError, MemoryError, or torch's RuntimeError for it, where
    one cannot be read for another reason: both stay as they are then.
    """
    for path in (folder / _CHECKPOINT, folder / _PREVIOUS):
        try:
            return _load(path)
        except FileNotFoundError:
            continue
        except _Damaged as damaged:
            say(
                f"{path.name} is damaged ({damaged}), so the run goes on from the checkpoint before it, "
                "or from its start where there is none."
            )
            path.unlink(missing_ok=True)  # or the next save would keep it in place of the whole one
    return None


def clear(folder: Path) -> None:
    """Remove the checkpoints of a run that is done."""
    for name in (_CHECKPOINT, _PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def save_weights(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Write the fitted model's tensors by name; OSError if that cannot be."""
    with whole(folder / WEIGHTS, durable=True) as file:
        _save(weights, file)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The fitted model's tensors by name, on the CPU; RunError where they are missing, damaged or cannot be read."""
    with _refused(folder / WEIGHTS):
        return _load(folder / WEIGHTS)


def save_ranks(folder: Path, ranks: Mapping[str, NDArray[Any]]) -> None:
    """Write each user's ranks by name ("valid", "test"); OSError if that cannot be."""
    with whole(folder / RANKS, durable=True) as file:
        np.savez_compressed(file, allow_pickle=False, **ranks)


def load_ranks(folder: Path) -> dict[str, NDArray[Any]]:
    """Each user's ranks by name; RunError where they are missing, damaged or cannot be read."""
    with _refused(folder / RANKS), (folder / RANKS).open("rb") as file, np.load(file, allow_pickle=False) as ranks:
        return dict(ranks)


def _save(values: Mapping[str, Any], file: BinaryIO) -> None:
    """Write tensors and plain values in torch's format, with a checksum of all of it."""
    import torch

    try:
        torch.save(dict(values), file)
    except RuntimeError as error:  # its writer's complaint about an offset, where the file took no more
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
    file.seek(-2, os.SEEK_END)
    file.write(_SEAL_BYTES.to_bytes(2, "little"))
    file.write(_SEAL % _checksum(file, file.tell()))


def _load(path: Path) -> dict[str, Any]:
    """The values in a file of torch's, on the CPU; _Damaged where it is not what was written."""
    import pickle

    import torch

    with path.open("rb") as file:
        _check(file)
        file.seek(0)
        try:
            values: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            raise _Damaged("it holds more than tensors and plain values") from None
    return values


class _Damaged(Exception):
    """A file that is not what was written to it; says how that is known."""


def _check(file: BinaryIO) -> None:
    """_Damaged unless the file is as it was written; what else goes wrong (OSError, MemoryError) says nothing of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _SEAL_BYTES))
    tail = file.read()
    if tail[:4] == _END and tail[_END_BYTES - 2 : _END_BYTES] == _SEAL_BYTES.to_bytes(2, "little"):
        if tail[_END_BYTES:] != _SEAL % _checksum(file, size - _SEAL_BYTES):
            raise _Damaged("its checksum is another")
    elif tail[-_END_BYTES:][:4] == _END and tail[-2:] == b"\0\0":
        _check_members(file)  # of an nmtr that gave no checksum of the whole
    else:
        raise _Damaged("its end is missing")


def _check_members(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except MemoryError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # which is a place before the file's first byte
            raise
        raise _Damaged("it points outside of itself") from error
    except Exception as error:  # damaged bytes raise whatever they happen to decode to
        raise _Damaged(type(error).__name__) from error
    if damaged is not None:
        raise _Damaged(f"the checksum of {damaged} is another")


def _checksum(file: BinaryIO, size: int) -> int:
    """The CRC-32 of a file's first bytes; the file stands behind them afterwards."""
    file.seek(0)
    checksum = 0
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise _Damaged("its end is missing")  # it was cut off since
        checksum, size = zlib.crc32(block, checksum), size - len(block)
    return checksum


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Turns what goes wrong in reading a file of a finished run into one sentence, which says whether it is damaged."""
    try:
        yield
    except Exception as error:
        if lacks_memory(error):
            problem = "needs more memory than is free now, so try again when other programs need less"
        elif isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and error.errno != errno.EINVAL:
            problem = f"cannot be read now ({error.strerror}), so mend that and try again"
        else:
            problem = "is missing or damaged, so train the run again"
        raise RunError(f"The run's {path.name} must be a whole file; {path} {problem}.") from error
